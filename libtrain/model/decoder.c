/* SPDX-License-Identifier: MIT
 *
 * The decoder that every architecture runs through: token (and position) table, blocks of a
 * mixer and an MLP on a residual stream, a last norm, and the output projection fused with
 * the loss.  Each block is a segment of the tape.  What a block is made of stands in its
 * struct tr_layer (layers.c) and in the architecture; its parts: attention.c, mlp.c, input.c.
 */
#include <libtrain/model/decoder.h>

#include <stdlib.h>
#include <string.h>

typedef struct tr_tensor *part_fn(struct tr__decoder *d, struct tr_tensor *x,
                                  struct tr_tensor *add);

/* x + scale * norm(part(h)): with a norm behind it a part cannot add by itself. */
static struct tr_tensor *add_part(struct tr__decoder *d, part_fn *part, struct tr_tensor *h,
                                  struct tr_tensor *x, enum tr_slot_id post)
{
    if (post == d->m->arch->mlp_norm || !tr__tensor(d, post))
        return part(d, h, x);
    struct tr_tensor *y = tr__norm(d, part(d, h, NULL), post, TR_N_SLOT);
    if (d->m->config.residual_scale != 1)
        y = tr_scale(d->tp, y, d->m->config.residual_scale);
    return tr_add(d->tp, x, y);
}

/* What the MLP reads: in a parallel block without a norm of its own, what the mixer does. */
static struct tr_tensor *before_mlp(struct tr__decoder *d, struct tr_tensor *x,
                                    struct tr_tensor *h)
{
    enum tr_slot_id id = d->m->arch->mlp_norm ? d->m->arch->mlp_norm : TR_FFN_NORM;
    if (d->m->config.parallel && !tr__tensor(d, id))
        return h;
    return tr__norm(d, x, id, TR_FFN_NORM_BIAS);
}

static struct tr_tensor *block(struct tr__decoder *d, struct tr_tensor *x)
{
    const struct tr_mixer *mixer = tr__layer(d)->mixer;
    tr_segment_begin(d->tp);
    struct tr_tensor *h = tr__norm(d, x, TR_ATTN_NORM, TR_ATTN_NORM_BIAS);
    struct tr_tensor *y = add_part(d, mixer->run, h, x, TR_ATTN_POST_NORM);
    if (!d->m->arch->mixer_alone) {
        if (!d->m->config.parallel)
            y = tr_segment_cut(d->tp, y);
        d->stream = d->m->config.parallel ? x : y;
        h = before_mlp(d, d->stream, h);
        y = add_part(d, tr__layer(d)->n_expert ? tr__experts : tr__mlp, h, y,
                     TR_FFN_POST_NORM);
    }
    if (d->inputs)
        y = add_part(d, tr__input, y, y, TR_INPUT_POST_NORM);
    if (tr__tensor(d, TR_LAYER_SCALE))
        y = tr_mul(d->tp, y, tr__tensor(d, TR_LAYER_SCALE));
    return tr_segment_end(d->tp, y);
}

/* Rows of the token table, and what adapters add to them: in a pair of the table a has a
 * row for each token, and b brings it to the width of the model. */
static struct tr_tensor *embed(struct tr__decoder *d)
{
    const struct tr_batch *batch = d->batch;
    float scale = d->m->config.embd_scale;
    struct tr_tensor *x = tr_embedding(d->tp, tr__tensor(d, TR_TOKEN_EMBD), batch->token,
                                       tr__tensor(d, TR_POSITION_EMBD), batch->pos, batch->n,
                                       scale);
    for (const struct tr_delta *a = tr__weight(d->m, 0, TR_TOKEN_EMBD)->delta; a; a = a->next) {
        if (!a->b) {
            x = tr_add_rows(d->tp, x, a->a, batch->token, a->first, a->scale * scale);
            continue;
        }
        struct tr_tensor *u = tr_embedding(d->tp, a->a, batch->token, NULL, NULL, batch->n, 1);
        x = tr_linear(d->tp, u, a->b,
                      &(struct tr_linear){
                          .add = x, .in_place = 1, .scale = a->scale * scale });
    }
    const struct tr__noise *noise = &d->m->noise;
    if (noise->neftune > 0)
        x = tr_noise(d->tp, x, batch->pos, noise->neftune, tr__noise_key(noise, 0));
    return x;
}

static struct tr_tensor *blocks(struct tr__decoder *d)
{
    tr_segment_begin(d->tp);
    struct tr_tensor *x = embed(d);
    if (d->m->config.n_input)
        d->inputs = tr__make_inputs(d, x);
    x = tr_segment_end(d->tp, x);
    for (d->layer = 0; d->layer < d->m->config.n_layer; d->layer++)
        x = block(d, x);
    return x;
}

/* What adapters add to the logits.  A tied table is multiplied by as it stands, so its pairs
 * are taken the other way round than for a look-up: x (a b^T)^T = (x b) a^T. */
static int output_parts(struct tr__decoder *d, struct tr_tensor *x,
                        struct tr_output_part part[TR_MAX_OUTPUT_PARTS])
{
    int n = 0, tied = tr__is_tied(d->m);
    const struct tr_weight *w = tr__weight(d->m, 0, tied ? TR_TOKEN_EMBD : TR_OUTPUT);
    for (const struct tr_delta *a = w->delta; a; a = a->next) {
        struct tr_output_part rows = { x, a->a, a->scale, a->first };
        part[n++] = !a->b ? rows : (struct tr_output_part){
            .u = tied ? tr_matmul(d->tp, x, a->b, NULL) : tr_linear(d->tp, tr__pair_input(d, x, a), a->a, NULL),
            .b = tied ? a->a : a->b, .scale = a->scale };
    }
    return n;
}

