/* SPDX-License-Identifier: MIT
 *
 * Dot products in integers: of a packed row with a row of signed bytes, as generating has it,
 * where one row of x meets all of a weight and is worth being rounded once.  x is rounded to
 * 32 numbers under one scale, as Q8_0 has them; the sums over 32 numbers are exact.
 *
 * A type says
 *
 *     T_bytes(block, part)   levels of numbers 32 part … 32 part + 31 of the block, as bytes
 *
 * and TR__DOT_INT8 makes T_dot_int8 of them and of T_scales (row.h).  Levels of up to 7 bits
 * are unsigned, less an offset that is known for the type; then the products of x with the
 * offset, and with minima, are sums of x, which are there.  Others are signed.
 *
 * What is the processor's own is in int8_avx2.h and int8_neon.h: 32 bytes as tr__bytes, TR__SUMS
 * floats as tr__sums.  Where a processor has products of 64 bytes (AVX-512 VNNI), a type may also say
 *
 *     T_pair(block, p)       levels of numbers 64 p … 64 p + 63, of two blocks if they have 32
 *
 * without sign, and TR__DOT_INT8_PAIRS takes these: the half of loads and of all that follows.
 */
#ifndef LIBTRAIN_QUANTS_INT8_H
#define LIBTRAIN_QUANTS_INT8_H

#include <libtrain/quants/int8_row.h>
#include <libtrain/quants/row.h>

#if defined(__AVX2__)
#include <libtrain/quants/int8_avx2.h>
#elif defined(TR__NEON)
#include <libtrain/quants/int8_neon.h>
#endif

#ifdef TR__HAS_BYTES

/* What becomes of n numbers of row x, from number `first` on. */
struct tr__dot_int8 {
    tr__sums sum[2]; /* of the even and the odd parts */
    tr__sums rest[2]; /* of offsets and minima */
#ifdef TR__HAS_PAIRS
    tr__vec16 pair[2]; /* of the even and the odd pairs */
#endif
};

TR__INLINE float tr__all_sums(const struct tr__dot_int8 *s)
{
    tr__sums all = (s->sum[0] + s->sum[1]) + (s->rest[0] + s->rest[1]);
#ifdef TR__HAS_PAIRS
    all += tr__halves(s->pair[0] + s->pair[1]);
#endif
    return tr__sum_sums(all);
}

/* Factors of groups: d of the weight times d of x; and what offsets and minima add. */
TR__INLINE void tr__groups_int8(const struct tr__int8_row *x, int64_t first, const int n_group,
                                const int group, const float *d, const float *m,
                                const float offset, float *factor, struct tr__dot_int8 *s)
{
    const float *xd = (group == 16 ? x->d16 : x->d32) + first / group;
    const float *xs = (group == 16 ? x->sum16 : x->sum32) + first / group;
#ifdef TR__HAS_PAIRS
    if (n_group == 16) { /* in one piece, as they are read again */
        __m512 all = _mm512_loadu_ps(d), add;
        add = m ? _mm512_loadu_ps(m) : _mm512_mul_ps(all, _mm512_set1_ps(offset));
        _mm512_storeu_ps(factor, _mm512_mul_ps(all, _mm512_loadu_ps(xd)));
        if (m || offset != 0)
            s->pair[0] = (tr__vec16)_mm512_fmadd_ps(add, _mm512_loadu_ps(xs),
                                                    (__m512)s->pair[0]);
        return;
    }
#endif
    TR__EACH(k, n_group / TR__SUMS) {
        const int i = k * TR__SUMS;
        tr__sums dk = tr__load_sums(d + i), *rest = &s->rest[k % 2];
        tr__store_sums(factor + i, dk * tr__load_sums(xd + i));
        tr__sums add = m ? tr__load_sums(m + i) : offset * dk;
        if (m || offset != 0)
            *rest = tr__madd_sums(add, tr__load_sums(xs + i), *rest);
    }
}

enum { TR__SUPER = 256, TR__SIGNED_LEVELS = 1000 };

/* The parts of a super-block, and its pairs. */
#define TR__PARTS_INT8(T, BLOCK, GROUP, SIGNED)                                          \
    TR__EACH(part, TR__SUPER / TR__PART) {                                               \
        const int of_block = BLOCK / TR__PART;                                           \
        tr__part_int8(T##_bytes(b + part / of_block, part % of_block), SIGNED,           \
                      x->q + first + part * TR__PART,                                    \
                      factor + part * TR__PART / GROUP, GROUP, &s->sum[part % 2]);       \
    }
