/* SPDX-License-Identifier: MIT
 *
 * Types of tensor data.  Each is a const struct at the foot of its file in
 * libtrain/quants/, listed once in quants/dtypes.def.  All are static; nobody owns them.
 *
 * A type packs `block` numbers into `bytes` bytes; a row of a tensor is a whole number of
 * blocks.  Layouts and ids are those of GGUF (ggml's block structs).
 */
#ifndef LIBTRAIN_DTYPE_H
#define LIBTRAIN_DTYPE_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr__int8_row;

struct tr_dtype {
    const char *name; /* as llama-quantize spells it: "F32", "Q8_0" */
    uint32_t id;      /* ggml_type in a GGUF tensor info */
    int32_t file_type; /* general.file_type of a model made of it; -1: none */
    uint32_t block;   /* numbers in a block */
    uint32_t bytes;   /* bytes in a block */

    /* Unpack n numbers (a multiple of block) from src to dst.  NULL: integers and types
     * that are known by size only. */
    void (*to_f32)(const void *src, float *dst, int64_t n);

    /* Pack n numbers; the bytes are those that llama.cpp's reference quantiser writes.
     * NULL: read only, unless there is from_f32_by. */
    void (*from_f32)(const float *src, void *dst, int64_t n);

    /* Pack one row of n numbers, a multiple of block, where some columns matter more: an
     * error in column i counts weight[i] times (n weights, finite, not negative: the mean of
     * the squares of that input).  The bytes are llama-quantize's with an importance matrix;
     * sums go over the whole row, so part of a row gives others.  NULL: weights make no
     * difference to this type. */
    void (*from_f32_by)(const float *src, const float *weight, void *dst, int64_t n);

    /* 1: so coarse that llama-quantize refuses it without weights, but for embeddings and
     * the output.  If there is no from_f32 beside from_f32_by, nothing goes without them. */
    int needs_weights;

    /* 1 if every number that n packed numbers stand for is finite (for a quantised type
     * it is enough that the scales are).  NULL: always finite. */
    int (*finite)(const void *src, int64_t n);

    /* The largest magnitude that it holds; what is larger becomes that.  0: scales reach all
     * of f32, or `finite` tells. */
    float largest;

    /* The sum of n packed numbers times those of x, in f32.  NULL: unpack and multiply. */
    float (*dot)(const void *src, const float *x, int64_t n);

    /* The same of x rounded to signed bytes (quants/int8.h), in integers.  NULL: that is not
     * faster here. */
    float (*dot_int8)(const void *src, const struct tr__int8_row *x, int64_t n);
};

extern const struct tr_dtype tr_f32, tr_f16, tr_bf16, tr_i8, tr_i32;

/* The type with this ggml id, or NULL. */
const struct tr_dtype *tr_dtype_by_id(uint32_t id);

/* The type with this name, upper or lower case, or NULL. */
const struct tr_dtype *tr_dtype_by_name(const char *name);

/* Walk all types: i = 0, 1, … until NULL. */
const struct tr_dtype *tr_dtype_at(int i);

/* Bytes of a tensor of this type and shape (row-major, dim[n_dim - 1] is the row), the
 * one size function of reader, writer, planner and quantiser.  0 dimensions, a dimension
 * below 1, a row that is no whole number of blocks or a size that does not fit in
 * int64_t: TR_EFORMAT, with the reason in err. */
int tr_dtype_bytes(const struct tr_dtype *dtype, int n_dim, const int64_t *dim,
                   int64_t *bytes, struct tr_err *err) TR_MUST_CHECK;

enum { TR_CONVERT_BAD_SRC = 1, TR_CONVERT_BAD_DST = 2, TR_CONVERT_NO_MEMORY = 4 };

/* Convert n numbers, a multiple of both blocks, from src to dst by way of f32, with all
 * threads; the bytes do not depend on their number.  src is aligned to 8 bytes.  Returns 0
 * or the sum of what is not finite: BAD_SRC, and BAD_DST (too large for `to`). */
int tr_convert(const struct tr_dtype *from, const void *src, const struct tr_dtype *to,
               void *dst, int64_t n) TR_MUST_CHECK;

/* The same for n_rows whole rows of `row` numbers whose columns have these weights (row), the
 * same for each row: of stacked experts each matrix has its own, so it is a call a matrix.
 * weight NULL, a type to which weights make no difference and from == to: tr_convert.  A
 * source that is not F32 needs a row of f32 for every thread: NO_MEMORY if there is none. */
int tr_convert_by(const struct tr_dtype *from, const void *src, const struct tr_dtype *to,
                  void *dst, int64_t n_rows, int64_t row, const float *weight) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
