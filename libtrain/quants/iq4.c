/* SPDX-License-Identifier: MIT
 *
 * IQ4_NL and IQ4_XS: four bits that stand for sixteen levels, closer together around zero
 * where weights are.  Read only.  IQ4_NL has 32 numbers under one F16 scale; IQ4_XS 256 under
 * one, with six bits s for each 32 of them: x = d (s - 32) level.  In every 32 numbers byte
 * j of the nibbles holds j and j + 16.  The levels are ggml's.
 */
#include <libtrain/quants/row.h>

/* An entry of the table for the lowest four bits of each integer. */
TR__INLINE tr__vec iq4_level(tr__ivec v)
{
#if defined(__AVX512F__)
    return tr__lookup_in(v, (tr__vec){ -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25,
                                       38, 53, 69, 89, 113 });
#else
    static const float table[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113 };
    tr__vec level;
    TR__EACH(i, TR__VEC)
        level[i] = table[v[i] & 15];
    return level;
#endif
}

TR__INLINE void iq4_levels(const uint8_t *q, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS / 2) {
        tr__ivec bytes = tr__load_u8(q + i * TR__VEC);
        level[i] = iq4_level(bytes);
        level[i + TR__PART_VECS / 2] = iq4_level(bytes >> 4);
    }
}

struct iq4_nl {
    uint8_t d[2];
    uint8_t q[16];
};

TR__INLINE void iq4_nl_scales(const struct iq4_nl *b, float *d, float *m)
{
    (void)m;
    *d = tr__load_f16(b->d);
}

TR__INLINE void iq4_nl_levels(const struct iq4_nl *b, int part, tr__vec *level)
{
    (void)part;
    iq4_levels(b->q, level);
}

TR__ROW(iq4_nl, 32, 32, 0)

struct iq4_xs {
    uint8_t d[2];
    uint8_t high[2]; /* the upper two bits of each s */
    uint8_t low[4];  /* the lower four */
    uint8_t q[128];
};

TR__INLINE void iq4_xs_scales(const struct iq4_xs *b, float *d, float *m)
{
    float all = tr__load_f16(b->d);
    (void)m;
    TR__EACH(g, 8) {
        int s = (b->low[g / 2] >> 4 * (g % 2) & 15) | (b->high[g / 4] >> 2 * (g % 4) & 3) << 4;
        d[g] = all * (float)(s - 32);
    }
}

TR__INLINE void iq4_xs_levels(const struct iq4_xs *b, int part, tr__vec *level)
{
    iq4_levels(b->q + 16 * part, level);
}

TR__ROW(iq4_xs, 256, 32, 0)

TR__READ_ONLY(iq4_nl, "IQ4_NL", 20, 25, 32, 0)
TR__READ_ONLY(iq4_xs, "IQ4_XS", 23, 30, 256, 0)