#define TR__PAIRS_INT8(T, BLOCK, GROUP, SIGNED)                                          \
    TR__EACH(p, TR__SUPER / 64)                                                          \
        tr__pair_int8(T##_pair(b + 64 * p / BLOCK, p), x->q + first + 64 * p, factor,    \
                      GROUP, p, &s->pair[p % 2]);

/* TR__DOT_INT8(T, numbers in a block, 32 or 256, and in a group, whether there are minima, what
 * is added to a level or TR__SIGNED_LEVELS).  Eight blocks of 32, which begin with F16 d and
 * minimum, are taken as one of 256; of those that are left at the end of a row each is filled up
 * with zeros. */
#define TR__DOT_INT8(T, BLOCK, GROUP, MIN, OFFSET)                                       \
    TR__DOT_INT8_OF(T, BLOCK, GROUP, MIN, OFFSET, TR__PARTS_INT8)
#define TR__DOT_INT8_OF(T, BLOCK, GROUP, MIN, OFFSET, PRODUCTS)                          \
    TR__INLINE void T##_super_int8(const struct T *b, const struct tr__int8_row *x,      \
                                   int64_t first, struct tr__dot_int8 *s)                \
    {                                                                                    \
        enum { N_GROUP = TR__SUPER / GROUP, SIGNED = (OFFSET) == TR__SIGNED_LEVELS };    \
        float d[N_GROUP], m[N_GROUP], factor[N_GROUP];                                   \
        if (BLOCK == 32)                                                                 \
            tr__load_f16s(b, sizeof *b, d);                                              \
        if (BLOCK == 32 && MIN)                                                          \
            tr__load_f16s((const char *)b + 2, sizeof *b, m);                            \
        if (BLOCK != 32)                                                                 \
            T##_scales(b, d, m);                                                         \
        tr__groups_int8(x, first, N_GROUP, GROUP, d, MIN ? m : NULL,                     \
                        SIGNED || MIN ? 0.0f : (float)(OFFSET), factor, s);              \
        PRODUCTS(T, BLOCK, GROUP, SIGNED)                                                \
    }                                                                                    \
    static float T##_dot_int8(const void *src, const struct tr__int8_row *x, int64_t n)  \
    {                                                                                    \
        const struct T *b = src;                                                         \
        struct tr__dot_int8 s;                                                           \
        int64_t i = 0;                                                                   \
        memset(&s, 0, sizeof s);                                                         \
        for (; i + TR__SUPER <= n; i += TR__SUPER, b += TR__SUPER / BLOCK)               \
            T##_super_int8(b, x, i, &s);                                                 \
        if (i < n) {                                                                     \
            struct T last[TR__SUPER / BLOCK];                                            \
            memset(last, 0, sizeof last);                                                \
            memcpy(last, b, (size_t)(n - i) / BLOCK * sizeof *b);                        \
            T##_super_int8(last, x, i, &s);                                              \
        }                                                                                \
        return tr__all_sums(&s);                                                         \
    }
#define TR__WITH_INT8(T) .dot_int8 = T##_dot_int8,

/* The same for a type that has T_pair, whose levels are those of T_bytes plus OFFSET less
 * PAIR_OFFSET. */
#ifdef TR__HAS_PAIRS
#define TR__DOT_INT8_PAIRS(T, BLOCK, GROUP, MIN, OFFSET, PAIR_OFFSET)                    \
    TR__DOT_INT8_OF(T, BLOCK, GROUP, MIN, PAIR_OFFSET, TR__PAIRS_INT8)
#else
#define TR__DOT_INT8_PAIRS(T, BLOCK, GROUP, MIN, OFFSET, PAIR_OFFSET)                    \
    TR__DOT_INT8(T, BLOCK, GROUP, MIN, OFFSET)
#endif

#else /* nothing here is faster than floats */
#define TR__DOT_INT8(T, BLOCK, GROUP, MIN, OFFSET)
#define TR__DOT_INT8_PAIRS(T, BLOCK, GROUP, MIN, OFFSET, PAIR_OFFSET)
#define TR__WITH_INT8(T)
#endif

#endif
