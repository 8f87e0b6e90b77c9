/* SPDX-License-Identifier: MIT
 *
 * Matrix products of sixteen- and eight-bit numbers by oneDNN, which is loaded when it is
 * first asked for: only a run that wants it pays for it.
 */
#ifndef LIBTRAIN_MATMUL_DNNL_H
#define LIBTRAIN_MATMUL_DNNL_H

#include <libtrain/error.h>

#include <stdint.h>

/* What it takes beside matrices, measured with 2.6: its code and what it makes for the
 * products of a run, then so much more if there are those for gradients of weights, or as
 * many sizes as are kept. */
enum { TR__DNNL_CODE = 7 << 20, TR__DNNL_GRADIENT_CODE = 3 << 20, TR__DNNL_SIZES = 18 << 20 };

/* Load the library.  TR_EUNSUPPORTED: this build knows none, or it is not installed. */
int tr__dnnl_open(struct tr_err *err) TR_MUST_CHECK;
/* "2.6.3", of the library that is loaded; call after tr__dnnl_open.  Static. */
const char *tr__dnnl_version(void);

enum tr__dnnl_type {
    TR__DNNL_BF16, /* bf16 x bf16, sums and c in f32 */
    TR__DNNL_S8,   /* int8 x int8, sums and c in int32; beta 0 */
};

/* c (m, n) = a (m, k) b (k, n) + beta * c.  a is stored as it is or, with ta, as
 * (k, m); the same for b; lda, ldb, ldc: numbers from one stored row to the next. */
struct tr__dnnl_product {
    enum tr__dnnl_type type;
    int ta, tb;
    int64_t m, n, k, lda, ldb, ldc;
    float beta;
};

/* Call after tr__dnnl_open, outside parallel regions.  Threads that call it at the same time
 * take turns.  Where oneDNN cannot, the reason is in err and c holds anything. */
void tr__dnnl_multiply(const struct tr__dnnl_product *p, const void *a, const void *b,
                       void *c, struct tr_err *err);

#endif
