/* SPDX-License-Identifier: MIT
 *
 * IQ1_S and IQ1_M: eight numbers at a time are a point of a grid of -1, 0 and 1, moved up
 * or down by 1/8.  x = d (2 s + 1) level, with three bits s for 32 numbers (S) or 16.  IQ1_S
 * has an F16 scale; that of IQ1_M is spread over the tops of four words of sixteen bits.
 */
#include <libtrain/quants/iq_blocks.h>
#include <libtrain/quants/iq_grids.h>

/* 32 levels, moved down where a bit is set and up elsewhere. */
TR__INLINE void levels(const uint32_t *point, uint32_t down, tr__vec *level)
{
    static const float up[4] = { -0.875f, 0.125f, 1.125f };
    TR__EACH(v, TR__PART_VECS)
        level[v] = tr__add_where(tr__of_eights(point, v * TR__VEC, up), down, v * TR__VEC,
                                 -0.25f);
}

TR__INLINE void iq1_s_scales(const struct iq1_s *b, float *d, float *m)
{
    (void)m;
    TR__EACH(g, 8)
        d[g] = tr__load_f16(b->d) * (float)(2 * (b->h[g][1] >> 4 & 7) + 1);
}

TR__INLINE void iq1_s_levels(const struct iq1_s *b, int part, tr__vec *level)
{
    uint32_t h = tr__load_u16(b->h[part]), point[4];
    TR__EACH(l, 4)
        point[l] = tr__iq1_grid[b->q[4 * part + l] | (h >> 3 * l & 7) << 8];
    levels(point, h >> 15 ? UINT32_MAX : 0, level);
}

TR__ROW(iq1_s, 256, 32, 0)

static uint16_t iq1_m_scale(const struct iq1_m *b)
{
    uint32_t all = 0;
    for (int i = 0; i < 4; i++)
        all |= (uint32_t)(b->s[i][1] >> 4) << 4 * i;
    return (uint16_t)all;
}

TR__INLINE void iq1_m_scales(const struct iq1_m *b, float *d, float *m)
{
    uint16_t bits = iq1_m_scale(b);
    uint8_t bytes[2] = { (uint8_t)bits, (uint8_t)(bits >> 8) };
    float all = tr__load_f16(bytes);
    (void)m;
    TR__EACH(g, 16)
        d[g] = all * (float)(2 * (tr__load_u16(b->s[g / 4]) >> 3 * (g % 4) & 7) + 1);
}

/* A byte of ones for each of the bits 3, 7, 11 and 15. */
TR__INLINE uint32_t bytes_of_ones(uint32_t h)
{
    return ((h >> 3 & 1) | (h & 0x80) << 1 | (h & 0x800) << 5 | (h & 0x8000) << 9) * 255;
}

TR__INLINE void iq1_m_levels(const struct iq1_m *b, int part, tr__vec *level)
{
    uint32_t h = tr__load_u16(b->h + 2 * part), point[4];
    TR__EACH(l, 4)
        point[l] = tr__iq1_grid[b->q[4 * part + l] | (h >> 4 * l & 7) << 8];
    levels(point, bytes_of_ones(h), level);
}

TR__ROW(iq1_m, 256, 16, 0)

static int iq1_m_finite(const void *src, int64_t n)
{
    const struct iq1_m *b = src;
    int good = 1;
    for (int64_t i = 0; i < n / 256; i++)
        good &= (iq1_m_scale(b + i) & 0x7c00) != 0x7c00;
    return good;
}

TR__TYPE(iq1_s, "IQ1_S", 19, 24, 256, 0, .from_f32_by = tr__iq1_s_from_f32_by,
         .needs_weights = 1)

const struct tr_dtype tr__iq1_m = {
    .name = "IQ1_M", .id = 29, .file_type = 31, .block = 256, .bytes = sizeof(struct iq1_m),
    .to_f32 = iq1_m_to_f32, .finite = iq1_m_finite, .dot = iq1_m_dot,
    .from_f32 = tr__iq1_m_from_f32, .from_f32_by = tr__iq1_m_from_f32_by, .needs_weights = 1,
};
