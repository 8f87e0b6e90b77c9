/* SPDX-License-Identifier: MIT
 *
 * The best pair of a rank for a layer: ridge regression, and the singular values in the norm
 * of its inputs, by one Cholesky factor.  What it leaves of held-out rows follows from their
 * sums, for all ranks at once.  Derivation: docs/maths/personalize.md.
 */
#include <libtrain/matmul/matmul.h>
#include <libtrain/personalize/personal.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RAISE = 12 };

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory to fit a layer");
}

void tr__fit_release(struct tr__fit *fit)
{
    free(fit->a);
    free(fit->b);
    free(fit->left);
    *fit = (struct tr__fit){ 0 };
}

/* l: the factor of C / n + lambda mean(diag C / n) I; lambda grows tenfold until there is
 * one. */
static int factor(const struct tr__fit_job *j, struct tr__fit *fit, float *l, struct tr_err *err)
{
    int64_t n = j->n_in;
    double trace = 0;
    for (int64_t i = 0; i < n; i++)
        trace += (double)j->train->c[i * n + i] / j->train->n;
    for (int k = 0; k < MAX_RAISE && isfinite(trace); k++, fit->lambda *= 10) {
        for (int64_t i = 0; i < n * n; i++)
            l[i] = (float)((double)j->train->c[i] / j->train->n);
        for (int64_t i = 0; i < n; i++)
            l[i * n + i] += (float)(fit->lambda * trace / (double)n);
        if (!tr__cholesky_f32(n, l))
            return 0;
        fit->raised = 1;
    }
    return tr_err_set(err, TR_EDIVERGED, "inputs of a layer are no finite numbers, or all 0");
}

