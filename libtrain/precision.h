/* SPDX-License-Identifier: MIT
 *
 * What matrix products of the weights and of attention are computed in, and what results
 * are kept in until backward.  Everything else is f32: sums, gradients, the weights that are
 * trained, the products of an adapter.
 */
#ifndef LIBTRAIN_PRECISION_H
#define LIBTRAIN_PRECISION_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr__products;

/* All are static. */
struct tr_precision {
    const char *name;
    const struct tr__products *products;
    int keep_half;      /* results wait for backward as F16 */
    int attention_bf16; /* attention multiplies BF16, where the build has it */
    int64_t program;    /* bytes that a library of its own takes, about, … */
    int64_t varied;     /* … and more where products have many different numbers of rows */
    int (*open)(struct tr_err *err); /* NULL: nothing is needed */
    int is_choice; /* stands for one of the others: tr_precision_choose */
};

/* i = 0, 1, … until NULL; the first is f32.  One is a choice among the others, "auto";
 * whoever computes in it without choosing computes in f32. */
const struct tr_precision *tr_precision_at(int i);

/* NULL: there is none of this name. */
const struct tr_precision *tr_precision_named(const char *name);

/* p, or if that is a choice what it stands for on this machine: bf16 where the processor has
 * instructions for it and oneDNN is there, otherwise f32.  It follows from what the machine
 * is and no clock, so that it is the same the next time.  `why`, of `size` bytes, says it, as in
 * "the processor has AVX512_BF16"; empty if p is no choice.  It may be NULL. */
const struct tr_precision *tr_precision_choose(const struct tr_precision *p, char *why,
                                               size_t size);

/* For generating, where a token is a row: p, but the products of up to six rows with packed
 * weights are in integers where that is faster here, from rows rounded to bytes. */
const struct tr_precision *tr_precision_few_int8(const struct tr_precision *p);

/* Can this build on this machine compute so?  TR_EUNSUPPORTED says why not. */
int tr_precision_open(const struct tr_precision *p, struct tr_err *err) TR_MUST_CHECK;

/* Floating-point operations a second of a product x (m, k) times w (n, k)^T, with w in f32,
 * measured for about 0.1 s with the threads in use; call after tr_precision_open.  0 if
 * there is no memory for it. */
double tr_precision_rate(const struct tr_precision *p, int64_t m, int64_t n, int64_t k);

/* "2.6.3": the oneDNN that bf16 and q8 use, which this loads; NULL says why there is none.
 * Static. */
const char *tr_dnnl_version(struct tr_err *err);

#ifdef __cplusplus
}
#endif
#endif
