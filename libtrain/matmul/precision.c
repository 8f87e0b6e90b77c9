/* SPDX-License-Identifier: MIT
 *
 * The precisions by name: which products they stand for, which of them suits this processor,
 * and how fast they are here, which a plan measures before it tells the time of a step.
 * Next: products.h.
 */
#include <libtrain/machine.h>
#include <libtrain/matmul/dnnl.h>
#include <libtrain/matmul/products.h>
#include <libtrain/precision.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5 };

static const struct tr_precision precisions[N] = {
    { "f32", &tr__products_f32, 0, 0, 0, 0, NULL, 0 },
    { "f16", &tr__products_f32, 1, 0, 0, 0, NULL, 0 },
    { "bf16", &tr__products_bf16, 0, 1, TR__DNNL_CODE, TR__DNNL_SIZES,
      tr__dnnl_open, 0 },
    { "q8", &tr__products_int8, 0, 1, TR__DNNL_CODE, TR__DNNL_SIZES,
      tr__dnnl_open, 0 },
    { "auto", &tr__products_f32, 0, 0, 0, 0, NULL, 1 },
};

/* In the same order. */
static const struct tr_precision with_few_int8[N] = {
    { "f32", &tr__products_f32_int8, 0, 0, 0, 0, NULL, 0 },
    { "f16", &tr__products_f32_int8, 1, 0, 0, 0, NULL, 0 },
    { "bf16", &tr__products_bf16_few_int8, 0, 1, TR__DNNL_CODE, TR__DNNL_SIZES,
      tr__dnnl_open, 0 },
    { "q8", &tr__products_int8_few_int8, 0, 1, TR__DNNL_CODE, TR__DNNL_SIZES,
      tr__dnnl_open, 0 },
    { "auto", &tr__products_f32_int8, 0, 0, 0, 0, NULL, 1 },
};

const struct tr_precision *tr_precision_at(int i)
{
    return i >= 0 && i < N ? &precisions[i] : NULL;
}

const struct tr_precision *tr_precision_named(const char *name)
{
    for (int i = 0; i < N; i++)
        if (!strcmp(precisions[i].name, name))
            return &precisions[i];
    return NULL;
}

const struct tr_precision *tr_precision_few_int8(const struct tr_precision *p)
{
    for (int i = 0; i < N; i++)
        if (p == &precisions[i])
            return &with_few_int8[i];
    return p;
}

/* ---- by the processor ----------------------------------------------------------------- */

static int has_avx512_bf16(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16");
#else
    return 0;
#endif
}

/* What is faster than f32, and by which instructions.  Processors with AMX have those of
 * AVX-512 too, and oneDNN takes the wider ones by itself.  q8 is never chosen: it costs more
 * of the loss than bf16. */
static const struct {
    const char *instructions, *name;
    int (*has)(void);
} by_processor[] = {
    { "AVX512_BF16", "bf16", has_avx512_bf16 },
};

const struct tr_precision *tr_precision_choose(const struct tr_precision *p, char *why,
                                               size_t size)
{
    struct tr_err err = { 0 };
    if (why && size)
        *why = 0;
    if (!p->is_choice)
        return p;
    for (size_t i = 0; i < sizeof by_processor / sizeof *by_processor; i++) {
        if (!by_processor[i].has())
            continue;
        p = tr_precision_named(by_processor[i].name);
        int can = !p->open || !p->open(&err);
        snprintf(why, why ? size : 0, can ? "the processor has %s" : "%s",
                 can ? by_processor[i].instructions : err.text);
        return can ? p : &precisions[0];
    }
    snprintf(why, why ? size : 0, "the processor has no instructions for BF16");
    return &precisions[0];
}

int tr_precision_open(const struct tr_precision *p, struct tr_err *err)
{
    int rc = p->open ? p->open(err) : 0;
    if (rc)
        tr_err_prefix(err, "precision %s", p->name);
    return rc;
}

/* The best of the repeats that fit in the time: the first ones find cold caches and
 * sleeping threads. */
double tr_precision_rate(const struct tr_precision *p, int64_t m, int64_t n, int64_t k)
{
    float *x = calloc((size_t)(m * k), sizeof *x), *y = calloc((size_t)(m * n), sizeof *y);
    float *data = calloc((size_t)(n * k), sizeof *data);
    struct tr__matrix w = { .dtype = &tr_f32, .rows = n, .cols = k, .data = data };
    struct tr_arena scratch;
    double best = 0, begin = tr_machine_seconds(), now = begin;
    int ok = x && y && data && !tr__gemm_ready(NULL) &&
             !tr_arena_init(&scratch, "a product", p->products->scratch(m, &w), NULL);
    for (int i = 0; ok && (i < 3 || now - begin < 0.1); i++) {
        double start = now;
        p->products->xwt(&scratch, m, 1, x, k, &w, 0, y, n);
        now = tr_machine_seconds();
        double rate = 2 * (double)m * (double)n * (double)k / (now - start);
        best = rate > best ? rate : best;
    }
    if (ok)
        tr_arena_release(&scratch);
    free(x);
    free(y);
    free(data);
    return best;
}

const char *tr_dnnl_version(struct tr_err *err)
{
    return tr__dnnl_open(err) ? NULL : tr__dnnl_version();
}
