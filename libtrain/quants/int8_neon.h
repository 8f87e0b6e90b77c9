/* SPDX-License-Identifier: MIT
 *
 * What int8.h asks of a processor, with the NEON of 64-bit ARM: 32 bytes are two registers,
 * their products with others four sums.  Where there are products of four bytes at once
 * (SDOT) those are two operations, elsewhere six.
 */
#ifndef LIBTRAIN_QUANTS_INT8_NEON_H
#define LIBTRAIN_QUANTS_INT8_NEON_H

#include <libtrain/base/vec.h>
#include <libtrain/quants/half.h>

#ifdef TR__NEON
#define TR__HAS_BYTES 1
enum { TR__SUMS = 4 };
typedef tr__vec tr__sums;
typedef uint8x16x2_t tr__bytes;

TR__INLINE tr__bytes tr__bytes32(const void *p)
{
    return (tr__bytes){ { vld1q_u8(p), vld1q_u8((const uint8_t *)p + 16) } };
}

/* The lowest `bits` bits of each byte of v >> shift. */
TR__INLINE uint8x16_t tr__bits16(uint8x16_t v, int shift, int bits)
{
    v = v >> shift;
    return shift + bits == 8 ? v : v & vdupq_n_u8((uint8_t)((1 << bits) - 1));
}

TR__INLINE tr__bytes tr__byte_bits(tr__bytes v, int shift, int bits)
{
    return (tr__bytes){ { tr__bits16(v.val[0], shift, bits),
                          tr__bits16(v.val[1], shift, bits) } };
}

/* Sixteen bytes of nibbles: the low ones, and behind them the high ones. */
TR__INLINE tr__bytes tr__byte_nibbles(const uint8_t *q)
{
    uint8x16_t v = vld1q_u8(q);
    return (tr__bytes){ { tr__bits16(v, 0, 4), tr__bits16(v, 4, 4) } };
}

/* Byte i: 16 if bit i is set. */
TR__INLINE tr__bytes tr__byte_fifths(uint32_t bits)
{
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    const uint8x16_t low = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 };
    uint8x16_t v = vreinterpretq_u8_u32(vdupq_n_u32(bits)), sixteen = vdupq_n_u8(16);
    return (tr__bytes){ { vtstq_u8(vqtbl1q_u8(v, low), bit) & sixteen,
                        vtstq_u8(vqtbl1q_u8(v, low + 2), bit) & sixteen } };
}

TR__INLINE tr__bytes tr__byte_or(tr__bytes v, tr__bytes w)
{
    return (tr__bytes){ { v.val[0] | w.val[0], v.val[1] | w.val[1] } };
}

/* The lowest n bits of each byte are those of low, 2 or 4, above them is high. */
TR__INLINE tr__bytes tr__byte_join(tr__bytes low, tr__bytes high, const int n)
{
    if (n == 2)
        return (tr__bytes){ { vsliq_n_u8(low.val[0], high.val[0], 2),
                              vsliq_n_u8(low.val[1], high.val[1], 2) } };
    return (tr__bytes){ { vsliq_n_u8(low.val[0], high.val[0], 4),
                          vsliq_n_u8(low.val[1], high.val[1], 4) } };
}

/* An entry of a table of sixteen for each byte below 16. */
TR__INLINE tr__bytes tr__byte_lookup(const int8_t *table, tr__bytes v)
{
    uint8x16_t t = vreinterpretq_u8_s8(vld1q_s8(table));
    return (tr__bytes){ { vqtbl1q_u8(t, v.val[0]), vqtbl1q_u8(t, v.val[1]) } };
}

TR__INLINE tr__sums tr__load_sums(const float *p)
{
    return tr__load(p);
}

TR__INLINE void tr__store_sums(float *p, tr__sums v)
{
    tr__store(p, v);
}

TR__INLINE tr__sums tr__madd_sums(tr__sums a, tr__sums b, tr__sums c)
{
    return tr__madd(a, b, c);
}

TR__INLINE float tr__sum_sums(tr__sums v)
{
    return tr__sum(v);
}

/* sum += sixteen products, as four.  Two of bytes fit in sixteen bits, as x is not -128. */
TR__INLINE int32x4_t tr__dot16(int32x4_t sum, uint8x16_t level, int8x16_t x)
{
    int8x16_t l = vreinterpretq_s8_u8(level);
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_s32(sum, l, x);
#else
    int16x8_t two = vmull_s8(vget_low_s8(l), vget_low_s8(x));
    return vpadalq_s16(sum, vmlal_high_s8(two, l, x));
#endif
}

/* 32 numbers: *sum += level q, by the factors of their groups. */
TR__INLINE void tr__part_int8(tr__bytes level, const int is_signed, const int8_t *q,
                              const float *factor, const int group, tr__sums *sum)
{
    int32x4_t a = tr__dot16(vdupq_n_s32(0), level.val[0], vld1q_s8(q));
    int32x4_t b = tr__dot16(group == 32 ? a : vdupq_n_s32(0), level.val[1], vld1q_s8(q + 16));
    (void)is_signed; /* levels without a sign have seven bits at most */
    if (group == 16)
        *sum = tr__madd(vcvtq_f32_s32(a), tr__splat(factor[0]), *sum);
    *sum = tr__madd(vcvtq_f32_s32(b), tr__splat(factor[group == 16]), *sum);
}

/* The F16 at p and at seven places behind it, `stride` bytes apart. */
TR__INLINE void tr__load_f16s(const void *p, const int stride, float *to)
{
    const char *h = p;
    for (int i = 0; i < 8; i += 4, h += 4 * stride) {
        uint16x4_t four = { tr__load_u16(h), tr__load_u16(h + stride),
                            tr__load_u16(h + 2 * stride), tr__load_u16(h + 3 * stride) };
        vst1q_f32(to + i, vcvt_f32_f16(vreinterpret_f16_u16(four)));
    }
}

#endif

#endif
