/* SPDX-License-Identifier: MIT
 *
 * Singular values and vectors of a matrix, all of them or the largest.  All are LAPACK's.  The
 * largest few of a large matrix are found in the span of its products with random vectors
 * (Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithms 4.4 and
 * 5.1): as many vectors as are wanted and EXTRA more, turned towards the largest by POWER
 * multiplications with the matrix and its transposed.  That costs some products of the matrix
 * with few columns, where LAPACK's work grows with the cube of its sides.
 */
#include <libtrain/matmul/lapack.h>
#include <libtrain/matmul/matmul.h>
#include <libtrain/rng.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* SMALL: sides up to which all is computed in any case. */
enum { EXTRA = 16, POWER = 3, SMALL = 128 };

static int no_memory(int64_t m, int64_t n, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for the singular values of a matrix of "
                      "%lld x %lld", (long long)m, (long long)n);
}

static int make(struct tr__svd *x, int64_t m, int64_t n, int64_t rank, struct tr_err *err)
{
    *x = (struct tr__svd){ rank, malloc((size_t)(m * rank) * sizeof(float)),
                           malloc((size_t)rank * sizeof(float)),
                           malloc((size_t)(rank * n) * sizeof(float)) };
    if (x->u && x->s && x->vt && m <= INT_MAX && n <= INT_MAX)
        return 0;
    tr__svd_release(x);
    return no_memory(m, n, err);
}

void tr__svd_release(struct tr__svd *x)
{
    free(x->u);
    free(x->s);
    free(x->vt);
    *x = (struct tr__svd){ 0 };
}

/* ==== LAPACK, whose matrices are ours transposed: a^T = v s u^T ==== */

static int run_svd(int m, int n, float *a, struct tr__svd *x, float *work, int lwork,
                   int *iwork)
{
    int k = (int)x->rank, info = 0;
    sgesdd_("S", &n, &m, a, &n, x->s, x->vt, &n, x->u, &k, work, &lwork, iwork, &info, 1);
    return info;
}

/* Everything of a, which is used up. */
static int svd(int64_t m, int64_t n, float *a, struct tr__svd *x, struct tr_err *err)
{
    float best = 0;
    int info = -1;
    int *iwork = malloc(8 * (size_t)x->rank * sizeof *iwork);
    if (!iwork || run_svd((int)m, (int)n, a, x, &best, -1, iwork)) {
        free(iwork);
        return no_memory(m, n, err);
    }
    float *work = malloc((size_t)best * sizeof *work + sizeof *work);
    if (work)
        info = run_svd((int)m, (int)n, a, x, work, (int)best, iwork);
    free(work);
    free(iwork);
    if (info < 0)
        return no_memory(m, n, err);
    return info ? tr_err_set(err, TR_EFORMAT, "the singular values of a matrix of %lld x %lld "
                             "were not found", (long long)m, (long long)n) : 0;
}

/* Make the columns of y (m, k), k <= m, orthonormal, with the same span. */
static int orthonormal(int64_t m64, int k, float *y, struct tr_err *err)
{
    int m = (int)m64, lwork = 64 * k, info = 0;
    float *tau = malloc((size_t)k * sizeof *tau), *work = malloc((size_t)lwork * sizeof *work);
    int rc = tau && work ? 0 : no_memory(m, k, err);
    if (!rc)
        sgelqf_(&k, &m, y, &k, tau, work, &lwork, &info);
    if (!rc && !info)
        sorglq_(&k, &m, &k, y, &k, tau, work, &lwork, &info);
    free(tau);
    free(work);
    if (info)
        tr_fatal("svd: argument %d of LAPACK", -info);
    return rc;
}

/* ==== the largest ==== */

/* y (m, k) = a (m, n) z (n, k) */
static void times(int64_t m, int64_t n, int64_t k, const float *a, const float *z, float *y)
{
    tr__gemm_f32(&(struct tr__gemm){ 0, 0, m, k, n, n, k, k, 1, 0 }, a, z, y);
}

/* z (n, k) = a (m, n)^T y (m, k) */
static void times_transposed(int64_t m, int64_t n, int64_t k, const float *a, const float *y,
                             float *z)
{
    tr__gemm_f32(&(struct tr__gemm){ 1, 0, n, k, m, n, k, k, 1, 0 }, a, y, z);
}

/* y (m, k): orthonormal, nearly the span of the largest left vectors; z (n, k) is used up.
 * */
static int find_span(int64_t m, int64_t n, int k, const float *a, float *y, float *z,
                     struct tr_err *err)
{
    struct tr_rng rng = tr_rng_init(0, 0);
    for (int64_t i = 0; i < n * k; i++)
        z[i] = tr_rng_normal(&rng);
    times(m, n, k, a, z, y);
    int rc = orthonormal(m, k, y, err);
    for (int i = 0; !rc && i < POWER; i++) {
        times_transposed(m, n, k, a, y, z);
        rc = orthonormal(n, k, z, err);
        times(m, n, k, a, z, y);
        if (!rc)
            rc = orthonormal(m, k, y, err);
    }
    return rc;
}

