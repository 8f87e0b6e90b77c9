/* SPDX-License-Identifier: MIT
 *
 * A model that has learnt nothing: the start of a training from nothing.
 */
#ifndef LIBTRAIN_INIT_H
#define LIBTRAIN_INIT_H

#include <libtrain/gguf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Its shape; 0 follows from the others, see tr_init_shape. */
struct tr_init_args {
    const char *arch;          /* general.architecture; NULL: llama */
    const struct tr_gguf *vocab; /* whose tokenizer is copied: a model, or keys alone */
    int64_t n_param;           /* about so many parameters, the token table among them */
    int64_t n_ctx;             /* positions; 0: 512 */
    int64_t n_layer, n_embd, n_head, n_head_kv, n_ff;
    uint64_t seed;
};

/* What came of it. */
struct tr_init_made {
    int64_t n_param, n_table; /* parameters, and those of tables of tokens and positions */
};

/* The i-th architecture of which a model can be made: some of those with attention and MLPs
 * that need no further keys, the usual one first.  NULL behind the last one. */
const char *tr_init_arch(int i);

/* Give every 0 of the shape a number.  Of a number of parameters alone comes the width that is
 * nearest to it, a multiple of 32, with a block for every 32 of it up to a width of 256, then
 * for every 64 (depth beside width as in Kaplan et al. 2020, table 6, and Hoffmann et al. 2022, table
 * A9).  Heads are of 32 numbers up to a width of 256, then of 64; keys and values have
 * as many; the inside of an MLP is 4 times the width, of one with a gate 8/3 of it, in
 * multiples of 32 (Shazeer 2020).  TR_EINVAL for what does not go together, TR_EFORMAT for a
 * vocabulary that is none, TR_EUNSUPPORTED for other architectures. */
int tr_init_shape(struct tr_init_args *a, struct tr_err *err) TR_MUST_CHECK;

/* Write such a model, all in f32, to `path`; the shape is complete.  Numbers of matrices and
 * tables are normal with deviation 0.02, those of projections that end in the
 * residual stream with 0.02 / sqrt(2 n_layer) (Radford et al. 2019, section 2.3); norms are 1, biases 0; the output
 * matrix is the token table.  The bytes depend on the arguments and on the vocabulary alone, whatever the threads.
 * Errors as above, and TR_EIO. */
int tr_init_write(const struct tr_init_args *a, const char *path, struct tr_init_made *made,
                  struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
