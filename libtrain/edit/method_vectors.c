/* SPDX-License-Identifier: MIT
 *
 * Changes of models, added to their base: what is left of each, whether their signs agree, and
 * the sum.  In pieces that stay in the nearest cache, changes in f32 and sums in f64.  Next:
 * method_ties.c, method_dare.c.
 */
#include <libtrain/edit/method.h>

enum { PIECE = 256 };

/* Sum of what counts of the weighted changes of one number, and of the weights behind it.
 * */
struct sum {
    double change, weight;
};

static struct sum plain(const struct tr__mixing *m, float (*d)[PIECE], int i)
{
    struct sum s = { 0, 0 };
    for (size_t k = 0; k < m->args->n; k++) {
        s.change += m->weight[k] * (double)d[k][i];
        s.weight += m->weight[k];
    }
    return s;
}

/* A model that turns against what it learnt (a weight below 0) votes for the other sign. */
static struct sum elected(const struct tr__mixing *m, float (*d)[PIECE], int i)
{
    double all = plain(m, d, i).change;
    struct sum s = { 0, 0 };
    for (size_t k = 0; k < m->args->n; k++) {
        double w = m->weight[k], change = w * (double)d[k][i];
        if (!(change * all > 0))
            continue;
        s.change += change;
        s.weight += w < 0 ? -w : w;
    }
    return s;
}

static void add_piece(const struct tr__mixing *m, const struct tr__mixed *x,
                      const struct tr__vectors *how, int64_t from, int n)
{
    float d[TR_MERGE_MAX_MODEL][PIECE];
    const float *base = x->base + from;
    for (size_t k = 0; k < m->args->n; k++) {
        for (int i = 0; i < n; i++)
            d[k][i] = x->model[k][from + i] - base[i];
        if (how->sparse)
            how->sparse(m, k, x->at + from, n, d[k]);
    }
    for (int i = 0; i < n; i++) {
        struct sum s = how->elect ? elected(m, d, i) : plain(m, d, i);
        double change = m->args->lambda * s.change;
        if (m->normalize && s.weight != 0)
            change /= s.weight;
        x->out[from + i] = change == 0 ? base[i] : (float)((double)base[i] + change);
    }
}

void tr__vectors_add(const struct tr__mixing *m, const struct tr__mixed *x,
                     const struct tr__vectors *how)
{
#pragma omp parallel for schedule(static)
    for (int64_t at = 0; at < x->n; at += PIECE)
        add_piece(m, x, how, at, (int)(x->n - at < PIECE ? x->n - at : PIECE));
}