/* c (k, n) = y^T a, which is small, has the same right vectors; x->u takes y times its
 * left. */
static int svd_in_span(int64_t m, int64_t n, const float *a, const float *y, float *c,
                       struct tr__svd *x, struct tr_err *err)
{
    int64_t k = x->rank;
    struct tr__svd small = { k, malloc((size_t)(k * k) * sizeof(float)), x->s, x->vt };
    if (!small.u)
        return no_memory(k, k, err);
    tr__gemm_f32(&(struct tr__gemm){ 1, 0, k, n, m, k, n, n, 1, 0 }, y, a, c);
    int rc = svd(k, n, c, &small, err);
    if (!rc)
        times(m, k, k, y, small.u, x->u);
    free(small.u);
    return rc;
}

static int svd_largest(int64_t m, int64_t n, const float *a, struct tr__svd *x,
                       struct tr_err *err)
{
    int k = (int)x->rank;
    float *y = malloc((size_t)(m * k) * sizeof *y), *z = malloc((size_t)(n * k) * sizeof *z);
    int rc = y && z ? find_span(m, n, k, a, y, z, err) : no_memory(m, n, err);
    if (!rc)
        rc = svd_in_span(m, n, a, y, z, x, err);
    free(y);
    free(z);
    return rc;
}

int tr__svd_new(struct tr__svd *x, int64_t m, int64_t n, const float *a, int64_t wanted,
                struct tr_err *err)
{
    int64_t all = m < n ? m : n, k = wanted + EXTRA;
    int few = all > SMALL && 4 * k < all;
    int rc = make(x, m, n, few ? k : all, err);
    if (rc)
        return rc;
    if (few) {
        rc = svd_largest(m, n, a, x, err);
    } else {
        float *copy = malloc((size_t)(m * n) * sizeof *copy);
        if (copy)
            memcpy(copy, a, (size_t)(m * n) * sizeof *copy);
        rc = copy ? svd(m, n, copy, x, err) : no_memory(m, n, err);
        free(copy);
    }
    if (rc)
        tr__svd_release(x);
    return rc;
}

/* ==== of a product ==== */

/* q (rows, k): orthonormal columns with the span of those of v (rows, k), or of its rows'
 * transposed where v is stored as (k, rows). */
static float *basis_of(const float *v, int64_t rows, int64_t k, int transposed,
                       struct tr_err *err)
{
    float *q = malloc((size_t)(rows * k) * sizeof *q);
    if (!q) {
        no_memory(rows, k, err);
        return NULL;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < k; j++)
            q[i * k + j] = transposed ? v[j * rows + i] : v[i * k + j];
    if (orthonormal(rows, (int)k, q, err)) {
        free(q);
        return NULL;
    }
    return q;
}

/* b = p (p^T b) and a = (a q) q^T with bases p and q: the values are those of the small
 * matrix between them.  w (3 k k): memory. */
static int svd_between(struct tr__svd *x, int64_t m, int64_t k, int64_t n, const float *b,
                       const float *a, const float *p, const float *q, float *w,
                       struct tr_err *err)
{
    float *left = w, *right = w + k * k, *core = w + 2 * k * k;
    struct tr__svd small;
    times_transposed(m, k, k, p, b, left);
    times(k, n, k, a, q, right);
    times(k, k, k, left, right, core);
    int rc = tr__svd_new(&small, k, k, core, k, err);
    if (!rc)
        rc = make(x, m, n, k, err);
    if (!rc) {
        memcpy(x->s, small.s, (size_t)k * sizeof *x->s);
        times(m, k, k, p, small.u, x->u);
        tr__gemm_f32(&(struct tr__gemm){ 0, 1, k, n, k, k, k, n, 1, 0 }, small.vt, q, x->vt);
    }
    tr__svd_release(&small);
    return rc;
}

int tr__svd_of_product(struct tr__svd *x, int64_t m, int64_t k, int64_t n, const float *b,
                       const float *a, struct tr_err *err)
{
    int is_long = k < m && k < n, rc;
    float *p = is_long ? basis_of(b, m, k, 0, err) : NULL;
    float *q = p ? basis_of(a, n, k, 1, err) : NULL;
    float *w = malloc((size_t)(is_long ? 3 * k * k : m * n) * sizeof *w);
    *x = (struct tr__svd){ 0 };
    if (!w) {
        rc = no_memory(m, n, err);
    } else if (is_long) {
        rc = q ? svd_between(x, m, k, n, b, a, p, q, w, err) : TR_ENOMEM;
    } else {
        times(m, k, n, b, a, w);
        rc = tr__svd_new(x, m, n, w, m < n ? m : n, err);
    }
    free(p);
    free(q);
    free(w);
    return rc;
}
