/* SPDX-License-Identifier: MIT
 *
 * Attention of a few new rows over many keys that were computed before: the keys of a head
 * in blocks, with a running maximum and sum.  Forward only.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/attention_job.h>

#include <math.h>
#include <string.h>

struct head { /* one query and the keys of its head */
    const float *q, *k, *v; // (head_dim), (rows, head_dim) with row strides ldk, ldv
    int64_t ldk, ldv;
    float sink, scale;
};

/* Keys whose scores are held at once. */
enum { KEYS = 128 };

static void scores(const struct head *h, const struct tr_attention *opt, int64_t first,
                   int64_t n, float *s)
{
    for (int64_t i = 0; i < n; i++)
        s[i] = h->scale * tr_f32.dot(h->q, h->k + (first + i) * h->ldk, opt->head_dim);
    if (opt->soft_cap > 0)
        for (int64_t i = 0; i < n; i++)
            s[i] = opt->soft_cap * tr__tanhf(s[i] / opt->soft_cap);
}

/* Scores to exp(score - max); returns their sum. */
static float exponentials(float *s, int64_t n, float max)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        s[i] = tr__expf(s[i] - max);
        sum += s[i];
    }
    return sum;
}

static void scale_row(float *x, int64_t n, float by)
{
    for (int64_t d = 0; d < n; d++)
        x[d] *= by;
}

/* out (head_dim) = softmax-weighted sum of the values of rows first … last. */
static void attend(const struct head *h, const struct tr_attention *opt, int64_t first,
                   int64_t last, float *restrict out)
{
    float max = h->sink, sum = 1, p[KEYS]; /* see forward_tile in attention.c */
    int64_t width = opt->head_dim;
    memset(out, 0, (size_t)width * sizeof *out);
    for (int64_t row = first; row <= last; row += KEYS) {
        int64_t n = last - row + 1 < KEYS ? last - row + 1 : KEYS;
        float old = max;
        scores(h, opt, row, n, p);
        for (int64_t i = 0; i < n; i++)
            max = p[i] > max ? p[i] : max;
        float keep = tr__expf(old - max);
        sum = sum * keep + exponentials(p, n, max);
        scale_row(out, width, keep);
        for (int64_t i = 0; i < n; i++) {
            const float *v = h->v + (row + i) * h->ldv;
            for (int64_t d = 0; d < width; d++)
                out[d] += p[i] * v[d];
        }
    }
    scale_row(out, width, 1.0f / sum);
}

void tr__att_cached(struct tr_node *nd)
{
    const struct tr__att_args *args = nd->args;
    const struct tr_attention *opt = &args->opt;
    const struct tr_tensor *q = nd->in[TR__ATT_Q], *k = nd->in[TR__ATT_K],
                           *v = nd->in[TR__ATT_V];
    int64_t n = tr_tensor_rows(q), before = tr_tensor_rows(k) - n, width = opt->head_dim;
    int group = opt->n_head / opt->n_head_kv;
#pragma omp parallel for schedule(static) if (n > 1 || before > 16)
    for (int64_t i = 0; i < n * opt->n_head; i++) {
        int64_t row = i / opt->n_head, i_head = i % opt->n_head, last = before + row;
        int64_t back = args->pos[row], i_kv = i_head / group;
        if (opt->window > 0 && back > opt->window - 1)
            back = opt->window - 1;
        struct head h = { (const float *)q->data + row * q->ld + i_head * width,
                          (const float *)k->data + i_kv * width,
                          (const float *)v->data + i_kv * width, k->ld, v->ld,
                          tr__att_sink(nd, i_head), tr__att_scale(args, row) };
        attend(&h, opt, last - back, last,
               (float *)nd->out->data + row * nd->out->ld + i_head * width);
    }
}
