/* SPDX-License-Identifier: MIT
 *
 * Numbers of less than three levels, or four, under one F16 scale d: Q1_0 (-1 and 1), Q2_0
 * (-1 to 2) with the first number in the lowest bits, and TQ1_0 and TQ2_0 (-1, 0, 1), whose
 * bytes hold numbers 32 apart.  A byte of TQ1_0 holds five of them in base 3, as a fraction
 * of 256: the next digit is what comes over 256 when it is multiplied by 3.  Read only.
 */
#include <libtrain/quants/row.h>


/* One scale for all groups of a block. */
#define ONE_SCALE(T, N_GROUP)                                                            \
    TR__INLINE void T##_scales(const struct T *b, float *d, float *m)                    \
    {                                                                                    \
        (void)m;                                                                         \
        TR__EACH(g, N_GROUP)                                                             \
            d[g] = tr__load_f16(b->d);                                                   \
    }

/* times c + add for the 32 codes c of n bits that lie one behind the other from q on. */
TR__INLINE void codes(const uint8_t *q, const int n, const int times, const int add,
                      tr__vec *level)
{
    int8_t x[32];
    for (int i = 0; i < 32; i++)
        x[i] = (int8_t)(times * (q[i * n / 8] >> i * n % 8 & ((1 << n) - 1)) + add);
    tr__load_levels(x, level);
}

struct q1_0 {
    uint8_t d[2];
    uint8_t q[16];
};

ONE_SCALE(q1_0, 4)

TR__INLINE void q1_0_levels(const struct q1_0 *b, int part, tr__vec *level)
{
    codes(b->q + 4 * part, 1, 2, -1, level);
}

TR__ROW(q1_0, 128, 32, 0)

struct q2_0 {
    uint8_t d[2];
    uint8_t q[16];
};

ONE_SCALE(q2_0, 2)

TR__INLINE void q2_0_levels(const struct q2_0 *b, int part, tr__vec *level)
{
    codes(b->q + 8 * part, 2, 1, -1, level);
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

/* Byte and digit of number i of the block. */
static const uint8_t *tq1_0_byte(const struct tq1_0 *b, int i, int *digit)
{
    int from = i < 160 ? 0 : i < 240 ? 160 : 240, at = i - from;
    int n = from == 0 ? 32 : from == 160 ? 16 : 4;
    *digit = at / n;
    return b->q + (from == 0 ? 0 : from == 160 ? 32 : 48) + at % n;
}

TR__INLINE void tq1_0_levels(const struct tq1_0 *b, int part, tr__vec *level)
{
    static const uint8_t power[] = { 1, 3, 9, 27, 81 };
    int8_t q[32];
    for (int i = 0; i < 32; i++) {
        int digit;
        uint8_t rest = *tq1_0_byte(b, 32 * part + i, &digit);
        rest = (uint8_t)(rest * power[digit]);
        q[i] = (int8_t)((rest * 3 >> 8) - 1);
    }
    tr__load_levels(q, level);
}

TR__ROW(tq1_0, 256, 32, 0)

TR__READ_ONLY(tq1_0, "TQ1_0", 34, 36, 256, 52)
TR__READ_ONLY(tq2_0, "TQ2_0", 35, 37, 256, 64)
TR__READ_ONLY(q1_0, "Q1_0", 41, 40, 128, 0)
TR__READ_ONLY(q2_0, "Q2_0", 42, 41, 64, 0)
