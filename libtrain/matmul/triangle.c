/* SPDX-License-Identifier: MIT
 *
 * Symmetric matrices and their Cholesky factors, of which the lower triangle is stored: sums
 * of products of rows, and what a ridge regression makes of them.  Row by row a lower triangle
 * is what LAPACK, which goes column by column, calls an upper one.
 */
#include <libtrain/matmul/lapack.h>
#include <libtrain/matmul/matmul.h>

#include <cblas.h>
#include <limits.h>

static int as_int(int64_t v)
{
    if (v > INT_MAX)
        tr_fatal("triangle: a dimension of %lld is too much for BLAS", (long long)v);
    return (int)v;
}

void tr__gram_f32(int64_t m, int64_t n, const float *x, int64_t ldx, float *c)
{
    cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, as_int(n), as_int(m), 1, x, as_int(ldx),
                1, c, as_int(n));
}

void tr__symmetric_f32(int64_t m, int64_t n, const float *b, const float *c, float *y)
{
    cblas_ssymm(CblasRowMajor, CblasRight, CblasLower, as_int(m), as_int(n), 1, c, as_int(n),
                b, as_int(n), 0, y, as_int(n));
}

int64_t tr__cholesky_f32(int64_t n, float *c)
{
    int info = 0, side = as_int(n);
    spotrf_("U", &side, c, &side, &info, 1);
    return info;
}

void tr__times_triangle(enum tr__triangle how, int64_t m, int64_t n, const float *l, float *b)
{
    enum CBLAS_TRANSPOSE t = how == TR__BY_INVERSE_T ? CblasTrans : CblasNoTrans;
    if (how == TR__BY_ITSELF)
        cblas_strmm(CblasRowMajor, CblasRight, CblasLower, t, CblasNonUnit, as_int(m),
                    as_int(n), 1, l, as_int(n), b, as_int(n));
    else
        cblas_strsm(CblasRowMajor, CblasRight, CblasLower, t, CblasNonUnit, as_int(m),
                    as_int(n), 1, l, as_int(n), b, as_int(n));
}
