/* SPDX-License-Identifier: MIT
 *
 * The loss of one long text in windows, as llama.cpp's perplexity counts it beside ours: it
 * drops the tail, puts BOS at the start of each window and counts only predictions with at
 * least half a window before them.  Ours counts every token but the first, once.  The loss
 * of packed data is in eval.c.
 */
#include <libtrain/train/eval.h>

#include <stdlib.h>

struct window {
    int32_t *token, *target, *pos; // (ctx)
    float *row_loss;               // (ctx)
};

static int window_new(struct window *w, int64_t ctx, struct tr_err *err)
{
    w->token = calloc((size_t)ctx * 3, sizeof *w->token);
    w->row_loss = calloc((size_t)ctx, sizeof *w->row_loss);
    if (!w->token || !w->row_loss)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a window of %lld positions",
                          (long long)ctx);
    w->target = w->token + ctx;
    w->pos = w->target + ctx;
    for (int64_t j = 0; j < ctx; j++)
        w->pos[j] = (int32_t)j;
    return 0;
}

/* Of a window of ctx tokens those of the tokens behind the first half and one more. */
static void count_as_llama(const struct window *w, int64_t ctx, struct tr_text_loss *s)
{
    for (int64_t j = ctx / 2; j < ctx - 1; j++)
        s->llama_loss += (double)w->row_loss[j];
    s->n_llama += (uint64_t)(ctx - 1 - ctx / 2);
}

static int on_window(struct tr_eval *e, const struct tr_text_ids *x, int64_t ctx, size_t at,
                     struct window *w, struct tr_text_loss *s, struct tr_err *err)
{
    size_t left = x->n - 1 - at; /* predictions that are left */
    int64_t n = left < (size_t)ctx ? (int64_t)left : ctx;
    for (int64_t j = 0; j < n; j++) {
        w->token[j] = (int32_t)x->id[at + (size_t)j];
        w->target[j] = (int32_t)x->id[at + (size_t)j + 1];
    }
    struct tr_batch batch = { n, w->token, w->target, .pos = w->pos };
    int rc = tr_eval_batch(e, &batch, &s->loss, w->row_loss, NULL, err);
    s->n += (uint64_t)n;
    if (rc || at + (size_t)ctx > x->n_window)
        return rc;
    if (x->bos >= 0 && w->token[0] != x->bos) {
        double again = 0;
        w->token[0] = x->bos;
        rc = tr_eval_batch(e, &batch, &again, w->row_loss, NULL, err);
    }
    count_as_llama(w, ctx, s);
    return rc;
}

int tr__check_ids(const uint32_t *id, size_t n, const struct tr_model *m, struct tr_err *err)
{
    int64_t n_vocab = tr_model_config(m)->n_vocab;
    for (size_t i = 0; i < n; i++)
        if (id[i] >= n_vocab)
            return tr_err_set(err, TR_EMISMATCH, "token %u in the text, the model has %lld",
                              id[i], (long long)n_vocab);
    return 0;
}

int tr_eval_text(struct tr_eval *e, const struct tr_text_ids *x, int64_t ctx,
                 struct tr_text_loss *s, struct tr_err *err)
{
    struct window w = { 0 };
    *s = (struct tr_text_loss){ 0 };
    int rc = x->n < 2 ? tr_err_set(err, TR_EFORMAT, "nothing to predict")
                      : tr__check_ids(x->id, x->n, tr__eval_model(e), err);
    if (!rc)
        rc = window_new(&w, ctx, err);
    for (size_t at = 0; !rc && at + 1 < x->n; at += (size_t)ctx)
        if (!(rc = on_window(e, x, ctx, at, &w, s, err)))
            tr__eval_tell(e, s->n, x->n - 1);
    free(w.token);
    free(w.row_loss);
    return rc;
}
