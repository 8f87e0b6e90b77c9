/* SPDX-License-Identifier: MIT
 *
 * Attention of a few new rows over many keys that were computed before: one pass over the
 * keys of a head with a running maximum and sum, no tiles.  Forward only.
 */
#include <libtrain/internal/attention_job.h>
#include <libtrain/internal/vmath.h>

#include <math.h>
#include <string.h>

struct head { /* one query and the keys of its head */
    const float *q, *k, *v; // (head_dim), (rows, head_dim) with row strides ldk, ldv
    int64_t ldk, ldv;
};

static float score(const struct head *h, const struct tr_attention *opt, int64_t row)
{
    const float *k = h->k + row * h->ldk;
    float s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t d = 0; d < opt->head_dim; d++)
        s += h->q[d] * k[d];
    s *= opt->scale;
    return opt->soft_cap > 0 ? opt->soft_cap * tr__tanhf(s / opt->soft_cap) : s;
}

/* out (head_dim) = softmax-weighted sum of the values of rows first … last. */
static void attend(const struct head *h, const struct tr_attention *opt, int64_t first,
                   int64_t last, float *out)
{
    float max = -INFINITY, sum = 0;
    memset(out, 0, (size_t)opt->head_dim * sizeof *out);
    for (int64_t row = first; row <= last; row++) {
        const float *v = h->v + row * h->ldv;
        float s = score(h, opt, row), keep = 1, p = 1;
        if (s > max) {
            keep = tr__expf(max - s);
            max = s;
        } else {
            p = tr__expf(s - max);
        }
        sum = sum * keep + p;
        for (int64_t d = 0; d < opt->head_dim; d++)
            out[d] = out[d] * keep + p * v[d];
    }
    for (int64_t d = 0; d < opt->head_dim; d++)
        out[d] /= sum;
}

void tr__att_cached(struct tr_node *nd)
{
    const struct tr__att_args *args = nd->args;
    const struct tr_attention *opt = &args->opt;
    const struct tr_tensor *q = nd->in[TR__ATT_Q], *k = nd->in[TR__ATT_K],
                           *v = nd->in[TR__ATT_V];
    int64_t n = tr_tensor_rows(q), before = tr_tensor_rows(k) - n, width = opt->head_dim;
    int group = opt->n_head / opt->n_head_kv;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n * opt->n_head; i++) {
        int64_t row = i / opt->n_head, i_head = i % opt->n_head, last = before + row;
        int64_t back = args->pos[row], i_kv = i_head / group;
        if (opt->window > 0 && back > opt->window - 1)
            back = opt->window - 1;
        struct head h = { (const float *)q->data + row * q->ld + i_head * width,
                          (const float *)k->data + i_kv * width,
                          (const float *)v->data + i_kv * width, k->ld, v->ld };
        attend(&h, opt, last - back, last,
               (float *)nd->out->data + row * nd->out->ld + i_head * width);
    }
}
