/* SPDX-License-Identifier: MIT
 *
 * Rows for people and programs to look at: the rendering with its trained spans as JSON, and
 * the tokens as the model sees them.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/prepare_row.h>
#include <libtrain/printable.h>

#include <stdlib.h>
#include <string.h>

/* ---- JSON ------------------------------------------------------------------------- */

/* Characters in text[from, to): what programs that read JSON count. */
static int64_t characters(const char *text, size_t from, size_t to)
{
    int64_t n = 0;
    for (; from < to; from++)
        n += ((unsigned char)text[from] & 0xc0) != 0x80;
    return n;
}

static int set(struct tr_json *object, const char *key, struct tr_json *value)
{
    return value ? tr_json_set(object, key, value) : -1;
}

static int add(struct tr_json *array, struct tr_json *value)
{
    return value ? tr_json_append(array, value) : -1;
}

/* [start, end], counted from `*byte`, which is character *at. */
static struct tr_json *span_json(const char *text, const struct tr__span *s, size_t *byte,
                                 int64_t *at)
{
    struct tr_json *pair = tr_json_array();
    size_t edge[] = { s->start, s->end };
    int rc = pair ? 0 : -1;
    for (int k = 0; k < 2 && !rc; k++) {
        *at += characters(text, *byte, edge[k]);
        *byte = edge[k];
        rc = add(pair, tr_json_integer(*at));
    }
    if (!rc)
        return pair;
    tr_json_free(pair);
    return NULL;
}

static struct tr_json *spans_json(const struct tr_preparer *w, const char *text)
{
    struct tr_json *all = tr_json_array();
    int64_t at = 0;
    size_t byte = 0;
    int rc = all ? 0 : -1;
    for (size_t i = 0; i < w->n_span && !rc; i++)
        rc = add(all, span_json(text, &w->span[i], &byte, &at));
    if (!rc)
        return all;
    tr_json_free(all);
    return NULL;
}

/* Texts beside the first are an array of it, "apart". */
static int append(const struct tr_json *o, struct tr_prepared *out)
{
    static const char *const between[] = { ", \"apart\": [", ", " };
    static const char ends[] = "]}";
    size_t *n = &out->n_text;
    int k = out->n_kept;
    *n -= k > 1 ? 2 : k; /* what closes it */
    if (k && tr__grow(&out->text, &out->cap_text, *n + 12, 1))
        return -1;
    if (k) {
        size_t len = strlen(between[k > 1]);
        memcpy(out->text + *n, between[k > 1], len);
        *n += len;
    }
    if (tr_json_write(o, NULL, &out->text, n, &out->cap_text) ||
        tr__grow(&out->text, &out->cap_text, *n + 2, 1))
        return -1;
    if (k) {
        memcpy(out->text + *n, ends, 2);
        *n += 2;
    }
    out->n_kept++;
    return 0;
}

int tr__text_keep(const struct tr_preparer *w, const char *text, size_t n,
                  struct tr_prepared *out, struct tr_err *err)
{
    struct tr_json *o = tr_json_object();
    int rc = !o || set(o, "text", tr_json_text(text, n)) ||
             set(o, "trained", spans_json(w, text)) || append(o, out);
    tr_json_free(o);
    return rc ? tr_err_set(err, TR_ENOMEM, "out of memory for a text of %zu bytes", n) : 0;
}

int tr__text_keep_tokens(struct tr_preparer *w, struct tr_prepared *out, struct tr_err *err)
{
    const struct tr_prepared_doc *d = &out->doc[out->n_doc - 1];
    int rc = 0, before = 0;
    w->n_text = w->n_span = 0;
    for (size_t i = d->start; i < d->start + d->n && !rc; i++) {
        uint32_t token = out->token[i];
        size_t at = w->n_text;
        int trained = !(token & TR_TOKEN_MASKED);
        rc = tr_tokenizer_decode(w->p->tokenizer, TR_TOKEN_ID(token), i == d->start, 1,
                                 &w->text, &w->n_text, &w->cap_text, err);
        if (!rc && trained && before)
            w->span[w->n_span - 1].end = w->n_text;
        else if (!rc && trained)
            rc = tr__span_add(w, at, w->n_text, 1, err);
        before = trained;
    }
    return rc ? rc : tr__text_keep(w, w->text, w->n_text, out, err);
}

/* ---- as the model sees it ----------------------------------------------------------- */

struct look { /* of a run of tokens */
    int trained, special;
    float weight;
};

static struct look look_of(const struct tr_prepared *r, const struct tr_tokenizer *t,
                           size_t i)
{
    uint32_t token = r->token[i];
    int trained = !(token & TR_TOKEN_MASKED);
    return (struct look){ trained, tr_tokenizer_is_special(t, TR_TOKEN_ID(token)),
                          trained ? r->weight[i] : 1 };
}

/* Ends of lines stay; what else would change the terminal is escaped. */
static void put_text(FILE *f, const char *s, size_t n)
{
    while (n) {
        size_t line = 0;
        while (line < n && s[line] != '\n')
            line++;
        tr_print_escaped(f, s, line);
        if (line < n)
            fputc(s[line++], f);
        s += line;
        n -= line;
    }
}

static void put_mark(FILE *f, const struct look *from, const struct look *to)
{
    int changes = from->trained != to->trained || from->weight != to->weight;
    if (from->special)
        fputs("\u203a", f);
    if (changes && from->trained)
        fputs("\u27e7", f);
    if (changes && to->trained)
        fputs("\u27e6", f);
    if (changes && to->trained && to->weight != 1)
        fprintf(f, "%g|", (double)to->weight);
    if (to->special)
        fputs("\u2039", f);
}

static void put_colour(FILE *f, const struct look *to)
{
    fprintf(f, "\033[0%s%sm", to->trained ? ";32" : ";2", to->special ? ";7" : "");
}

static int show_document(const struct tr_prepared *r, const struct tr_prepared_doc *d,
                         const struct tr_tokenizer *t, int colour, FILE *f,
                         struct tr_err *err)
{
    struct look before = { 0, 0, 1 };
    char *buf = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;
    for (size_t i = d->start; i < d->start + d->n && !rc; i++) {
        struct look now = look_of(r, t, i);
        /* each special token has marks of its own; bytes of a character stay together */
        if (now.special || memcmp(&now, &before, sizeof now) != 0) {
            put_text(f, buf, n);
            n = 0;
            if (colour)
                put_colour(f, &now);
            else
                put_mark(f, &before, &now);
        }
        before = now;
        rc = tr_tokenizer_decode(t, TR_TOKEN_ID(r->token[i]), i == d->start, 1, &buf, &n,
                                 &cap, err);
    }
    put_text(f, buf, n);
    if (colour)
        fputs("\033[0m", f);
    else
        put_mark(f, &before, &(struct look){ 0, 0, 1 });
    fputc('\n', f);
    free(buf);
    return rc;
}

int tr_prepared_show(const struct tr_prepared *r, const struct tr_tokenizer *t, int colour,
                     FILE *f, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < r->n_doc && !rc; i++)
        rc = show_document(r, &r->doc[i], t, colour, f, err);
    return rc;
}
