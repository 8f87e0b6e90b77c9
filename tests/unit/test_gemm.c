/* SPDX-License-Identifier: MIT
 *
 * Every way to compute a product (matmul/products.h) against the sum of its definition
 * in f64, over shapes with edges, with rows that are apart, and over what a product adds
 * to.
 */
#include "sanitized.h"
#include "suite.h"

#include <libtrain/matmul/dnnl.h>
#include <libtrain/matmul/products.h>
#include <libtrain/matmul/short.h>

#include <check.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct way {
    const char *name;
    const struct tr__products *products;
    double error; /* of a sum of k numbers in [-1, 1), in units of sqrt(k) */
    int dnnl;
} ways[] = {
    { "f32", &tr__products_f32, 1e-6, 0 },
    { "thin", &tr__products_thin, 1e-6, 0 },
    { "bf16", &tr__products_bf16, 6e-3, 1 },
    { "int8", &tr__products_int8, 2.5e-2, 1 },
    { "bf16, varied", &tr__products_bf16, 6e-3, 1 },
    { "int8, varied", &tr__products_int8, 2.5e-2, 1 },
};
enum { N_WAY = sizeof ways / sizeof ways[0] };

static const struct shape {
    int64_t m, n, k;
} shapes[] = {
    { 1, 1, 1 },    { 3, 8, 64 },    { 64, 8, 100 },  { 65, 100, 8 }, { 7, 4, 31 },
    { 130, 17, 5 }, { 33, 1, 1000 }, { 20, 1000, 1 }, { 9, 32, 129 }, { 129, 129, 32 },
    { 5, 4100, 1024 }, /* more than one tile */
    { 9, 200, 600 },   /* strips, tiles and batches of short.c */
    { 48, 1100, 1030 }, { 100, 530, 90 }, { 128, 49, 70 },
};
enum { N_SHAPE = sizeof shapes / sizeof shapes[0] };

enum { APART = 3 }; /* numbers between two rows */

static float next_number(void)
{
    static uint32_t r = 1;
    r = r * 1664525 + 1013904223; /* Numerical Recipes' generator */
    return (float)((int32_t)(r >> 8) - (1 << 23)) * 0x1p-23f;
}

static float *numbers(int64_t n)
{
    float *v = malloc((size_t)n * sizeof *v);
    ck_assert_ptr_nonnull(v);
    for (int64_t i = 0; i < n; i++)
        v[i] = next_number();
    return v;
}

/* How element (i, j) of a matrix is found. */
struct view {
    const float *v;
    int64_t row, col;
};

/* Is c (m, n) = alpha a (m, k) b (k, n) + beta c0, within `error` sqrt(k)? */
static void check_product(const char *what, const struct way *way, const struct shape *s,
                          int64_t k, struct view a, struct view b, float alpha, float beta,
                          const float *c0, const float *c, int64_t m, int64_t n, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += (double)a.v[i * a.row + l * a.col] * (double)b.v[l * b.row + j * b.col];
            sum = (double)alpha * sum + (double)beta * (double)c0[i * ldc + j];
            double off = fabs(sum - (double)c[i * ldc + j]);
            if (!(off <= way->error * sqrt((double)k) + 1e-6))
                ck_abort_msg("%s %s (%d, %d, %d): [%d, %d] is %g, not %g", way->name, what,
                             (int)s->m, (int)s->n, (int)s->k, (int)i, (int)j,
                             (double)c[i * ldc + j], sum);
        }
    for (int64_t i = 0; i + 1 < m; i++) /* what lies between rows is not touched */
        for (int64_t j = n; j < ldc; j++)
            ck_assert(c[i * ldc + j] == c0[i * ldc + j]);
}

static void check_shape(const struct way *way, const struct shape *s, float alpha, float beta)
{
    int64_t m = s->m, n = s->n, k = s->k, ldx = k + APART, ldy = n + APART;
    float *x = numbers(m * ldx), *y = numbers(m * ldy), *w = numbers(n * k);
    float *dw = numbers(n * k), *c;
    size_t x_bytes = (size_t)(m * ldx) * sizeof *x, y_bytes = (size_t)(m * ldy) * sizeof *y;
    size_t w_bytes = (size_t)(n * k) * sizeof *w;
    struct tr__matrix t = { .dtype = &tr_f32, .rows = n, .cols = k, .data = w };
    struct tr_arena scratch;
    t.needs_grad = 1;
    t.varied = strstr(way->name, "varied") != NULL;
    size_t bytes = way->products->scratch(m, &t);
    ck_assert_int_eq(tr_arena_init(&scratch, "a test", bytes, NULL), 0);

    c = memcpy(malloc(y_bytes), y, y_bytes);
    way->products->xwt(&scratch, m, alpha, x, ldx, &t, beta, c, ldy);
    check_product("x w^T", way, s, k, (struct view){ x, ldx, 1 }, (struct view){ w, 1, k },
                  alpha, beta, y, c, m, n, ldy);
    free(c);
    c = memcpy(malloc(x_bytes), x, x_bytes);
    way->products->dyw(&scratch, m, alpha, y, ldy, &t, beta, c, ldx);
    check_product("dy w", way, s, n, (struct view){ y, ldy, 1 }, (struct view){ w, k, 1 },
                  alpha, beta, x, c, m, k, ldx);
    free(c);
    c = t.grad = memcpy(malloc(w_bytes), dw, w_bytes);
    for (int64_t i = 0; beta == 0 && i < n * k; i++)
        c[i] = NAN; /* an empty gradient has any numbers */
    way->products->dytx(&scratch, m, alpha, y, ldy, x, ldx, beta, &t);
    check_product("dy^T x", way, s, m, (struct view){ y, 1, ldy }, (struct view){ x, ldx, 1 },
                  alpha, beta, dw, c, n, k, k);
    free(c);
    ck_assert_uint_eq(scratch.used, 0);
    tr_arena_release(&scratch);
    free(x);
    free(y);
    free(w);
    free(dw);
}

