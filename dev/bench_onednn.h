/* SPDX-License-Identifier: MIT
 *
 * A matrix product of oneDNN, made ready once and run many times.
 */
#ifndef DEV_BENCH_ONEDNN_H
#define DEV_BENCH_ONEDNN_H

#include <libtrain/error.h>

/* c (m, n) = op(a) op(b), or += with `add`; op(a) is (m, k), op(b) is (k, n), and what is
 * transposed is stored the other way round.  Everything is row-major. */
struct bench_product {
    int m, n, k, trans_a, trans_b, add;
};

struct bench_onednn;

/* Operands in `type`: "bf16", with c in f32, or "s8", with c in s32 and never added to.
 * They must stay where they are.  NULL with the reason: no oneDNN in this build, or no such
 * product on this processor. */
struct bench_onednn *bench_onednn_new(const char *type, const struct bench_product *p,
                                      void *a, void *b, void *c, struct tr_err *err);
void bench_onednn_run(const struct bench_onednn *d);
void bench_onednn_free(struct bench_onednn *d); /* NULL is fine */

/* "2.6.3", or NULL without oneDNN. */
const char *bench_onednn_version(void);

#endif