static struct tr_tensor *head(struct tr__decoder *d, struct tr_tensor *x,
                              const int32_t *target, const struct tr_loss *loss)
{
    const struct tr_arch *arch = d->m->arch;
    struct tr_loss l = *loss;
    struct tr_output_part part[TR_MAX_OUTPUT_PARTS];
    struct tr_tensor *table = tr__tensor(d, tr__is_tied(d->m) ? TR_TOKEN_EMBD : TR_OUTPUT);
    l.logit_scale = d->m->config.logit_scale;
    l.soft_cap = d->m->config.logit_soft_cap;
    l.bias = tr__tensor(d, TR_OUTPUT_BIAS);
    tr_segment_begin(d->tp);
    x = tr__norm(d, x, arch->output_norm ? arch->output_norm : TR_OUTPUT_NORM,
                 TR_OUTPUT_NORM_BIAS);
    tr__see(d, x, tr__is_tied(d->m) ? TR_TOKEN_EMBD : TR_OUTPUT, NULL, TR__ALL_ROWS);
    l.part = part;
    l.n_part = output_parts(d, x, part);
    return tr_segment_end(d->tp, tr_output_loss(d->tp, x, table, target, &l));
}

static int64_t n_with_experts(const struct tr_config *c)
{
    int64_t n = 0;
    for (int64_t i = 0; i < c->n_layer; i++)
        n += c->layer[i].n_expert > 0;
    return n;
}

double tr__batch_weight(const struct tr_batch *batch)
{
    double sum = 0;
    for (int64_t i = 0; i < batch->n; i++)
        if (batch->target[i] >= 0)
            sum += batch->weight ? (double)batch->weight[i] : 1;
    return sum;
}

/* The weight of a block's balance loss, which is a mean over rows and not a sum. */
static float balance_of(const struct tr_model *m, const struct tr_batch *batch,
                        const struct tr_loss *loss)
{
    int64_t n = n_with_experts(&m->config);
    if (!n || m->balance == 0)
        return 0;
    return (float)(m->balance * (double)loss->scale * tr__batch_weight(batch) / (double)n);
}

void tr_model_set_balance(struct tr_model *m, double weight)
{
    m->balance = weight;
    memset(m->balance_loss, 0, (size_t)m->config.n_layer * sizeof *m->balance_loss);
}

double tr_model_balance_loss(const struct tr_model *m)
{
    int64_t n = n_with_experts(&m->config);
    double sum = 0;
    for (int64_t i = 0; i < m->config.n_layer; i++)
        sum += m->balance_loss[i];
    return n ? sum / (double)n : 0;
}

struct tr_tensor *tr_model_loss(struct tr_model *m, struct tr_tape *tp,
                                const struct tr_batch *batch, const struct tr_loss *loss)
{
    struct tr__decoder d = { .m = m, .tp = tp, .batch = batch,
                             .balance = balance_of(m, batch, loss) };
    struct tr_loss l = *loss;
    l.weight = batch->weight;
    return head(&d, blocks(&d), batch->target, &l);
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

/* Feed up to TR__EXTEND_ROWS rows; *counted: as above. */
static int extend_piece(struct tr__decoder *d, const int32_t *token, int64_t n,
                        float *logits, int *counted, struct tr_err *err)
{
    int32_t pos[TR__EXTEND_ROWS];
    struct tr_batch batch = { n, token, NULL, .pos = pos };
    for (int64_t i = 0; i < n; i++)
        pos[i] = (int32_t)(d->cache->used + i);
    d->batch = &batch;
    int rc = extend(d, logits, counted, err);
    if (rc)
        tr_err_prefix(err, "%s", tr_gguf_path(d->m->g));
    else if (!*counted)
        tr__cache_commit(d->cache, n);
    return rc;
}

int tr_model_extend(struct tr_model *m, struct tr_tape *tp, struct tr_cache *cache,
                    const int32_t *token, int64_t n, float *logits, struct tr_err *err)
{
    struct tr__decoder d = { .m = m, .tp = tp, .cache = cache };
    int64_t before = cache->used;
    int counted = 0, rc = 0;
    if (n < 1)
        return tr_err_set(err, TR_EINVAL, "%lld tokens: there must be one to go on from",
                          (long long)n);
    if (n > cache->capacity - cache->used)
        return tr_err_set(err, TR_EMISMATCH, "%lld tokens behind %lld do not fit a cache of "
                          "%lld positions", (long long)n, (long long)cache->used,
                          (long long)cache->capacity);
    for (int64_t i = 0; !rc && i < n; i += TR__EXTEND_ROWS)
        rc = extend_piece(&d, token + i, n - i < TR__EXTEND_ROWS ? n - i : TR__EXTEND_ROWS,
                          logits, &counted, err);
    if (rc)
        tr_cache_cut(cache, before);
    if (rc || counted)
        return rc;
    return tr__check_results(m, "logits", logits, m->config.n_vocab, err);
}
