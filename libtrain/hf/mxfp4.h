/* SPDX-License-Identifier: MIT
 *
 * Tensors that a folder has in MXFP4, as two of bytes each: what plan.c and fetch.c need of
 * them.
 */
#ifndef LIBTRAIN_HF_MXFP4_H
#define LIBTRAIN_HF_MXFP4_H

#include <libtrain/hf/plan.h>

const struct tr_dtype *tr__hf_mxfp4(void);

/* Which part of a tensor a name is, and the name of that tensor; `whole` is left alone if the
 * name says of no part. */
enum tr__hf_packed { TR__HF_WHOLE, TR__HF_BLOCKS, TR__HF_SCALES };
enum tr__hf_packed tr__hf_packed_part(const char *name, char whole[TR__HF_NAME_BYTES]);
/* The scales of blocks, the blocks of scales; NULL and TR_EFORMAT if there are none. */
const struct tr__hf_tensor *tr__hf_packed_other(const struct tr__hf_folder *f,
                                                const struct tr__hf_tensor *t,
                                                struct tr_err *err) TR_MUST_CHECK;

/* The shape that the tensor would have there if it were not packed; both parts are set. */
int tr__hf_packed_shape(const struct tr__hf_made *m, int64_t dim[3],
                        struct tr_err *err) TR_MUST_CHECK;
/* Rows first … first + n - 1 of GGUF, in MXFP4. */
int tr__hf_packed_fetch(const struct tr__hf_folder *f, const struct tr__hf_made *m,
                        int64_t first, int64_t n, uint8_t *to,
                        struct tr_err *err) TR_MUST_CHECK;

#endif
