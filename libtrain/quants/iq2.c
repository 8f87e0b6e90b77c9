/* SPDX-License-Identifier: MIT
 *
 * IQ2_XXS, IQ2_XS and IQ2_S: eight numbers at a time are a point of a grid of 8, 25 and 43
 * with signs of their own.  An F16 scale for 256 numbers, four bits s for 32 (XXS) or 16:
 * x = d (s + 1/2) / 4 level.  XXS and XS have seven bits of signs, whose number is even.
 */
#include <libtrain/quants/iq_blocks.h>
#include <libtrain/quants/iq_grids.h>

/* 32 levels with their signs. */
TR__INLINE void levels(const uint32_t *point, uint32_t signs, tr__vec *level)
{
    static const float table[4] = { 8, 25, 43 };
    TR__EACH(v, TR__PART_VECS)
        level[v] = tr__negate_where(tr__of_eights(point, v * TR__VEC, table), signs,
                                    v * TR__VEC);
}

TR__INLINE float scale(float d, uint32_t s)
{
    return d * (0.5f + (float)s) * 0.25f;
}

/* Of groups of 16, with four bits s for each. */
TR__INLINE void half_bytes(const uint8_t d[2], const uint8_t s[8], float *scales)
{
    TR__EACH(g, 16)
        scales[g] = scale(tr__load_f16(d), s[g / 2] >> 4 * (g % 2) & 15);
}

TR__INLINE void iq2_xxs_scales(const struct iq2_xxs *b, float *d, float *m)
{
    (void)m;
    TR__EACH(g, 8)
        d[g] = scale(tr__load_f16(b->d), b->q[g][7] >> 4);
}

TR__INLINE void iq2_xxs_levels(const struct iq2_xxs *b, int part, tr__vec *level)
{
    const uint8_t *p = b->q[part];
    uint32_t point[4];
    TR__EACH(l, 4)
        point[l] = tr__iq2_xxs_grid[p[l]];
    levels(point, tr__even_signs(tr__sevens(tr__load_u32(p + 4))), level);
}

TR__ROW(iq2_xxs, 256, 32, 0)

TR__INLINE void iq2_xs_scales(const struct iq2_xs *b, float *d, float *m)
{
    (void)m;
    half_bytes(b->d, b->s, d);
}

TR__INLINE void iq2_xs_levels(const struct iq2_xs *b, int part, tr__vec *level)
{
    uint32_t point[4], sevens = 0;
    TR__EACH(l, 4) {
        uint32_t p = tr__load_u16(b->q[4 * part + l]);
        point[l] = tr__iq2_xs_grid[p & 511];
        sevens |= p >> 9 << 8 * l;
    }
    levels(point, tr__even_signs(sevens), level);
}

TR__ROW(iq2_xs, 256, 16, 0)

TR__INLINE void iq2_s_scales(const struct iq2_s *b, float *d, float *m)
{
    (void)m;
    half_bytes(b->d, b->s, d);
}

TR__INLINE void iq2_s_levels(const struct iq2_s *b, int part, tr__vec *level)
{
    uint32_t point[4];
    TR__EACH(l, 4)
        point[l] = tr__iq2_s_grid[b->q[4 * part + l] | (b->high[part] >> 2 * l & 3u) << 8];
    levels(point, tr__load_u32(b->signs + 4 * part), level);
}

TR__ROW(iq2_s, 256, 16, 0)

TR__TYPE(iq2_xxs, "IQ2_XXS", 16, 19, 256, 0,
         .from_f32_by = tr__iq2_xxs_from_f32_by,
         .needs_weights = 1)
TR__TYPE(iq2_xs, "IQ2_XS", 17, 20, 256, 0,
         .from_f32_by = tr__iq2_xs_from_f32_by,
         .needs_weights = 1)
TR__TYPE(iq2_s, "IQ2_S", 22, 28, 256, 0,
         .from_f32 = tr__iq2_s_from_f32,
         .from_f32_by = tr__iq2_s_from_f32_by,
         .needs_weights = 1)
