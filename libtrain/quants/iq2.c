/* SPDX-License-Identifier: MIT
 *
 * IQ2_XXS, IQ2_XS and IQ2_S: eight numbers at a time are a point of a grid of 8, 25 and 43
 * with signs of their own.  An F16 scale for 256 numbers, four bits s for 32 (XXS) or 16:
 * x = d (s + 1/2) / 4 level.  XXS and XS have seven bits of signs, whose number is even.
 */
#include <libtrain/quants/iq_blocks.h>
#include <libtrain/quants/iq_grids.h>

/* Eight levels of a point; bit j of `signs` is number j's. */
TR__INLINE void point(uint32_t grid, uint32_t signs, int8_t *q)
{
    for (int j = 0; j < 8; j++) {
        int c = grid >> 2 * j & 3, v = 8 + 17 * c + (c == 2);
        q[j] = (int8_t)(signs >> j & 1 ? -v : v);
    }
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
    uint32_t signs = tr__load_u32(p + 4);
    int8_t q[32];
    for (int l = 0; l < 4; l++)
        point(tr__iq2_xxs_grid[p[l]], tr__even_signs(signs >> 7 * l & 127), q + 8 * l);
    tr__load_levels(q, level);
}

TR__ROW(iq2_xxs, 256, 32, 0)

TR__INLINE void iq2_xs_scales(const struct iq2_xs *b, float *d, float *m)
{
    (void)m;
    half_bytes(b->d, b->s, d);
}

TR__INLINE void iq2_xs_levels(const struct iq2_xs *b, int part, tr__vec *level)
{
    int8_t q[32];
    for (int l = 0; l < 4; l++) {
        uint32_t p = tr__load_u16(b->q[4 * part + l]);
        point(tr__iq2_xs_grid[p & 511], tr__even_signs(p >> 9), q + 8 * l);
    }
    tr__load_levels(q, level);
}

TR__ROW(iq2_xs, 256, 16, 0)

TR__INLINE void iq2_s_scales(const struct iq2_s *b, float *d, float *m)
{
    (void)m;
    half_bytes(b->d, b->s, d);
}

TR__INLINE void iq2_s_levels(const struct iq2_s *b, int part, tr__vec *level)
{
    int8_t q[32];
    for (int l = 0; l < 4; l++) {
        int at = 4 * part + l;
        uint32_t p = b->q[at] | (b->high[part] >> 2 * l & 3u) << 8;
        point(tr__iq2_s_grid[p], b->signs[at], q + 8 * l);
    }
    tr__load_levels(q, level);
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
