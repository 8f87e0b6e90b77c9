/* SPDX-License-Identifier: MIT
 *
 * A Modelfile: instructions, a line each, texts between """.  Its template is one of Go's
 * text/template over .System and .Messages.  Pieces of text stand there as they are, unless
 * they hold what Go or the Modelfile would take for its own: then as a string of Go.
 */
#include <libtrain/publish/stops.h>
#include <libtrain/publish/turns.h>

#include <libtrain/file.h>
#include <libtrain/printable.h>

#include <stdlib.h>
#include <string.h>

/* ---- the template ----------------------------------------------------------------- */

static int is_plain(const char *text)
{
    for (; *text; text++)
        if (strchr("{}\"", *text) || ((unsigned char)*text < ' ' && *text != '\n'))
            return 0;
    return 1;
}

static void put_text(FILE *f, const char *text)
{
    if (is_plain(text)) {
        fputs(text, f);
        return;
    }
    fputs("{{ \"", f);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(f, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(f, "\\x%02x", (unsigned)(unsigned char)*text);
        else
            fputc(*text, f);
    fputs("\" }}", f);
}

static void put_system(FILE *f, const struct tr__turns *t)
{
    put_text(f, t->head);
    fputs("{{ $.System }}", f);
    put_text(f, t->after_system);
}

/* What stands in front of the first turn. */
static void put_front(FILE *f, const struct tr__turns *t)
{
    if (!t->takes_system || t->late) {
        put_text(f, t->bare);
        return;
    }
    fputs("{{ if .System }}", f);
    put_system(f, t);
    if (*t->bare) {
        fputs("{{ else }}", f);
        put_text(f, t->bare);
    }
    fputs("{{ end }}", f);
}

static void put_turns(FILE *f, const struct tr__turns *t)
{
    static const char last[] = "eq (len (slice $.Messages $i)) 1";
    fputs("{{ range $i, $m := .Messages }}{{ if eq .Role \"user\" }}", f);
    if (t->late) {
        fprintf(f, "{{ if and $.System (%s) }}", last);
        put_system(f, t);
        fputs("{{ end }}", f);
    }
    fputs("{{ .Content }}", f);
    if (strcmp(t->to_answer, t->prompt)) {
        fprintf(f, "{{ if %s }}", last);
        put_text(f, t->prompt);
        fputs("{{ else }}", f);
        put_text(f, t->to_answer);
        fputs("{{ end }}", f);
    } else {
        put_text(f, t->prompt);
    }
    fprintf(f, "{{ else if eq .Role \"assistant\" }}{{ .Content }}{{ if not (%s) }}", last);
    put_text(f, t->to_next);
    fputs("{{ end }}{{ end }}{{ end }}", f);
}

static void put_template(FILE *f, const struct tr__turns *t)
{
    if (!t->takes_system)
        fputs("# Its template has no place for a system message.\n", f);
    if (t->dated)
        fputs("# Its template writes the day: this is the one on which it was made.\n", f);
    fputs("TEMPLATE \"\"\"", f);
    put_front(f, t);
    put_turns(f, t);
    fputs("\"\"\"\n", f);
}

/* ---- stop texts ------------------------------------------------------------------- */

static int put_stops(FILE *f, const struct tr_tokenizer *tok, const struct tr__turns *t,
                     struct tr_err *err)
{
    struct tr__stops s = { .n = 0 };
    int rc = tr__stops_find(&s, tok, t, err);
    for (size_t i = 0; !rc && i < s.n; i++) {
        const char *text = s.stop[i].text, *quote = strpbrk(text, "\"\n") ? "\"\"\"" : "\"";
        if (!strstr(text, "\"\"\""))
            fprintf(f, "PARAMETER stop %s%s%s\n", quote, text, quote);
    }
    tr__stops_release(&s);
    return rc;
}

/* ---- the file --------------------------------------------------------------------- */

/* A name behind an instruction. */
static int put_name(FILE *f, const char *instruction, const char *name, struct tr_err *err)
{
    if (!*name || strpbrk(name, "\"\n\r"))
        return tr_err_set(err, TR_EFORMAT, "'%s' cannot be named in a Modelfile", name);
    fprintf(f, strpbrk(name, " \t#") ? "%s \"%s\"\n" : "%s %s\n", instruction, name);
    return 0;
}

int tr_modelfile_write(FILE *f, const struct tr_modelfile *m, const struct tr_tokenizer *tok,
                       struct tr_err *err)
{
    char why[TR__WHY_BYTES];
    struct tr__turns t = { 0 };
    int found = tr__turns_find(&t, m, tok, why, err), rc = found < 0 ? found : 0;
    if (!rc && m->system && strstr(m->system, "\"\"\""))
        rc = tr_err_set(err, TR_EFORMAT, "three quotes in a row cannot be in a system "
                        "message of a Modelfile");
    if (!rc)
        rc = put_name(f, "FROM", m->from, err);
    if (!rc && m->adapter)
        rc = put_name(f, "ADAPTER", m->adapter, err);
    if (!rc && found) {
        put_template(f, &t);
    } else if (!rc) {
        fputs("# No TEMPLATE can be made of the chat template: ", f);
        tr_print_escaped(f, why, strlen(why));
        fputs(".\n", f);
    }
    if (!rc)
        rc = put_stops(f, tok, &t, err);
    if (!rc && m->num_ctx)
        fprintf(f, "PARAMETER num_ctx %lld\n", (long long)m->num_ctx);
    if (!rc && m->system)
        fprintf(f, "SYSTEM \"\"\"%s\"\"\"\n", m->system);
    tr__turns_release(&t);
    return rc;
}
