/* SPDX-License-Identifier: MIT
 *
 * Q8_0: 32 numbers as signed bytes and one F16 scale d; x = d q.
 */
#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>
#include <libtrain/quants/int8.h>
#include <libtrain/quants/range.h>
#include <libtrain/quants/row.h>

struct q8_0 {
    uint8_t d[2];
    int8_t q[32];
};

TR__INLINE void q8_0_scales(const struct q8_0 *b, float *d, float *m)
{
    (void)m;
    *d = tr__load_f16(b->d);
}

TR__INLINE void q8_0_levels(const struct q8_0 *b, int part, tr__vec *level)
{
    (void)part;
    TR__EACH(i, TR__PART_VECS)
        level[i] = tr__to_float(tr__load_i8(b->q + i * TR__VEC));
}

TR__ROW(q8_0, 32, 32, 0)

#ifdef TR__HAS_BYTES
TR__INLINE tr__bytes q8_0_bytes(const struct q8_0 *b, int part)
{
    (void)part;
    return tr__bytes32(b->q);
}
#endif

TR__DOT_INT8(q8_0, 32, 32, 0, TR__SIGNED_LEVELS)

/* 1/d overflows where d is subnormal; the block is zero then.  A NaN in the input gives a NaN scale and some bytes. */
static void q8_0_from_f32(const float *restrict src, void *dst, int64_t n)
{
    struct q8_0 *b = dst;
    for (int64_t i = 0; i < n / 32; i++, b++, src += 32) {
        float d = tr__abs_max(src, 32) / 127.0f;
        float id = tr__inverse(d);
        tr__store_f16(b->d, d);
        for (int j = 0; j < 32; j++)
            b->q[j] = (int8_t)tr__to_byte(src[j] * id);
    }
}

static int q8_0_finite(const void *src, int64_t n)
{
    return tr__f16_scales_finite(src, n / 32, sizeof(struct q8_0));
}

const struct tr_dtype tr__q8_0 = {
    .name = "Q8_0", .id = 8, .file_type = 7, .block = 32, .bytes = sizeof(struct q8_0),
    .to_f32 = q8_0_to_f32, .from_f32 = q8_0_from_f32,
    .finite = q8_0_finite, .dot = q8_0_dot, TR__WITH_INT8(q8_0)
};
