/* SPDX-License-Identifier: MIT
 *
 * mktext - write made-up text from a grammar, for the example model and the example data.
 *
 *   mktext --bytes 400000 --seed 1 dev/stories.grammar > stories.txt
 *
 * A grammar is lines: "@name" begins a rule, the lines below it are its alternatives, or
 * several of them divided by "|", each as likely as the others; "#" begins a comment, empty
 * lines are skipped.  The text is what the rule "start" gives, again and again, with an
 * empty line in between.
 *
 *   {rule}      one alternative of the rule
 *   {rule.1}    its field 1: fields are divided by "/", the first is 0
 *   {X=rule}    the same, kept under the name X until the next start; {!X=rule} is silent
 *   {X} {X.1}   what was kept
 *   {^…}        any of these with a capital letter
 *   {a} {^a}    the article: "an" before a vowel
 *   \n          end of a line
 */
#include "../cmds/shared/common.h"

#include <libtrain/base/base.h>
#include <libtrain/file.h>
#include <libtrain/rng.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RULE = 512, MAX_KEPT = 32, MAX_DEPTH = 40, MAX_NAME = 32 };
enum { ARTICLE = 1, ARTICLE_CAPITAL = 2 }; /* bytes that stand for one until the end */

struct rule {
    const char *name;
    const char **item; /* alternatives; point into the file's text */
    size_t n, cap;
};

struct text { /* always terminated once something was added */
    char *s;
    size_t n, cap;
};

struct kept {
    char name[MAX_NAME];
    struct text value;
};

struct grammar {
    struct rule rule[MAX_RULE];
    size_t n_rule;
    struct kept kept[MAX_KEPT];
    size_t n_kept;
    struct tr_rng rng;
    struct tr_err *err;
};

/* What stands between two braces. */
struct ref {
    char keep[MAX_NAME], name[MAX_NAME];
    int silent, capital, field;
};

static int add(struct text *t, const char *s, size_t n, struct tr_err *err)
{
    if (tr__grow(&t->s, &t->cap, t->n + n + 1, 1))
        return tr_err_sys(err, "cannot hold %zu bytes of text", t->n + n);
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = 0;
    return 0;
}

/* ==== the grammar ==== */

static int add_item(struct rule *r, const char *item, struct tr_err *err)
{
    if (tr__grow(&r->item, &r->cap, r->n + 1, sizeof *r->item))
        return tr_err_sys(err, "cannot hold the grammar");
    r->item[r->n++] = item;
    return 0;
}

/* Cuts a line into alternatives. */
static int add_items(struct rule *r, char *line, struct tr_err *err)
{
    int rc = 0;
    while (line && !rc) {
        char *bar = strchr(line, '|');
        if (bar)
            *bar++ = 0;
        rc = add_item(r, line, err);
        line = bar;
    }
    return rc;
}

/* Cuts `text` into lines; the rules point into it. */
static int parse(struct grammar *g, char *text)
{
    int number = 0;
    for (char *line = text, *next; line; line = next) {
        number++;
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (!*line || *line == '#')
            continue;
        if (*line == '@' && g->n_rule < MAX_RULE)
            g->rule[g->n_rule++].name = line + 1;
        else if (*line == '@' || !g->n_rule)
            return tr_err_set(g->err, TR_EFORMAT, "line %d: %s", number,
                              *line == '@' ? "too many rules" : "no rule begun yet");
        else if (add_items(&g->rule[g->n_rule - 1], line, g->err))
            return -1;
    }
    return 0;
}

static const struct rule *find_rule(const struct grammar *g, const char *name)
{
    for (size_t i = 0; i < g->n_rule; i++)
        if (g->rule[i].n && !strcmp(g->rule[i].name, name))
            return &g->rule[i];
    return NULL;
}

static struct kept *find_kept(struct grammar *g, const char *name)
{
    for (size_t i = 0; i < g->n_kept; i++)
        if (!strcmp(g->kept[i].name, name))
            return &g->kept[i];
    return NULL;
}

static struct kept *new_kept(struct grammar *g, const char *name)
{
    struct kept *k = find_kept(g, name);
    if (!k && g->n_kept < MAX_KEPT)
        k = &g->kept[g->n_kept++];
    if (!k)
        return NULL;
    snprintf(k->name, sizeof k->name, "%s", name);
    k->value.n = 0;
    return k;
}

/* Parse "{…}" at *at and step behind it. */
static int parse_ref(struct grammar *g, const char **at, struct ref *r)
{
    const char *p = *at + 1, *end = strchr(p, '}');
    *r = (struct ref){ .field = 0 };
    for (; *p == '!' || *p == '^'; p++) {
        r->silent |= *p == '!';
        r->capital |= *p == '^';
    }
    size_t n = strcspn(p, "=}");
    if (p[n] == '=' && n < MAX_NAME) {
        memcpy(r->keep, p, n);
        p += n + 1;
    }
    n = strcspn(p, ".}");
    if (!end || n >= MAX_NAME)
        return tr_err_set(g->err, TR_EFORMAT, "cannot read '%.40s'", *at);
    memcpy(r->name, p, n);
    if (p[n] == '.')
        r->field = atoi(p + n + 1);
    *at = end + 1;
    return 0;
}

/* ==== expansion ==== */

static int expand(struct grammar *g, const char *s, int depth, struct text *out);

