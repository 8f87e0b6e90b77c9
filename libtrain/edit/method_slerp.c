/* SPDX-License-Identifier: MIT
 *
 * Between two models on an arc (Shoemake 1985, "Animating rotation with quaternion curves"):
 * each tensor is a vector, and the way from one to the other turns it at an even pace, so that
 * its length does not sink half-way as that of the mean does.  The angle is that of whole
 * tensors, which are therefore read twice.
 */
#include <libtrain/edit/method.h>

#include <math.h>

/* Nearly parallel vectors leave the sine in the denominator no digits: the straight line.
 * */
#define PARALLEL 0.9995

enum { PARTS = 64 }; /* of a sum, whatever threads there are */

struct arc {
    double aa, bb, ab; /* products of the two */
    double first, second; /* what they are multiplied by */
};

static size_t state_bytes(size_t n_model)
{
    (void)n_model;
    return sizeof(struct arc);
}

/* Beyond its ends the arc leaves both models behind. */
static const char *misfit(const double *weight, size_t n)
{
    if (n == 1)
        return weight[0] >= 0 && weight[0] <= 1 ? NULL : "are not from 0 to 1";
    if (weight[0] < 0 || weight[1] < 0)
        return "are below 0";
    return weight[0] + weight[1] != 0 ? NULL : "add up to 0";
}

/* From the base to the only model, or from the first to the second. */
static const float *first_of(const struct tr__mixing *m, const struct tr__mixed *x)
{
    return m->args->n == 1 ? x->base : x->model[0];
}

static struct arc products(const float *a, const float *b, int64_t from, int64_t to)
{
    double aa = 0, bb = 0, ab = 0;
#pragma omp simd reduction(+ : aa, bb, ab)
    for (int64_t i = from; i < to; i++) {
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
        ab += (double)a[i] * (double)b[i];
    }
    return (struct arc){ aa, bb, ab, 0, 0 };
}

static void look(const struct tr__mixing *m, int pass, const struct tr__mixed *x)
{
    struct arc part[PARTS], *arc = m->state;
    const float *a = first_of(m, x), *b = x->model[m->args->n - 1];
    (void)pass;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < PARTS; i++)
        part[i] = products(a, b, x->n * i / PARTS, x->n * (i + 1) / PARTS);
    for (int i = 0; i < PARTS; i++) {
        arc->aa += part[i].aa;
        arc->bb += part[i].bb;
        arc->ab += part[i].ab;
    }
}

static void settle(const struct tr__mixing *m, int pass)
{
    struct arc *arc = m->state;
    const double *w = m->weight;
    double t = m->args->n == 1 ? w[0] : w[1] / (w[0] + w[1]);
    double lengths = sqrt(arc->aa) * sqrt(arc->bb);
    double cosine = lengths > 0 ? arc->ab / lengths : 1;
    (void)pass;
    arc->first = 1 - t;
    arc->second = t;
    if (fabs(cosine) > PARALLEL)
        return;
    double angle = acos(cosine);
    arc->first = sin((1 - t) * angle) / sin(angle);
    arc->second = sin(t * angle) / sin(angle);
}

/* A factor of 0 must leave the sign of a zero alone. */
static float sum_of(double p, float a, double q, float b)
{
    if (p == 0 || q == 0)
        return (float)(p == 0 ? q * (double)b : p * (double)a);
    return (float)(p * (double)a + q * (double)b);
}

static void combine(const struct tr__mixing *m, const struct tr__mixed *x)
{
    const struct arc *arc = m->state;
    const float *a = first_of(m, x), *b = x->model[m->args->n - 1];
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < x->n; i++)
        x->out[i] = sum_of(arc->first, a[i], arc->second, b[i]);
}

const struct tr_merge_method tr__method_slerp = {
    .name = "slerp", .help = "between two models on an arc", .least = 1, .most = 2,
    .takes = "weight", .misfit = misfit, .passes = 1, .state_bytes = state_bytes, .look = look, .settle = settle,
    .combine = combine,
};
