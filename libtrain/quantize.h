/* SPDX-License-Identifier: MIT
 *
 * From one type to another: which tensors of a model change, and how their data do.
 */
#ifndef LIBTRAIN_QUANTIZE_H
#define LIBTRAIN_QUANTIZE_H

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

#ifdef __cplusplus
}
#endif
#endif
