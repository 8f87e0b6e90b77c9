/* SPDX-License-Identifier: MIT
 *
 * Floats of four bits: a sign, two bits of exponent and one of fraction.  MXFP4 (Open Compute
 * Project 2023), as gpt-oss has its experts, scales 32 of them by a power of two; byte j of
 * the nibbles holds numbers j and j + 16.  NVFP4 scales 16 by a float of eight bits without a
 * sign (E4M3), four such groups a block; byte j of a group holds numbers j and j + 8.  Read
 * only.
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

struct nvfp4 {
    uint8_t e[4];
    uint8_t q[32];
};

/* Half of the scale, as above.  0x7f, NaN elsewhere, is 0 in ggml; the top bit is no sign. */
static float half_e4m3(uint8_t x)
{
    int e = x >> 3 & 15, f = x & 7;
    if (x == 0x7f)
        return 0;
    return e ? (float)(8 + f) * tr__bits_f32((uint32_t)(e + 127 - 11) << 23)
             : (float)f * 0x1p-10f;
}

TR__INLINE void nvfp4_scales(const struct nvfp4 *b, float *d, float *m)
{
    (void)m;
    TR__EACH(g, 4)
        d[g] = half_e4m3(b->e[g]);
}

TR__INLINE void nvfp4_levels(const struct nvfp4 *b, int part, tr__vec *level)
{
    uint8_t q[32];
    for (int i = 0; i < 32; i++)
        q[i] = b->q[16 * part + i / 16 * 8 + i % 8] >> i % 16 / 8 * 4;
    TR__EACH(i, TR__PART_VECS)
        level[i] = twice_fp4(tr__load_u8(q + i * TR__VEC));
}

TR__ROW(nvfp4, 64, 16, 0)

const struct tr_dtype tr__mxfp4 = {
    .name = "MXFP4", .id = 39, .file_type = 38, .block = 32, .bytes = sizeof(struct mxfp4),
    .to_f32 = mxfp4_to_f32, .finite = mxfp4_finite, .dot = mxfp4_dot,
};

const struct tr_dtype tr__nvfp4 = {
    .name = "NVFP4", .id = 40, .file_type = 39, .block = 64, .bytes = sizeof(struct nvfp4),
    .to_f32 = nvfp4_to_f32, .dot = nvfp4_dot,
};
