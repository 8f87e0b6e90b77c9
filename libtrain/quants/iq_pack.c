/* SPDX-License-Identifier: MIT
 *
 * Packing of IQ2 and IQ3: how each of them is searched (iq_search.c), and where what is
 * found goes in a block.
 */
#include <libtrain/quants/half.h>
#include <libtrain/quants/iq_blocks.h>
#include <libtrain/quants/iq_search.h>

#include <string.h>

/* Signs of 32 numbers, seven bits of eight, and the scale above them. */
static uint32_t signs_and_scale(const uint8_t *signs, uint32_t s)
{
    uint32_t all = s << 28;
    for (int l = 0; l < 4; l++)
        all |= (uint32_t)(signs[l] & 127) << 7 * l;
    return all;
}

/* Two scales a byte. */
static void store_scales(const uint8_t *s, int n, uint8_t *to)
{
    for (int g = 0; g < n; g += 2)
        to[g / 2] = (uint8_t)(s[g] | s[g + 1] << 4);
}

#define PACK(T)                                                                          \
    void tr__##T##_from_f32_by(const float *src, const float *weight, void *dst,         \
                               int64_t n)                                                \
    {                                                                                    \
        struct T *b = dst;                                                               \
        struct tr__iq_found f;                                                           \
        for (int64_t i = 0; i < n; i += 256, b++) {                                      \
            tr__iq_search(&T##_search, src + i, weight ? weight + i : NULL, &f);         \
            memset(b, 0, sizeof *b);                                                     \
            tr__store_f16(b->d, f.d);                                                    \
            T##_store(&f, b);                                                            \
        }                                                                                \
    }

/* Without weights, where llama.cpp goes without them. */
#define PACK_PLAIN(T)                                                                    \
    PACK(T)                                                                              \
    void tr__##T##_from_f32(const float *src, void *dst, int64_t n)                      \
    {                                                                                    \
        tr__##T##_from_f32_by(src, NULL, dst, n);                                        \
    }

/* ==== three bits ==== */

static const struct tr__iq_search iq3_xxs_search = {
    .near = tr__near_iq3_xxs, .group = 32, .half = 15, .step = 0.2f, .even = 1,
    .again = TR__AGAIN_BESIDE, .least = 1e-8f, .mean = 2, .grow = 1.0125f,
};

static void iq3_xxs_store(const struct tr__iq_found *f, struct iq3_xxs *b)
{
    for (int i = 0; i < 64; i++)
        b->q[i] = (uint8_t)f->point[i];
    for (int g = 0; g < 8; g++)
        tr__store_u32(b->signs[g], signs_and_scale(f->signs + 4 * g, f->s[g]));
}

PACK_PLAIN(iq3_xxs)

static const struct tr__iq_search iq3_s_search = {
    .near = tr__near_iq3_s, .group = 32, .half = 9, .step = 0.2f,
    .again = TR__AGAIN_IF_BESIDE, .mean = 2, .grow = 1.033f,
};

/* Behind a group of zeros llama.cpp writes the low bits of the points and the signs of the
 * next, and so on, as if it were not there, though they are read from their own places: of a
 * block with such a group in front of others, what follows is lost.  The bytes are to be the
 * same, so it is done here too. */
static void iq3_s_store(const struct tr__iq_found *f, struct iq3_s *b)
{
    int at = 0;
    for (int g = 0; g < 8; g++) {
        for (int i = 8 * g; i < 8 * g + 8; i++) {
            b->q[8 * at + i % 8] = (uint8_t)f->point[i];
            b->high[g] |= (uint8_t)(f->point[i] >> 8 << i % 8);
        }
        memcpy(b->signs + 4 * at, f->signs + 4 * g, 4);
        at += !(f->zero >> g & 1);
    }
    store_scales(f->s, 8, b->s);
}

PACK_PLAIN(iq3_s)

/* ==== two bits ==== */

static const struct tr__iq_search iq2_xxs_search = {
    .near = tr__near_iq2_xxs, .group = 32, .half = 6, .step = 0.1f, .even = 1,
    .again = TR__AGAIN_ALL, .least = 1e-15f, .mean = 1, .grow = 1, .from_levels = 1,
};

static void iq2_xxs_store(const struct tr__iq_found *f, struct iq2_xxs *b)
{
    for (int g = 0; g < 8; g++) {
        for (int l = 0; l < 4; l++)
            b->q[g][l] = (uint8_t)f->point[4 * g + l];
        tr__store_u32(b->q[g] + 4, signs_and_scale(f->signs + 4 * g, f->s[g]));
    }
}

PACK(iq2_xxs)

static const struct tr__iq_search iq2_xs_search = {
    .near = tr__near_iq2_xs, .group = 16, .half = 9, .step = 0.1f, .even = 1,
    .again = TR__AGAIN_BESIDE, .least = 1e-15f, .mean = 1, .grow = 1,
};

static void iq2_xs_store(const struct tr__iq_found *f, struct iq2_xs *b)
{
    for (int i = 0; i < 32; i++) {
        b->q[i][0] = (uint8_t)f->point[i];
        b->q[i][1] = (uint8_t)(f->point[i] >> 8 | (f->signs[i] & 127) << 1);
    }
    store_scales(f->s, 16, b->s);
}

PACK(iq2_xs)

static const struct tr__iq_search iq2_s_search = {
    .near = tr__near_iq2_s, .group = 16, .half = 9, .step = 0.1f,
    .again = TR__AGAIN_BESIDE, .least = 1e-8f, .mean = 2, .plain_mean = 0.25f,
    .grow = 0.9875f,
};

static void iq2_s_store(const struct tr__iq_found *f, struct iq2_s *b)
{
    for (int i = 0; i < 32; i++) {
        b->q[i] = (uint8_t)f->point[i];
        b->high[i / 4] |= (uint8_t)(f->point[i] >> 8 << 2 * (i % 4));
    }
    memcpy(b->signs, f->signs, sizeof b->signs);
    store_scales(f->s, 16, b->s);
}

PACK_PLAIN(iq2_s)
