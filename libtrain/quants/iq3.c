/* SPDX-License-Identifier: MIT
 *
 * IQ3_XXS and IQ3_S: four numbers at a time are a point of a grid of eight levels, with signs
 * of their own.  An F16 scale for 256 numbers and four bits s for 32 of them.  XXS has the
 * levels 4, 12, … 52, 62, an even number of signs in seven bits for eight numbers, and
 * x = d (s + 1/2) / 2 level; S has 1, 3, … 15, and x = d (2 s + 1) level.
 */
#include <libtrain/quants/iq_blocks.h>
#include <libtrain/quants/iq_grids.h>

TR__INLINE void iq3_xxs_scales(const struct iq3_xxs *b, float *d, float *m)
{
    (void)m;
    TR__EACH(g, 8)
        d[g] = tr__load_f16(b->d) * (0.5f + (float)(b->signs[g][3] >> 4)) * 0.5f;
}

/* 32 levels with their signs. */
TR__INLINE void levels(const uint32_t *point, uint32_t signs, const float *table,
                       tr__vec *level)
{
    TR__EACH(v, TR__PART_VECS)
        level[v] = tr__negate_where(tr__of_fours(point, v * TR__VEC, table), signs,
                                    v * TR__VEC);
}

TR__INLINE void iq3_xxs_levels(const struct iq3_xxs *b, int part, tr__vec *level)
{
    static const float table[8] = { 4, 12, 20, 28, 36, 44, 52, 62 };
    uint32_t point[8];
    TR__EACH(k, 8)
        point[k] = tr__iq3_xxs_grid[b->q[8 * part + k]];
    levels(point, tr__even_signs(tr__sevens(tr__load_u32(b->signs[part]))), table, level);
}

TR__ROW(iq3_xxs, 256, 32, 0)

TR__INLINE void iq3_s_scales(const struct iq3_s *b, float *d, float *m)
{
    (void)m;
    TR__EACH(g, 8)
        d[g] = tr__load_f16(b->d) * (float)(1 + 2 * (b->s[g / 2] >> 4 * (g % 2) & 15));
}

TR__INLINE void iq3_s_levels(const struct iq3_s *b, int part, tr__vec *level)
{
    static const float table[8] = { 1, 3, 5, 7, 9, 11, 13, 15 };
    uint32_t point[8];
    TR__EACH(k, 8)
        point[k] = tr__iq3_s_grid[b->q[8 * part + k] | (b->high[part] >> k & 1u) << 8];
    levels(point, tr__load_u32(b->signs + 4 * part), table, level);
}

TR__ROW(iq3_s, 256, 32, 0)

TR__TYPE(iq3_xxs, "IQ3_XXS", 18, 23, 256, 0,
         .from_f32 = tr__iq3_xxs_from_f32,
         .from_f32_by = tr__iq3_xxs_from_f32_by,
         .needs_weights = 1)
TR__TYPE(iq3_s, "IQ3_S", 21, 26, 256, 0,
         .from_f32 = tr__iq3_s_from_f32,
         .from_f32_by = tr__iq3_s_from_f32_by)