static int add_field(struct grammar *g, const struct text *value, const struct ref *r,
                     struct text *out)
{
    const char *s = value->s ? value->s : "";
    for (int i = 0; i < r->field && s; i++)
        s = strchr(s, '/') ? strchr(s, '/') + 1 : NULL;
    if (!s)
        return tr_err_set(g->err, TR_EFORMAT, "'%s' has no field %d", r->name, r->field);
    size_t at = out->n;
    int rc = add(out, s, strcspn(s, "/"), g->err);
    if (!rc && r->capital && out->n > at && out->s[at] >= 'a' && out->s[at] <= 'z')
        out->s[at] = (char)(out->s[at] - 'a' + 'A');
    else if (!rc && r->capital && out->n > at && out->s[at] == ARTICLE)
        out->s[at] = ARTICLE_CAPITAL;
    return rc;
}

static int expand_ref(struct grammar *g, const struct ref *r, int depth, struct text *out)
{
    struct kept *k = find_kept(g, r->name);
    if (!strcmp(r->name, "a"))
        return add(out, (char[]){ r->capital ? ARTICLE_CAPITAL : ARTICLE }, 1, g->err);
    if (k && !*r->keep)
        return add_field(g, &k->value, r, out);
    const struct rule *rule = find_rule(g, r->name);
    if (!rule)
        return tr_err_set(g->err, TR_EFORMAT, "there is no rule '%s'", r->name);
    if (depth > MAX_DEPTH)
        return tr_err_set(g->err, TR_EFORMAT, "rule '%s' has no end", r->name);
    struct text value = { 0 };
    int rc = expand(g, rule->item[tr_rng_below(&g->rng, rule->n)], depth + 1, &value);
    if (!rc && !r->silent)
        rc = add_field(g, &value, r, out);
    if (!rc && *r->keep) {
        k = new_kept(g, r->keep);
        rc = k ? add(&k->value, value.s ? value.s : "", value.n, g->err)
               : tr_err_set(g->err, TR_EFORMAT, "too many names are kept");
    }
    free(value.s);
    return rc;
}

static int expand(struct grammar *g, const char *s, int depth, struct text *out)
{
    int rc = 0;
    while (*s && !rc) {
        size_t n = strcspn(s, "{\\");
        rc = add(out, s, n, g->err);
        s += n;
        struct ref r;
        if (!rc && *s == '{')
            rc = parse_ref(g, &s, &r) ? -1 : expand_ref(g, &r, depth, out);
        else if (!rc && *s == '\\') {
            rc = add(out, "\n", 1, g->err);
            s += s[1] ? 2 : 1;
        }
    }
    return rc;
}

/* ==== output ==== */

static void write_text(FILE *f, const struct text *t)
{
    for (size_t i = 0; i < t->n; i++) {
        int c = t->s[i];
        if (c != ARTICLE && c != ARTICLE_CAPITAL) {
            putc(c, f);
            continue;
        }
        putc(c == ARTICLE ? 'a' : 'A', f);
        if (t->s[i + 1] == ' ' && strchr("aeiouAEIOU", t->s[i + 2]) && t->s[i + 2])
            putc('n', f);
    }
    putc('\n', f);
}

static int write_all(struct grammar *g, int64_t bytes, const char *output)
{
    struct tr_out *out = tr_out_open(output, g->err);
    const struct ref start = { .name = "start" };
    struct text t = { 0 };
    int rc = out ? 0 : -1;
    for (int64_t done = 0; !rc && done < bytes; done += (int64_t)t.n + 2) {
        t.n = g->n_kept = 0;
        rc = expand_ref(g, &start, 0, &t);
        if (!rc && done)
            putc('\n', tr_out_stream(out));
        if (!rc)
            write_text(tr_out_stream(out), &t);
    }
    free(t.s);
    if (!rc)
        return tr_out_commit(out, g->err);
    tr_out_discard(out);
    return rc;
}

static void release(struct grammar *g)
{
    for (size_t i = 0; i < MAX_RULE; i++)
        free(g->rule[i].item);
    for (size_t i = 0; i < MAX_KEPT; i++)
        free(g->kept[i].value.s);
}

int main(int argc, char **argv)
{
    const char *output = "-";
    int64_t bytes = 100000, seed = 1;
    const struct cmd_opt table[] = {
        CMD_TEXT('o', "output", &output, "FILE", "where to write the text"),
        CMD_INT(0, "bytes", &bytes, 1, 1LL << 40, "N", "length, to the end of a paragraph"),
        CMD_INT(0, "seed", &seed, 0, 1LL << 53, "N", "of the choices"),
        CMD_END
    };
    const struct cmd cmd = { "mktext", "[OPTION…] GRAMMAR", "write text from a grammar",
                             table, 1, 1, NULL };
    static struct grammar g;
    struct tr_err err = { 0 };
    char *source = NULL;
    size_t len;
    int n;
    char **file = cmd_parse(&cmd, argc, argv, &n);
    g.err = &err;
    g.rng = tr_rng_init((uint64_t)seed, 0);
    if (!tr_read_all(*file, &source, &len, &err) &&
        (parse(&g, source) || write_all(&g, bytes, output)))
        tr_err_prefix(&err, "'%s'", *file);
    release(&g);
    free(source);
    return cmd_end(err.code ? cmd_code(&err) : CMD_OK, &err);
}
