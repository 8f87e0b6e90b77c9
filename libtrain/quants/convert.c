/* SPDX-License-Identifier: MIT
 *
 * Numbers of one type to another, in chunks that the threads share.  By way of f32, since
 * every type knows that; the bytes do not depend on the number of threads.
 */
#include <libtrain/dtype.h>

#include <stdlib.h>
#include <string.h>

/* Numbers, multiples of every block: a thread's share, small beside a cache, and what of it is
 * f32 at a time, small beside a stack. */
enum { CHUNK = 1 << 14, PIECE = 1 << 11 };

static void by_way_of_f32(const struct tr_dtype *from, const char *src,
                          const struct tr_dtype *to, char *dst, int64_t n)
{
    _Alignas(64) float piece[PIECE];
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t some = n - i < PIECE ? n - i : PIECE;
        from->to_f32(src + i / from->block * from->bytes, piece, some);
        to->from_f32(piece, dst + i / to->block * to->bytes, some);
    }
}

static int convert_chunk(const struct tr_dtype *from, const void *src,
                         const struct tr_dtype *to, void *dst, int64_t n)
{
    int bad = from->finite && !from->finite(src, n) ? TR_CONVERT_BAD_SRC : 0;
    if (from == to) {
        memcpy(dst, src, (size_t)(n / from->block * from->bytes));
        return bad;
    }
    if (from == &tr_f32)
        to->from_f32(src, dst, n);
    else
        by_way_of_f32(from, src, to, dst, n);
    return bad | (to->finite && !to->finite(dst, n) ? TR_CONVERT_BAD_DST : 0);
}

int tr_convert(const struct tr_dtype *from, const void *src, const struct tr_dtype *to,
               void *dst, int64_t n)
{
    int bad = 0;
    int64_t src_bytes = CHUNK / from->block * from->bytes;
    int64_t dst_bytes = CHUNK / to->block * to->bytes;
#pragma omp parallel for schedule(static) reduction(| : bad)
    for (int64_t i = 0; i < (n + CHUNK - 1) / CHUNK; i++)
        bad |= convert_chunk(from, (const char *)src + i * src_bytes, to,
                             (char *)dst + i * dst_bytes,
                             n - i * CHUNK < CHUNK ? n - i * CHUNK : CHUNK);
    return bad;
}

/* buffer (row): for the row as f32. */
static int convert_row(const struct tr_dtype *from, const void *src,
                       const struct tr_dtype *to, void *dst, int64_t row,
                       const float *weight, float *buffer)
{
    int bad = from->finite && !from->finite(src, row) ? TR_CONVERT_BAD_SRC : 0;
    if (from != &tr_f32)
        from->to_f32(src, buffer, row);
    to->from_f32_by(from == &tr_f32 ? src : buffer, weight, dst, row);
    return bad | (to->finite && !to->finite(dst, row) ? TR_CONVERT_BAD_DST : 0);
}

/* Whole rows, since a type may look at all of one before it packs its first block. */
int tr_convert_by(const struct tr_dtype *from, const void *src, const struct tr_dtype *to,
                  void *dst, int64_t n_rows, int64_t row, const float *weight)
{
    int bad = 0;
    int64_t src_bytes = row / from->block * from->bytes;
    int64_t dst_bytes = row / to->block * to->bytes;
    if (!weight || !to->from_f32_by || from == to)
        return tr_convert(from, src, to, dst, n_rows * row);
#pragma omp parallel reduction(| : bad)
    {
        float *buffer = from == &tr_f32 ? NULL : malloc((size_t)row * sizeof *buffer);
#pragma omp for schedule(static)
        for (int64_t i = 0; i < n_rows; i++)
            bad |= from != &tr_f32 && !buffer
                       ? TR_CONVERT_NO_MEMORY
                       : convert_row(from, (const char *)src + i * src_bytes, to,
                                     (char *)dst + i * dst_bytes, row, weight, buffer);
        free(buffer);
    }
    return bad;
}
