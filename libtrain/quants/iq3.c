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

TR__INLINE void iq3_xxs_levels(const struct iq3_xxs *b, int part, tr__vec *level)
{
    const uint8_t *p = b->signs[part];
    uint32_t signs = tr__load_u32(p);
    int8_t q[32];
    for (int i = 0; i < 32; i++) {
        int c = tr__iq3_xxs_grid[b->q[8 * part + i / 4]] >> 3 * (i % 4) & 7;
        int v = 4 + 8 * c + 2 * (c == 7);
        q[i] = (int8_t)(tr__even_signs(signs >> 7 * (i / 8) & 127) >> i % 8 & 1 ? -v : v);
    }
    tr__load_levels(q, level);
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
    int8_t q[32];
    for (int i = 0; i < 32; i++) {
        int k = i / 4;
        uint32_t p = b->q[8 * part + k] | (b->high[part] >> k & 1u) << 8;
        int v = 1 + 2 * (tr__iq3_s_grid[p] >> 3 * (i % 4) & 7);
        q[i] = (int8_t)(b->signs[4 * part + i / 8] >> i % 8 & 1 ? -v : v);
    }
    tr__load_levels(q, level);
}

TR__ROW(iq3_s, 256, 32, 0)

TR__TYPE(iq3_xxs, "IQ3_XXS", 18, 23, 256, 0,
         .from_f32 = tr__iq3_xxs_from_f32,
         .from_f32_by = tr__iq3_xxs_from_f32_by,
         .needs_weights = 1)
TR__TYPE(iq3_s, "IQ3_S", 21, 26, 256, 0,
         .from_f32 = tr__iq3_s_from_f32,
         .from_f32_by = tr__iq3_s_from_f32_by)
