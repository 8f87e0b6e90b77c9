/* SPDX-License-Identifier: MIT
 *
 * A text in chunks, as llama.cpp's programs take it (windows.c counts losses in the same
 * ones).  No row has a target here, so the output costs nothing.
 */
#include <libtrain/train/eval.h>

#include <stdlib.h>

int64_t tr_text_chunks(const struct tr_text_ids *x, int64_t ctx)
{
    return (int64_t)(x->n_window / (size_t)ctx);
}

int tr__chunks_check(const struct tr_text_ids *x, const struct tr_chunks *c,
                     const struct tr_model *m, struct tr_err *err)
{
    int64_t n = tr_text_chunks(x, c->ctx);
    if (c->first < 0 || c->n < 1 || c->first >= n || c->n > n - c->first)
        return tr_err_set(err, TR_EINVAL, "%lld chunks of %lld tokens from the %lldth on: the "
                          "text has %lld", (long long)c->n, (long long)c->ctx,
                          (long long)c->first, (long long)n);
    return tr__check_ids(x->id, x->n_window, m, err);
}

void tr__chunk_ids(const struct tr_text_ids *x, const struct tr_chunks *c, int64_t i,
                   int32_t *token)
{
    const uint32_t *id = x->id + (c->first + i) * c->ctx;
    for (int64_t j = 0; j < c->ctx; j++)
        token[j] = (int32_t)id[j];
    if (x->bos >= 0)
        token[0] = x->bos;
}

int tr_eval_chunks(struct tr_eval *e, const struct tr_text_ids *x, const struct tr_chunks *c,
                   struct tr_err *err)
{
    int rc = tr__chunks_check(x, c, tr__eval_model(e), err);
    int32_t *token = rc ? NULL : malloc((size_t)c->ctx * 3 * sizeof *token);
    if (!rc && !token)
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for chunks of %lld positions",
                        (long long)c->ctx);
    for (int64_t j = 0; !rc && j < c->ctx; j++) {
        token[c->ctx + j] = -1; /* no target */
        token[2 * c->ctx + j] = (int32_t)j;
    }
    for (int64_t i = 0; !rc && i < c->n; i++) {
        struct tr_batch batch = { c->ctx, token, token + c->ctx, .pos = token + 2 * c->ctx };
        tr__chunk_ids(x, c, i, token);
        rc = tr_eval_batch(e, &batch, NULL, NULL, NULL, err);
        tr__eval_tell(e, (uint64_t)((i + 1) * c->ctx), (uint64_t)(c->n * c->ctx));
    }
    free(token);
    return rc;
}
