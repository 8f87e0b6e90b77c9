/* SPDX-License-Identifier: MIT
 *
 * MXFP4 (Open Compute Project 2023), as gpt-oss has its experts: 32 floats of four bits, a
 * sign, two bits of exponent and one of fraction, and a byte that scales them by a power of
 * two.  Byte j of the nibbles holds numbers j and j + 16.  Read only.
 */
#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>
#include <libtrain/quants/row.h>

struct mxfp4 {
    uint8_t e;
    uint8_t q[16];
};

/* 2^(e - 128): half of the scale, since levels are twice the floats, which are whole then.
 * The first two are subnormal. */
TR__INLINE void mxfp4_scales(const struct mxfp4 *b, float *d, float *m)
{
    uint32_t e = b->e;
    (void)m;
    *d = tr__bits_f32(e < 2 ? 0x00200000u << e : (e - 1) << 23);
}

/* 0 1 2 3 4 6 8 12, and those with the other sign, for the lowest four bits of each. */
TR__INLINE tr__vec twice_fp4(tr__ivec v)
{
#if defined(__AVX512F__)
    return tr__lookup_in(v, (tr__vec){ 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8,
                                       -12 });
#else
    tr__ivec c = v & 7, minus = (v & 8) != 0;
    c = c - (c > 4) - (c > 5) - 3 * (c > 6);
    return tr__to_float((c ^ minus) - minus);
#endif
}

TR__INLINE void mxfp4_levels(const struct mxfp4 *b, int part, tr__vec *level)
{
    (void)part;
    TR__EACH(i, TR__PART_VECS / 2) {
        tr__ivec bytes = tr__load_u8(b->q + i * TR__VEC);
        level[i] = twice_fp4(bytes);
        level[i + TR__PART_VECS / 2] = twice_fp4(bytes >> 4);
    }
}

TR__ROW(mxfp4, 32, 32, 0)

/* The largest level times 2^(253 - 128) is beyond F32; 255 stands for NaN. */
static int mxfp4_finite(const void *src, int64_t n)
{
    const struct mxfp4 *b = src;
    int good = 1;
    for (int64_t i = 0; i < n / 32; i++)
        good &= b[i].e < 253;
    return good;
}

const struct tr_dtype tr__mxfp4 = {
    .name = "MXFP4", .id = 39, .file_type = 38, .block = 32, .bytes = sizeof(struct mxfp4),
    .to_f32 = mxfp4_to_f32, .finite = mxfp4_finite, .dot = mxfp4_dot,
};
