/* SPDX-License-Identifier: MIT
 *
 * Rows of tokens that are trained by themselves, beside the pairs of an adapter: tokens that a
 * vocabulary got have to learn what they mean, and no other token has to forget.  What is
 * trained is what a row gains, so that decay pulls it to where it began.
 */
#include <libtrain/lora/pair.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tr_lora_is_rows(const char *name)
{
    size_t n = strlen(name), k = sizeof TR__ROWS - 1;
    return n > k && !strcmp(name + n - k, TR__ROWS);
}

int tr_lora_is_magnitudes(const char *name)
{
    size_t n = strlen(name), k = sizeof TR__MAGNITUDES - 1;
    return n > k && !strcmp(name + n - k, TR__MAGNITUDES);
}

int tr__lora_add_row_pair(struct tr_lora *l, const struct tr_weight *w, int64_t first,
                          int64_t n, struct tr_err *err)
{
    struct tr_lora_pair *p = &l->pair[l->n++];
    size_t size = strlen(w->t.name) + sizeof TR__ROWS;
    char *name = malloc(size);
    if (name)
        snprintf(name, size, "%s" TR__ROWS, w->t.name);
    p->name = strdup(w->t.name);
    p->factor = 1;
    p->rows = n;
    p->first = first;
    p->a = tr_tensor_make(name, &tr_f32, 2, (int64_t[]){ n, tr_tensor_cols(&w->t) }, NULL);
    return p->name && name ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for rows of '%s'",
                                            w->t.name);
}

/* Which rows are meant: 0, or an error. */
static int read_range(const struct tr_model *base, const char *which, int64_t *first,
                      int64_t *n, struct tr_err *err)
{
    const struct tr_gguf *g = tr_model_gguf(base);
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, TR_NEW_TOKENS);
    int64_t last, rows = base->config.n_vocab;
    int end = 0;
    if (!strcmp(which, "new")) {
        if (!kv || kv->type != TR_GGUF_ARRAY || kv->elem != TR_GGUF_U32 || kv->count != 2)
            return tr_err_set(err, TR_EMISMATCH, "'%s': no token was added to it (gguf-edit "
                              "--add-tokens)", tr_gguf_path(g));
        *first = tr_gguf_elem_int(kv, 0);
        last = *first + tr_gguf_elem_int(kv, 1) - 1;
    } else if (sscanf(which, "%" SCNd64 "-%" SCNd64 "%n", first, &last, &end) != 2 || which[end] ||
               *first < 0 || last < *first) {
        return tr_err_set(err, TR_EINVAL, "rows '%.40s': neither 'new' nor FIRST-LAST", which);
    }
    if (last < *first || last >= rows)
        return tr_err_set(err, TR_EMISMATCH, "rows '%.40s': %lld-%lld, and '%s' has %lld tokens",
                          which, (long long)*first, (long long)last, tr_gguf_path(g),
                          (long long)rows);
    *n = last - *first + 1;
    return 0;
}

int tr_lora_add_rows(struct tr_lora *l, const struct tr_model *base, const char *which,
                     struct tr_err *err)
{
    int64_t first = 0, n = 0;
    int rc = read_range(base, which, &first, &n, err);
    if (!rc)
        rc = tr__lora_add_row_pair(l, tr__weight(base, 0, TR_TOKEN_EMBD), first, n, err);
    if (!rc && !tr__is_tied(base))
        rc = tr__lora_add_row_pair(l, tr__weight(base, 0, TR_OUTPUT), first, n, err);
    return rc;
}

int64_t tr_lora_same_rows(const struct tr_lora *l, const char *name, int64_t r0)
{
    int64_t same = INT64_MAX;
    for (size_t i = 0; i < l->n; i++) {
        const struct tr_lora_pair *p = &l->pair[i];
        if (strcmp(p->name, name))
            continue;
        int64_t until = !p->rows || (r0 >= p->first && r0 < p->first + p->rows) ? 0
                        : r0 < p->first ? p->first - r0 : INT64_MAX;
        same = until < same ? until : same;
    }
    return same;
}
