/* SPDX-License-Identifier: MIT
 *
 * Matrices to pairs of factors.  The square root of each singular value goes to either side,
 * so that both are of one size, as those of a trained adapter are after a while.  What is lost
 * is not taken from the singular values but measured, since those are rounded.  Next:
 * extract.c.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/matmul/matmul.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 16 }; /* values that are looked at first, where the rank is not known */

static double squared(const float *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sum;
}

/* How many values have this much; the number of all and one more: they do not. */
static int64_t rank_for(const struct tr__svd *x, int64_t known, double wanted)
{
    double sum = 0;
    for (int64_t i = 0; i < known; i++)
        if ((sum += (double)x->s[i] * (double)x->s[i]) >= wanted)
            return i + 1;
    return known + 1;
}

/* The values of d (m, n), as many as make up the share of all that is wanted; *rank of
 * them. Where a few do not, twice as many are looked at. */
static int svd_by_energy(const float *d, int64_t m, int64_t n, double energy,
                         struct tr__svd *x, int64_t *rank, struct tr_err *err)
{
    int64_t all = m < n ? m : n;
    double wanted = energy * squared(d, m * n);
    for (int64_t known = FIRST;; known *= 2) {
        int rc = tr__svd_new(x, m, n, d, known, err);
        if (rc)
            return rc;
        int is_all = x->rank == all;
        *rank = rank_for(x, is_all ? all : known, wanted);
        if (is_all || *rank <= known)
            break;
        tr__svd_release(x);
    }
    if (*rank > all)
        *rank = all;
    return 0;
}

/* b (m, rank), a (rank, n) from the first values. */
static void split(const struct tr__svd *x, int64_t m, int64_t n, int64_t rank, float *b,
                  float *a)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k < rank; k++)
            b[i * rank + k] = sqrtf(x->s[k]) * x->u[i * x->rank + k];
    for (int64_t k = 0; k < rank; k++)
        for (int64_t j = 0; j < n; j++)
            a[k * n + j] = sqrtf(x->s[k]) * x->vt[k * n + j];
}

/* Squared norm of d - b a, by rows that take little memory. */
static int residual(const float *d, int64_t m, int64_t n, int64_t rank, const float *b,
                    const float *a, double *lost, struct tr_err *err)
{
    int64_t step = (1 << 20) / n + 1;
    float *left = malloc((size_t)(step * n) * sizeof *left);
    if (!left)
        return tr_err_set(err, TR_ENOMEM, "out of memory for rows of %lld numbers",
                          (long long)n);
    *lost = 0;
    for (int64_t r = 0; r < m; r += step) {
        int64_t rows = m - r < step ? m - r : step;
        memcpy(left, d + r * n, (size_t)(rows * n) * sizeof *left);
        tr__gemm_f32(&(struct tr__gemm){ 0, 0, rows, n, rank, rank, n, n, -1, 1 },
                     b + r * rank, a, left);
        *lost += squared(left, rows * n);
    }
    free(left);
    return 0;
}

static int alloc(struct tr__factors *f, struct tr_err *err)
{
    f->a = malloc((size_t)(f->n_matrix * f->rank * f->n) * sizeof *f->a);
    f->b = malloc((size_t)(f->n_matrix * f->rank * f->m) * sizeof *f->b);
    if (f->a && f->b)
        return 0;
    return tr_err_set(err, TR_ENOMEM, "out of memory for a pair of rank %lld",
                      (long long)f->rank);
}

/* Matrix e of those in d, by the rank that all have. */
static int factor_one(const float *d, int64_t e, struct tr__factors *f, struct tr_err *err)
{
    struct tr__svd x;
    double lost = 0;
    int rc = tr__svd_new(&x, f->m, f->n, d, f->rank, err);
    if (rc)
        return rc;
    float *a = f->a + e * f->rank * f->n, *b = f->b + e * f->m * f->rank;
    split(&x, f->m, f->n, f->rank, b, a);
    tr__svd_release(&x);
    rc = residual(d, f->m, f->n, f->rank, b, a, &lost, err);
    f->lost += lost;
    return rc;
}

/* The largest rank that any of the matrices wants. */
static int rank_of_all(const float *d, const struct tr_extract_args *args,
                       struct tr__factors *f, struct tr_err *err)
{
    int rc = 0;
    for (int64_t e = 0; !rc && e < f->n_matrix; e++) {
        struct tr__svd x = { 0 };
        int64_t rank;
        rc = svd_by_energy(d + e * f->m * f->n, f->m, f->n, args->energy, &x, &rank, err);
        tr__svd_release(&x);
        if (!rc && rank > f->rank)
            f->rank = rank;
    }
    return rc;
}

int tr__factor(const float *d, const struct tr_extract_args *args, struct tr__factors *f,
               struct tr_err *err)
{
    int64_t all = f->m < f->n ? f->m : f->n;
    f->a = f->b = NULL;
    f->lost = 0;
    f->rank = args->rank < all ? args->rank : all;
    int rc = args->rank ? 0 : rank_of_all(d, args, f, err);
    if (!rc)
        rc = alloc(f, err);
    for (int64_t e = 0; !rc && e < f->n_matrix; e++)
        rc = factor_one(d + e * f->m * f->n, e, f, err);
    return rc;
}
