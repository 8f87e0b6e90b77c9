/* SPDX-License-Identifier: MIT
 *
 * From one type to another: which tensors of a model change, and how their data do.
 */
#ifndef LIBTRAIN_CONVERT_H
#define LIBTRAIN_CONVERT_H

#include <libtrain/gguf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type that tensor t gets in a model of type `want`: its own for vectors, norms,
 * tables of positions and the other names that llama-quantize leaves alone (even with
 * --pure); `want`; or, if that is a K-quant and the rows are no whole number of its
 * super-blocks, the type with blocks of 32 that llama-quantize takes then.  NULL, with the
 * tensor and the reason in err: the rows fit no block, or its own type cannot be
 * unpacked. */
const struct tr_dtype *tr_convert_type(const struct tr_gguf_tensor *t,
                                       const struct tr_dtype *want,
                                       struct tr_err *err) TR_MUST_CHECK;

enum { TR_CONVERT_BAD_SRC = 1, TR_CONVERT_BAD_DST = 2 };

/* Convert n numbers, a multiple of both blocks, from src to dst by way of f32, with all
 * threads; the bytes do not depend on their number.  src is aligned to 8 bytes.  Returns 0
 * or the sum of what is not finite: BAD_SRC, and BAD_DST (too large for `to`). */
int tr_convert(const struct tr_dtype *from, const void *src, const struct tr_dtype *to,
               void *dst, int64_t n) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
