/* SPDX-License-Identifier: MIT
 *
 * The decoder that every architecture runs through: token (and position) table, blocks of
 * attention and MLP on a residual stream, a last norm, and the output projection fused with
 * the loss.  Each block is a segment of the tape.  Its parts: attention.c, mlp.c.
 */
#include <libtrain/model/decoder.h>

#include <stdlib.h>

static struct tr_tensor *norm(const struct tr__decoder *d, struct tr_tensor *x,
                              enum tr_slot_id w, enum tr_slot_id b)
{
    return d->m->arch->norm(d->tp, x, tr__tensor(d, w), tr__tensor(d, b),
                            d->m->config.norm_eps);
}

static struct tr_tensor *block(struct tr__decoder *d, struct tr_tensor *x)
{
    tr_segment_begin(d->tp);
    struct tr_tensor *h = norm(d, x, TR_ATTN_NORM, TR_ATTN_NORM_BIAS);
    x = tr__project(d, tr__attend(d, h), TR_ATTN_OUT, TR_ATTN_OUT_BIAS, x);
    h = norm(d, x, TR_FFN_NORM, TR_FFN_NORM_BIAS);
    x = tr__project(d, tr__mlp(d, h), TR_FFN_DOWN, TR_FFN_DOWN_BIAS, x);
    return tr_segment_end(d->tp, x);
}

static struct tr_tensor *blocks(struct tr__decoder *d)
{
    tr_segment_begin(d->tp);
    struct tr_tensor *x =
        tr_embedding(d->tp, tr__tensor(d, TR_TOKEN_EMBD), d->batch->token,
                     tr__tensor(d, TR_POSITION_EMBD), d->batch->pos, d->batch->n, 1);
    x = tr_segment_end(d->tp, x);
    for (d->layer = 0; d->layer < d->m->config.n_layer; d->layer++)
        x = block(d, x);
    return x;
}

static struct tr_tensor *head(struct tr__decoder *d, struct tr_tensor *x,
                              const int32_t *target, const struct tr_loss *loss)
{
    struct tr_tensor *table = tr__tensor(d, TR_OUTPUT);
    if (!table) /* tied */
        table = tr__tensor(d, TR_TOKEN_EMBD);
    tr_segment_begin(d->tp);
    x = norm(d, x, TR_OUTPUT_NORM, TR_OUTPUT_NORM_BIAS);
    return tr_segment_end(d->tp, tr_output_loss(d->tp, x, table, target, loss));
}

struct tr_tensor *tr_model_loss(struct tr_model *m, struct tr_tape *tp,
                                const struct tr_batch *batch, const struct tr_loss *loss)
{
    struct tr__decoder d = { .m = m, .tp = tp, .batch = batch };
    return head(&d, blocks(&d), batch->target, loss);
}

/* Run the rows of batch, and of the last one the logits; *counted: the tape only counts. */
static int extend(struct tr__decoder *d, float *logits, int *counted, struct tr_err *err)
{
    int64_t n = d->batch->n;
    int32_t target = 0;
    tr_tape_reset(d->tp);
    struct tr_tensor *x = blocks(d);
    struct tr_tensor last = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ 1, x->ld },
                                           x->data ? tr_tensor_row(x, n - 1) : NULL);
    head(d, &last, &target, &(struct tr_loss){ .scale = 1, .logits = logits });
    *counted = !x->data;
    return tr_tape_error(d->tp, err);
}

int tr_model_extend(struct tr_model *m, struct tr_tape *tp, struct tr_cache *cache,
                    const int32_t *token, int64_t n, float *logits, struct tr_err *err)
{
    const char *path = tr_gguf_path(m->g);
    if (n < 1)
        return tr_err_set(err, TR_EINVAL, "%lld tokens: there must be one to go on from",
                          (long long)n);
    if (n > cache->capacity - cache->used)
        return tr_err_set(err, TR_EMISMATCH, "%lld tokens behind %lld do not fit a cache of "
                          "%lld positions", (long long)n, (long long)cache->used,
                          (long long)cache->capacity);
    int32_t *pos = malloc((size_t)n * sizeof *pos);
    if (!pos)
        return tr_err_set(err, TR_ENOMEM, "%s: out of memory for %lld positions", path,
                          (long long)n);
    for (int64_t i = 0; i < n; i++)
        pos[i] = (int32_t)(cache->used + i);
    struct tr_batch batch = { n, token, NULL, pos };
    struct tr__decoder d = { .m = m, .tp = tp, .batch = &batch, .cache = cache };
    int counted = 0;
    int rc = extend(&d, logits, &counted, err);
    free(pos);
    if (rc) {
        tr_err_prefix(err, "%s", path);
        return rc;
    }
    cache->used += n;
    return counted ? 0 : tr__check_results(m, "logits", logits, m->config.n_vocab, err);
}