/* m (n_out, n_in): the change in the norm of the inputs, delta L or K L^-T / n. */
static void in_norm(const struct tr__fit_job *j, const float *l, float *m)
{
    int64_t n = j->n_in * j->n_out;
    if (j->delta) {
        memcpy(m, j->delta, (size_t)n * sizeof *m);
        tr__times_triangle(TR__BY_ITSELF, j->n_out, j->n_in, l, m);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        m[i] = (float)((double)j->train->k[i] / j->train->n);
    tr__times_triangle(TR__BY_INVERSE_T, j->n_out, j->n_in, l, m);
}

/* b a from the first singular values, the root of each to either side. */
static int take(const struct tr__fit_job *j, const struct tr__svd *x, const float *l,
                struct tr__fit *fit, struct tr_err *err)
{
    int64_t r = x->rank < j->rank ? x->rank : j->rank;
    fit->rank = (int)r;
    fit->a = malloc((size_t)(r * j->n_in) * sizeof *fit->a);
    fit->b = malloc((size_t)(r * j->n_out) * sizeof *fit->b);
    if (!fit->a || !fit->b)
        return no_memory(err);
    for (int64_t k = 0; k < r; k++)
        for (int64_t i = 0; i < j->n_in; i++)
            fit->a[k * j->n_in + i] = sqrtf(x->s[k]) * x->vt[k * j->n_in + i];
    for (int64_t i = 0; i < j->n_out; i++)
        for (int64_t k = 0; k < r; k++)
            fit->b[i * r + k] = sqrtf(x->s[k]) * x->u[i * x->rank + k];
    tr__times_triangle(TR__BY_INVERSE, r, j->n_in, l, fit->a);
    return 0;
}

/* What is known of held-out rows: k (n_out, n_in) R^T X, |R|^2. */
struct held {
    const float *k;
    double square;
};

/* left[r] = |R|^2 - 2 <b a, K> + <b a C a^T, b> for the first r.  w: (rank, n_in) and (rank,
 * rank) and (n_out, rank) and (rank, rank). */
static void leave(const struct tr__fit_job *j, const struct held *h, struct tr__fit *fit,
                  float *w)
{
    int64_t r = fit->rank, n = j->n_in, m = j->n_out;
    float *ac = w, *aca = ac + r * n, *ka = aca + r * r, *bb = ka + m * r;
    tr__symmetric_f32(r, n, fit->a, j->held->c, ac);
    tr__gemm_f32(&(struct tr__gemm){ 0, 1, r, r, n, n, n, r, 1, 0 }, ac, fit->a, aca);
    tr__gemm_f32(&(struct tr__gemm){ 0, 1, m, r, n, n, n, r, 1, 0 }, h->k, fit->a, ka);
    tr__gemm_f32(&(struct tr__gemm){ 1, 0, r, r, m, r, r, r, 1, 0 }, fit->b, fit->b, bb);
    fit->left[0] = fit->square = h->square;
    for (int64_t k = 0; k < r; k++) {
        double change = (double)aca[k * r + k] * (double)bb[k * r + k];
        for (int64_t i = 0; i < k; i++)
            change += 2 * (double)aca[k * r + i] * (double)bb[k * r + i];
        for (int64_t i = 0; i < m; i++)
            change -= 2 * (double)fit->b[i * r + k] * (double)ka[i * r + k];
        fit->left[k + 1] = fit->left[k] + change;
    }
}

static int measure(const struct tr__fit_job *j, const struct held *h, struct tr__fit *fit,
                   struct tr_err *err)
{
    size_t r = (size_t)fit->rank;
    float *w = malloc((r * (size_t)(j->n_in + j->n_out) + 2 * r * r) * sizeof *w);
    fit->left = malloc((r + 1) * sizeof *fit->left);
    int rc = w && fit->left ? 0 : no_memory(err);
    if (!rc)
        leave(j, h, fit, w);
    free(w);
    return rc;
}

static int fit_with(const struct tr__fit_job *j, double lambda, const struct held *h,
                    struct tr__fit *fit, struct tr_err *err)
{
    struct tr__svd x = { 0 };
    float *l = malloc((size_t)(j->n_in * j->n_in) * sizeof *l);
    float *m = malloc((size_t)(j->n_out * j->n_in) * sizeof *m);
    int rc = l && m ? 0 : no_memory(err);
    *fit = (struct tr__fit){ .lambda = lambda };
    if (!rc)
        rc = factor(j, fit, l, err);
    if (!rc) {
        in_norm(j, l, m);
        rc = tr__svd_new(&x, j->n_out, j->n_in, m, j->rank, err);
    }
    if (!rc)
        rc = take(j, &x, l, fit, err);
    tr__svd_release(&x);
    free(l);
    free(m);
    if (!rc && h)
        rc = measure(j, h, fit, err);
    return rc;
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* With a known change K and |R|^2 of held-out rows follow from their C. */
static int know_held(const struct tr__fit_job *j, struct held *h, float **room,
                     struct tr_err *err)
{
    if (!j->delta) {
        *h = (struct held){ j->held->k, j->held->square };
        return 0;
    }
    int64_t n = j->n_in * j->n_out;
    if (!(*room = malloc((size_t)n * sizeof **room)))
        return no_memory(err);
    tr__symmetric_f32(j->n_out, j->n_in, j->delta, j->held->c, *room);
    *h = (struct held){ *room, dot(*room, j->delta, n) };
    return 0;
}

int tr__fit(const struct tr__fit_job *j, struct tr__fit *fit, struct tr_err *err)
{
    struct held h;
    float *room = NULL;
    int rc = j->held ? know_held(j, &h, &room, err) : 0;
    *fit = (struct tr__fit){ 0 };
    for (int i = 0; !rc && i < (j->held ? j->n_lambda : 1); i++) {
        struct tr__fit other;
        rc = fit_with(j, j->lambda[i], j->held ? &h : NULL, &other, err);
        if (rc || (fit->a && !(other.left[other.rank] < fit->left[fit->rank]))) {
            tr__fit_release(&other);
            continue;
        }
        tr__fit_release(fit);
        *fit = other;
    }
    free(room);
    return rc;
}
