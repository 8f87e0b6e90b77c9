/* SPDX-License-Identifier: MIT
 *
 * The precisions by name: which products they stand for, and how fast those are here, which
 * a plan measures before it tells the time of a step.  Next: products.h.
 */
#include <libtrain/machine.h>
#include <libtrain/matmul/dnnl.h>
#include <libtrain/matmul/products.h>
#include <libtrain/precision.h>

#include <stdlib.h>

static const struct tr_precision precisions[] = {
    { "f32", &tr__products_f32, 0, 0, 0, NULL },
    { "f16", &tr__products_f32, 1, 0, 0, NULL },
    { "bf16", &tr__products_bf16, 0, 1, TR__DNNL_CODE, tr__dnnl_open },
    { "q8", &tr__products_int8, 0, 1, TR__DNNL_CODE, tr__dnnl_open },
};

const struct tr_precision tr_precision_few_int8 = { "few int8", &tr__products_f32_int8,
                                                    0, 0, 0, NULL };

const struct tr_precision *tr_precision_at(int i)
{
    int n = sizeof precisions / sizeof *precisions;
    return i >= 0 && i < n ? &precisions[i] : NULL;
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
