/* SPDX-License-Identifier: MIT
 *
 * Numbers of less than three levels, or four, under one F16 scale d: Q1_0 (-1 and 1), Q2_0
 * (-1 to 2) with the first number in the lowest bits, and TQ1_0 and TQ2_0 (-1, 0, 1), whose
 * bytes hold numbers 32 apart.  A byte of TQ1_0 holds five of them in base 3, as a fraction
 * of 256: the next digit is what comes over 256 when it is multiplied by 3.
 *
 * Nothing is searched: the scale is the largest magnitude (of Q1_0 the mean one), and the
 * numbers go to the nearest level.
 */
#include <libtrain/quants/range.h>
#include <libtrain/quants/row.h>

/* One scale for all groups of a block. */
#define ONE_SCALE(T, N_GROUP)                                                            \
    TR__INLINE void T##_scales(const struct T *b, float *d, float *m)                    \
    {                                                                                    \
        (void)m;                                                                         \
        TR__EACH(g, N_GROUP)                                                             \
            d[g] = tr__load_f16(b->d);                                                   \
    }

struct q1_0 {
    uint8_t d[2];
    uint8_t q[16];
};

ONE_SCALE(q1_0, 4)

TR__INLINE void q1_0_levels(const struct q1_0 *b, int part, tr__vec *level)
{
    uint32_t bits = tr__load_u32(b->q + 4 * part);
    TR__EACH(i, TR__PART_VECS)
        level[i] = tr__add_where(tr__splat(-1.0f), bits, i * TR__VEC, 2.0f);
}

TR__ROW(q1_0, 128, 32, 0)

struct q2_0 {
    uint8_t d[2];
    uint8_t q[16];
};

ONE_SCALE(q2_0, 2)

TR__INLINE void q2_0_levels(const struct q2_0 *b, int part, tr__vec *level)
{
    tr__ivec place;
    TR__EACH(k, TR__VEC)
        place[k] = 2 * k;
    TR__EACH(i, TR__PART_VECS) {
        int32_t bits = 0; /* two for each number of a vector */
        memcpy(&bits, b->q + 8 * part + i * TR__VEC / 4, TR__VEC / 4);
        level[i] = tr__low_bits((bits - (tr__ivec){ 0 }) >> place, 2, -1);
    }
}

TR__ROW(q2_0, 64, 32, 0)

struct tq2_0 {
    uint8_t q[64];
    uint8_t d[2];
};

ONE_SCALE(tq2_0, 8)

TR__INLINE void tq2_0_levels(const struct tq2_0 *b, int part, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS)
        level[i] = tr__low_bits(tr__load_u8(b->q + part / 4 * 32 + i * TR__VEC) >>
                                2 * (part % 4), 2, -1);
}

TR__ROW(tq2_0, 256, 32, 0)

struct tq1_0 {
    uint8_t q[52]; /* 32 × 5 numbers, 16 × 5, 4 × 4 */
    uint8_t d[2];
};

ONE_SCALE(tq1_0, 8)

/* Number i of the block is digit at->digit of byte at->byte. */
struct place {
    int byte, digit;
};

TR__INLINE struct place tq1_0_place(int i)
{
    int from = i < 160 ? 0 : i < 240 ? 160 : 240;
    int n = from == 0 ? 32 : from == 160 ? 16 : 4;
    int first = from == 0 ? 0 : from == 160 ? 32 : 48;
    return (struct place){ first + (i - from) % n, (i - from) / n };
}

/* TR__VEC numbers of a block from `first` on: their bytes, and by what those are multiplied to
 * bring their digits to the front.  The last sixteen are four bytes, with four digits each. */
TR__INLINE tr__ivec tq1_0_bytes(const struct tq1_0 *b, int first, tr__ivec *power)
{
    static const uint8_t powers[] = { 1, 3, 9, 27, 81 };
    struct place at = tq1_0_place(first);
    uint8_t last[16];
    *power = powers[at.digit] - (tr__ivec){ 0 };
    if (first < 240)
        return tr__load_u8(b->q + at.byte);
    for (int k = 0; k < 16; k += 4)
        memcpy(last + k, b->q + 48, 4);
    TR__EACH(k, TR__VEC)
        (*power)[k] = powers[at.digit + k / 4];
    return tr__load_u8(last);
}

