/* SPDX-License-Identifier: MIT
 *
 * Products of tiles against sums in f64.  In BF16 the reference rounds the factors too, so
 * that only the sums differ.
 */
#include "suite.h"

#include <libtrain/quants/half.h>
#include <libtrain/matmul/tile.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct shape {
    int m, n, k;
} shapes[] = {
    { 8, 16, 1 },   { 64, 64, 64 },  { 16, 48, 5 },    { 32, 80, 31 }, { 64, 256, 64 },
    { 8, 96, 100 }, { 48, 64, 256 }, { 16, 112, 33 },  /* what BF16 is made for */
    { 7, 16, 8 },   { 64, 17, 20 },  { 128, 64, 64 },  { 64, 64, 257 },
};
enum { N_SHAPE = sizeof shapes / sizeof shapes[0], APART = 3 };

static float *numbers(int64_t n)
{
    static uint32_t r = 1;
    float *v = malloc((size_t)n * sizeof *v);
    ck_assert_ptr_nonnull(v);
    for (int64_t i = 0; i < n; i++) {
        r = r * 1664525 + 1013904223; /* Numerical Recipes' generator */
        v[i] = (float)((int32_t)(r >> 8) - (1 << 23)) * 0x1p-23f;
    }
    return v;
}

static double as_bf16(float x)
{
    return (double)tr__bf16_to_f32(tr__f32_to_bf16(x));
}

struct product {
    int64_t m, n, k, ldb, ldc;
    struct tr__tile a;
    float *b, *c, *keep;
};

/* The largest distance of c from the sums, with factors as they are or rounded. */
static double distance(const struct product *p, const float *before, int rounded)
{
    double most = 0;
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double sum = p->keep ? (double)p->keep[i] * (double)before[i * p->ldc + j] : 0;
            for (int64_t k = 0; k < p->k; k++) {
                float x = p->a.data[i * p->a.row + k * p->a.col], y = p->b[k * p->ldb + j];
                sum += rounded ? as_bf16(x) * as_bf16(y) : (double)x * (double)y;
            }
            most = fmax(most, fabs(sum - (double)p->c[i * p->ldc + j]));
        }
    return most;
}

static void check_shape(const struct shape *s, int transposed, int kept)
{
    int64_t lda = (transposed ? s->m : s->k) + APART, ldb = s->n + APART;
    int64_t rows = transposed ? s->k : s->m, c_bytes = s->m * ldb * (int64_t)sizeof(float);
    float *a = numbers(rows * lda), *keep = numbers(s->m), *before = numbers(s->m * ldb);
    struct product p = { s->m, s->n, s->k, ldb, ldb, { a, lda, 1 }, numbers(s->k * ldb),
                         malloc((size_t)c_bytes), kept ? keep : NULL };
    if (transposed)
        p.a.row = 1, p.a.col = lda;
    for (int bf16 = 0; bf16 < 2; bf16++) {
        memcpy(p.c, before, (size_t)c_bytes);
        (bf16 ? tr__tile_product_bf16 : tr__tile_product)(p.m, p.n, p.k, p.a, p.b, p.ldb, p.c,
                                                          p.ldc, p.keep);
        double far = distance(&p, before, 0);
        if (bf16) /* or f32, where there is no BF16 */
            far = fmin(far, distance(&p, before, 1));
        ck_assert_msg(far < 2e-7 * (double)(s->k + 10), "(%d, %d, %d) %s%s%s is off by %g",
                      s->m, s->n, s->k, bf16 ? "bf16 " : "", transposed ? "transposed " : "",
                      kept ? "added" : "", far);
        for (int64_t i = 0; i < s->m; i++) /* what lies between rows is not touched */
            ck_assert(!memcmp(p.c + i * ldb + s->n, before + i * ldb + s->n,
                              APART * sizeof(float)));
    }
    free(a);
    free(keep);
    free(before);
    free(p.b);
    free(p.c);
}

START_TEST(products)
{
    for (int way = 0; way < 4; way++)
        check_shape(&shapes[_i], way & 1, way & 2);
}
END_TEST

START_TEST(transposes)
{
    int rows = shapes[_i].m, cols = shapes[_i].n, ld = cols + APART, ld_to = rows + APART;
    float *from = numbers(rows * ld), *to = numbers(cols * ld_to);
    float *before = malloc((size_t)(cols * ld_to) * sizeof *to);
    memcpy(before, to, (size_t)(cols * ld_to) * sizeof *to);
    tr__tile_transpose(rows, cols, from, ld, to, ld_to);
    for (int j = 0; j < cols; j++)
        for (int i = 0; i < ld_to; i++)
            ck_assert(to[j * ld_to + i] ==
                      (i < rows ? from[i * ld + j] : before[j * ld_to + i]));
    free(from);
    free(to);
    free(before);
}
END_TEST

/* Where the build has BF16 it is used: a number that is none in it is rounded. */
START_TEST(is_bf16_where_it_can_be)
{
    float a[8 * 16], b[16 * 16], c[8 * 16];
    for (int i = 0; i < 16 * 16; i++)
        b[i] = i % 17 == 0; /* the identity */
    for (int i = 0; i < 8 * 16; i++)
        a[i] = 1 + 0x1p-12f;
    tr__tile_product_bf16(8, 16, 16, (struct tr__tile){ a, 16, 1 }, b, 16, c, 16, NULL);
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
    ck_assert(c[5] == 1);
#else
    ck_assert(c[5] == a[5]);
#endif
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tile");
    TCase *c = tcase_create("tile");
    tcase_add_loop_test(c, products, 0, N_SHAPE);
    tcase_add_loop_test(c, transposes, 0, N_SHAPE);
    tcase_add_test(c, is_bf16_where_it_can_be);
    suite_add_tcase(s, c);
    return run_suite(s);
}