/* LeakSanitizer itself falls over the threads of code that oneDNN makes at run time, so it is
 * told (sanitizer/lsan_interface.h) not to look where there is such code. */
static int used_dnnl;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return used_dnnl;
}

START_TEST(products)
{
    const struct way *way = &ways[_i / N_SHAPE];
    const struct shape *s = &shapes[_i % N_SHAPE];
    if (way->products == &tr__products_thin && s->n > TR__THIN_MAX && s->k > TR__THIN_MAX)
        return;
    if (way->dnnl && tr__dnnl_open(NULL))
        return;
    if (SANITIZED && s->m * s->n * s->k > 1 << 24)
        return;
    used_dnnl = way->dnnl;
    for (float beta = 0; beta < 2; beta++) {
        check_shape(way, s, 1, beta);
        check_shape(way, s, 0.25f, beta);
    }
}
END_TEST

/* Few rows, with one thread and with three. */
START_TEST(threads)
{
    int64_t m = _i, n = 300, k = 130;
    float *x = numbers(m * k), *dy = numbers(m * n), *w = numbers(n * k);
    float *room = aligned_alloc(TR_ARENA_ALIGN, tr__short_room(m, k)), *y[2], *dx[2];
    int most = omp_get_max_threads();
    for (int i = 0; i < 2; i++) {
        omp_set_num_threads(i ? 3 : 1);
        y[i] = malloc((size_t)(m * n) * sizeof(float));
        dx[i] = malloc((size_t)(m * k) * sizeof(float));
        tr__short_xwt(m, n, k, 1, x, k, w, 0, y[i], n, room);
        tr__short_dyw(m, n, k, 1, dy, n, w, 0, dx[i], k, room);
    }
    omp_set_num_threads(most);
    ck_assert_mem_eq(y[0], y[1], (size_t)(m * n) * sizeof(float));
    ck_assert_mem_eq(dx[0], dx[1], (size_t)(m * k) * sizeof(float));
    for (int i = 0; i < 2; i++) {
        free(y[i]);
        free(dx[i]);
    }
    free(x);
    free(dy);
    free(w);
    free(room);
}
END_TEST

/* What is planned for a product is enough for one of fewer rows: the last chunk. */
START_TEST(scratch_grows)
{
    static const int64_t widths[][2] = { { 32000, 256 }, { 49152, 128 }, { 4096, 576 },
                                         { 1024, 1024 }, { 8, 4096 } };
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        struct tr__matrix t = { .dtype = &tr_f32, .rows = widths[i][0],
                                .cols = widths[i][1] };
        t.varied = strstr(ways[_i].name, "varied") != NULL;
        size_t last = 0;
        for (int64_t m = 1; m <= 2048; m++) {
            size_t bytes = ways[_i].products->scratch(m, &t);
            ck_assert_msg(bytes >= last, "%s, (%d, %d): %d rows take less", ways[_i].name,
                          (int)widths[i][0], (int)widths[i][1], (int)m);
            last = bytes;
        }
    }
}
END_TEST

static size_t library(const struct tr__products *how, int64_t m, int64_t n, int64_t k,
                      int needs_grad)
{
    struct tr__matrix w = { .dtype = &tr_f32, .rows = n, .cols = k };
    w.products = how;
    w.needs_grad = needs_grad;
    return tr__gemm_library(m, &w);
}

/* What the libraries keep: OpenBLAS the more the larger the products, up to its depth; oneDNN
 * only for weights that are cut, and for gradients. */
START_TEST(libraries_keep)
{
    const struct tr__products *f32 = &tr__products_f32, *bf16 = &tr__products_bf16;
    size_t mb = 1000 * 1000, gradient = TR__DNNL_GRADIENT_CODE;
    ck_assert_uint_lt(library(f32, 64, 128, 128, 0), library(f32, 512, 128, 128, 0));
    ck_assert_uint_lt(library(f32, 512, 128, 128, 0), mb);
    ck_assert_uint_eq(library(f32, 512, 768, 768, 0), library(f32, 512, 3072, 3072, 0));
    ck_assert_uint_gt(library(f32, 256, 50257, 768, 1), 256 * 50257 * sizeof(float));
    ck_assert_uint_lt(library(f32, 256, 50257, 768, 0), 10 * mb);
    ck_assert_uint_eq(library(bf16, 512, 768, 768, 0), 0);
    ck_assert_uint_eq(library(bf16, 512, 768, 768, 1), gradient);
    ck_assert_uint_gt(library(bf16, 512, 50257, 768, 0), gradient);
    ck_assert_uint_eq(library(&tr__products_int8, 512, 50257, 768, 0), 0);
    ck_assert_uint_eq(library(&tr__products_int8, 512, 50257, 768, 1), gradient);
    ck_assert_uint_eq(library(f32, 512, 8, 4096, 1), 0); /* thin */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gemm");
    TCase *c = tcase_create("products");
    tcase_add_loop_test(c, products, 0, N_WAY * N_SHAPE);
    tcase_add_loop_test(c, threads, TR__SHORT_FROM, TR__SHORT_FROM + 40);
    tcase_add_loop_test(c, scratch_grows, 0, N_WAY);
    tcase_add_test(c, libraries_keep);
    suite_add_tcase(s, c);
    struct tr_err err;
    if (tr__dnnl_open(&err))
        printf("SKIP products of oneDNN: %s\n", err.text);
    return run_suite(s);
}