TR__INLINE void tq1_0_levels(const struct tq1_0 *b, int part, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS) {
        tr__ivec power, bytes = tq1_0_bytes(b, part * TR__PART + i * TR__VEC, &power);
        level[i] = tr__to_float(((bytes * power & 255) * 3 >> 8) - 1);
    }
}

TR__ROW(tq1_0, 256, 32, 0)

/* ==== packing ==== */

/* -1, 0 or 1 for each x / d, halves away from zero, plus 1. */
static void round_to_three(const float *x, int n, float d, uint8_t *code)
{
    float inverse = tr__inverse(d);
#pragma omp simd
    for (int i = 0; i < n; i++)
        code[i] = (uint8_t)(1 + (x[i] * inverse >= 0.5f) - (x[i] * inverse <= -0.5f));
}

static void tq2_0_from_f32(const float *src, void *dst, int64_t n)
{
    struct tq2_0 *b = dst;
    uint8_t code[256];
    for (; n > 0; n -= 256, b++, src += 256) {
        float d = tr__abs_max(src, 256);
        round_to_three(src, 256, d, code);
        for (int i = 0; i < 64; i++) {
            const uint8_t *c = code + i / 32 * 128 + i % 32;
            b->q[i] = (uint8_t)(c[0] | c[32] << 2 | c[64] << 4 | c[96] << 6);
        }
        tr__store_f16(b->d, d);
    }
}

/* The digits as a whole number of 243, and that as a fraction of 256, rounded up. */
static void tq1_0_from_f32(const float *src, void *dst, int64_t n)
{
    static const uint8_t power[] = { 81, 27, 9, 3, 1 };
    struct tq1_0 *b = dst;
    uint8_t code[256], whole[52];
    for (; n > 0; n -= 256, b++, src += 256) {
        float d = tr__abs_max(src, 256);
        round_to_three(src, 256, d, code);
        memset(whole, 0, sizeof whole);
        for (int i = 0; i < 256; i++) {
            struct place at = tq1_0_place(i);
            whole[at.byte] = (uint8_t)(whole[at.byte] + code[i] * power[at.digit]);
        }
        for (int i = 0; i < 52; i++)
            b->q[i] = (uint8_t)((whole[i] * 256 + 242) / 243);
        tr__store_f16(b->d, d);
    }
}

/* The sum has a fixed order, hence one number at a time. */
static void q1_0_from_f32(const float *src, void *dst, int64_t n)
{
    struct q1_0 *b = dst;
    for (; n > 0; n -= 128, b++, src += 128) {
        float sum = 0.0f;
        for (int i = 0; i < 128; i++)
            sum += fabsf(src[i]);
        tr__store_f16(b->d, sum / 128.0f);
        memset(b->q, 0, sizeof b->q);
        for (int i = 0; i < 128; i++)
            b->q[i / 8] |= (uint8_t)((src[i] >= 0.0f) << i % 8);
    }
}

/* The fourth level is never needed.  Where 1/d overflows, llama.cpp's levels are the
 * lowest. */
static void q2_0_from_f32(const float *src, void *dst, int64_t n)
{
    struct q2_0 *b = dst;
    uint8_t code[64];
    for (; n > 0; n -= 64, b++, src += 64) {
        float d = tr__abs_max(src, 64);
        round_to_three(src, 64, d, code);
        if (d > 0.0f && tr__inverse(d) == 0.0f)
            memset(code, 0, sizeof code);
        for (int i = 0; i < 16; i++) {
            const uint8_t *c = code + 4 * i;
            b->q[i] = (uint8_t)(c[0] | c[1] << 2 | c[2] << 4 | c[3] << 6);
        }
        tr__store_f16(b->d, d);
    }
}

TR__TYPE(tq1_0, "TQ1_0", 34, 36, 256, 52, .from_f32 = tq1_0_from_f32)
TR__TYPE(tq2_0, "TQ2_0", 35, 37, 256, 64, .from_f32 = tq2_0_from_f32)
TR__TYPE(q1_0, "Q1_0", 41, 40, 128, 0, .from_f32 = q1_0_from_f32)
TR__TYPE(q2_0, "Q2_0", 42, 41, 64, 0, .from_f32 = q2_0_from_f32)
