/* SPDX-License-Identifier: MIT
 *
 * Q4_0, Q4_1, Q5_0, Q5_1: 32 numbers as levels of 4 or 5 bits and one F16 scale d.
 *   _0: x = d (q - 8) or d (q - 16)     _1: x = d q + m, with an F16 minimum m
 * Byte j of the nibbles holds the low four bits of numbers j and j + 16; bit j of the
 * four bytes `high` is the fifth bit of number j.
 */
#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>
#include <libtrain/quants/int8.h>
#include <libtrain/quants/k_search.h>
#include <libtrain/quants/range.h>
#include <libtrain/quants/row.h>

struct q4_0 {
    uint8_t d[2];
    uint8_t q[16];
};

struct q4_1 {
    uint8_t d[2], m[2];
    uint8_t q[16];
};

struct q5_0 {
    uint8_t d[2];
    uint8_t high[4];
    uint8_t q[16];
};

struct q5_1 {
    uint8_t d[2], m[2];
    uint8_t high[4];
    uint8_t q[16];
};

TR__INLINE void nibbles(const uint8_t *q, const int add, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS / 2) {
        tr__ivec bytes = tr__load_u8(q + i * TR__VEC);
        level[i] = tr__low_bits(bytes, 4, add);
        level[i + TR__PART_VECS / 2] = tr__below_16(bytes >> 4, add);
    }
}

TR__INLINE void fifth_bits(const uint8_t *high, tr__vec *level)
{
    uint32_t bits = tr__load_u32(high);
    TR__EACH(i, TR__PART_VECS)
        level[i] = tr__add_where(level[i], bits, i * TR__VEC, 16);
}

TR__INLINE void q4_0_scales(const struct q4_0 *b, float *d, float *m)
{
    (void)m;
    *d = tr__load_f16(b->d);
}

TR__INLINE void q4_0_levels(const struct q4_0 *b, int part, tr__vec *level)
{
    (void)part;
    nibbles(b->q, -8, level);
}

TR__INLINE void q4_1_scales(const struct q4_1 *b, float *d, float *m)
{
    *d = tr__load_f16(b->d);
    *m = tr__load_f16(b->m);
}

TR__INLINE void q4_1_levels(const struct q4_1 *b, int part, tr__vec *level)
{
    (void)part;
    nibbles(b->q, 0, level);
}

TR__INLINE void q5_0_scales(const struct q5_0 *b, float *d, float *m)
{
    (void)m;
    *d = tr__load_f16(b->d);
}

TR__INLINE void q5_0_levels(const struct q5_0 *b, int part, tr__vec *level)
{
    (void)part;
    nibbles(b->q, -16, level);
    fifth_bits(b->high, level);
}

TR__INLINE void q5_1_scales(const struct q5_1 *b, float *d, float *m)
{
    *d = tr__load_f16(b->d);
    *m = tr__load_f16(b->m);
}

TR__INLINE void q5_1_levels(const struct q5_1 *b, int part, tr__vec *level)
{
    (void)part;
    nibbles(b->q, 0, level);
    fifth_bits(b->high, level);
}

TR__ROW(q4_0, 32, 32, 0)
TR__ROW(q4_1, 32, 32, 1)
TR__ROW(q5_0, 32, 32, 0)
TR__ROW(q5_1, 32, 32, 1)

#ifdef TR__HAS_BYTES
TR__INLINE tr__bytes q4_0_bytes(const struct q4_0 *b, int part)
{
    (void)part;
    return tr__byte_nibbles(b->q);
}

TR__INLINE tr__bytes q4_1_bytes(const struct q4_1 *b, int part)
{
    (void)part;
    return tr__byte_nibbles(b->q);
}

TR__INLINE tr__bytes q5_0_bytes(const struct q5_0 *b, int part)
{
    (void)part;
    return tr__byte_or(tr__byte_nibbles(b->q), tr__byte_fifths(tr__load_u32(b->high)));
}

TR__INLINE tr__bytes q5_1_bytes(const struct q5_1 *b, int part)
{
    (void)part;
    return tr__byte_or(tr__byte_nibbles(b->q), tr__byte_fifths(tr__load_u32(b->high)));
}
#endif

#ifdef TR__HAS_PAIRS
TR__INLINE __m512i q4_0_pair(const struct q4_0 *b, int p)
{
    (void)p;
    return tr__nibble_pair(b[0].q, b[1].q);
}

TR__INLINE __m512i q4_1_pair(const struct q4_1 *b, int p)
{
    (void)p;
    return tr__nibble_pair(b[0].q, b[1].q);
}
#endif

TR__DOT_INT8_PAIRS(q4_0, 32, 32, 0, -8, -8)
TR__DOT_INT8_PAIRS(q4_1, 32, 32, 1, 0, 0)
TR__DOT_INT8(q5_0, 32, 32, 0, -16)
TR__DOT_INT8(q5_1, 32, 32, 1, 0)

/* level = (x - min) / d + add, cut to an integer in [0, top].  The clamp comes first, so
 * that a NaN or an infinity in the input cannot overflow the conversion. */
static inline void levels(const float *x, float min, float id, float add, float top,
                          uint8_t *level)
{
#pragma omp simd
    for (int j = 0; j < 32; j++) {
        float v = (x[j] - min) * id + add;
        v = v > 0.0f ? v : 0.0f;
        v = v < top ? v : top;
        level[j] = (uint8_t)(int32_t)v;
    }
}

static inline void pack_nibbles(const uint8_t *level, uint8_t *q)
{
#pragma omp simd
    for (int j = 0; j < 16; j++)
        q[j] = (uint8_t)((level[j] & 15) | level[j + 16] << 4);
}

static inline void pack_high(const uint8_t *level, uint8_t *high)
{
    uint32_t bits = 0;
    for (int j = 0; j < 32; j++)
        bits |= (uint32_t)(level[j] >> 4) << j;
    memcpy(high, &bits, sizeof bits);
}

/* The scale maps the number of the largest magnitude to level 0 exactly, hence its sign.
 * Where 1/d overflows, llama.cpp's levels come out as 0, not as the middle. */
static inline void scale_0(const float *x, float half, uint8_t *d16, uint8_t *level)
{
    float d = tr__abs_max_signed(x, 32) / -half;
    float id = tr__inverse(d);
    int overflow = id == 0.0f && d != 0.0f;
    tr__store_f16(d16, d);
    levels(x, 0.0f, id, overflow ? 0.0f : half + 0.5f, 2.0f * half - 1.0f, level);
}

/* Of zeros of both signs, llama.cpp keeps the first as the minimum. */
static inline void scale_1(const float *x, float top, uint8_t *d16, uint8_t *m16,
                           uint8_t *level)
{
    float min, max;
    tr__range(x, 32, &min, &max);
    if (min == 0.0f)
        min = tr__first_of_magnitude(x, 32, min);
    float d = (max - min) / top;
    tr__store_f16(d16, d);
    tr__store_f16(m16, min);
    levels(x, min, tr__inverse(d), 0.5f, top, level);
}

static void q4_0_from_f32(const float *restrict src, void *dst, int64_t n)
{
    struct q4_0 *b = dst;
    uint8_t level[32];
    for (int64_t i = 0; i < n / 32; i++, b++, src += 32) {
        scale_0(src, 8.0f, b->d, level);
        pack_nibbles(level, b->q);
    }
}

static void q4_1_from_f32(const float *restrict src, void *dst, int64_t n)
{
    struct q4_1 *b = dst;
    uint8_t level[32];
    for (int64_t i = 0; i < n / 32; i++, b++, src += 32) {
        scale_1(src, 15.0f, b->d, b->m, level);
        pack_nibbles(level, b->q);
    }
}

static void q5_0_from_f32(const float *restrict src, void *dst, int64_t n)
{
    struct q5_0 *b = dst;
    uint8_t level[32];
    for (int64_t i = 0; i < n / 32; i++, b++, src += 32) {
        scale_0(src, 16.0f, b->d, level);
        pack_nibbles(level, b->q);
        pack_high(level, b->high);
    }
}

static void q5_1_from_f32(const float *restrict src, void *dst, int64_t n)
{
    struct q5_1 *b = dst;
    uint8_t level[32];
    for (int64_t i = 0; i < n / 32; i++, b++, src += 32) {
        scale_1(src, 31.0f, b->d, b->m, level);
        pack_nibbles(level, b->q);
        pack_high(level, b->high);
    }
}

/* ==== packing with the importance of columns ==== */

/* Eight blocks at a time are searched as the groups of a super-block of K-quants are; the
 * last of a row may be fewer, with zeros behind them. */
struct eight {
    float x[256], weight[256], d[8], m[8];
    uint8_t level[256];
    int n; /* blocks */
};

/* Numbers from `first` on, of a row of n numbers whose mean square is `square`. */
static void load_eight(const float *x, const float *importance, int64_t first, int64_t n,
                       float square, struct eight *e)
{
    int some = n - first < 256 ? (int)(n - first) : 256;
    memset(e->x, 0, sizeof e->x);
    memset(e->weight, 0, sizeof e->weight);
    memcpy(e->x, x + first, (size_t)some * sizeof *x);
    tr__weigh(x + first, importance + first, some, square, e->weight);
    e->n = some / 32;
}

static void check_eight(struct eight *e)
{
    for (int k = 0; k < 8; k++)
        e->d[k] = tr__checked(e->d[k], e->x + 32 * k, 32);
}

/* The best of 19 scales. */
static void search_0(struct eight *e, float half)
{
    tr__k_search_scale(e->x, e->weight, 8, half, e->d, (int8_t *)e->level);
    check_eight(e);
}

/* The best of 38 scales, and their minima. */
static void search_1(struct eight *e, float top)
{
    const struct tr__k_search how = { top, -0.9f, 0.05f, 37, 0 };
    tr__k_search_min(e->x, e->weight, 8, &how, e->d, e->m, (int8_t *)e->level);
    check_eight(e);
}

/* T_from_f32_by: b[k] is block k of e, its levels those from `level` on. */
#define FROM_F32_BY(T, SEARCH, LEVELS, STORE)                                            \
    static void T##_from_f32_by(const float *src, const float *weight, void *dst,        \
                                int64_t n)                                               \
    {                                                                                    \
        struct T *b = dst;                                                               \
        float square = tr__sum_squares(src, n) / (float)n;                               \
        struct eight e;                                                                  \
        for (int64_t i = 0; i < n; i += 256) {                                           \
            load_eight(src, weight, i, n, square, &e);                                   \
            SEARCH(&e, LEVELS);                                                          \
            for (int k = 0; k < e.n; k++, b++) {                                         \
                const uint8_t *level = e.level + 32 * k;                                 \
                tr__store_f16(b->d, e.d[k]);                                             \
                pack_nibbles(level, b->q);                                               \
                STORE;                                                                   \
            }                                                                            \
        }                                                                                \
    }

FROM_F32_BY(q4_0, search_0, 8.0f, (void)0)
FROM_F32_BY(q4_1, search_1, 15.0f, tr__store_f16(b->m, -e.m[k]))
FROM_F32_BY(q5_0, search_0, 16.0f, pack_high(level, b->high))
FROM_F32_BY(q5_1, search_1, 31.0f,
            (tr__store_f16(b->m, -e.m[k]), pack_high(level, b->high)))

static int q4_0_finite(const void *src, int64_t n)
{
    return tr__f16_scales_finite(src, n / 32, sizeof(struct q4_0));
}

static int q4_1_finite(const void *src, int64_t n)
{
    return tr__f16_pairs_finite(src, n / 32, sizeof(struct q4_1));
}

static int q5_0_finite(const void *src, int64_t n)
{
    return tr__f16_scales_finite(src, n / 32, sizeof(struct q5_0));
}

static int q5_1_finite(const void *src, int64_t n)
{
    return tr__f16_pairs_finite(src, n / 32, sizeof(struct q5_1));
}

const struct tr_dtype tr__q4_0 = {
    .name = "Q4_0", .id = 2, .file_type = 2, .block = 32, .bytes = sizeof(struct q4_0),
    .to_f32 = q4_0_to_f32, .from_f32 = q4_0_from_f32,
    .from_f32_by = q4_0_from_f32_by, .finite = q4_0_finite, .dot = q4_0_dot, TR__WITH_INT8(q4_0)
};

const struct tr_dtype tr__q4_1 = {
    .name = "Q4_1", .id = 3, .file_type = 3, .block = 32, .bytes = sizeof(struct q4_1),
    .to_f32 = q4_1_to_f32, .from_f32 = q4_1_from_f32,
    .from_f32_by = q4_1_from_f32_by, .finite = q4_1_finite, .dot = q4_1_dot, TR__WITH_INT8(q4_1)
};

const struct tr_dtype tr__q5_0 = {
    .name = "Q5_0", .id = 6, .file_type = 8, .block = 32, .bytes = sizeof(struct q5_0),
    .to_f32 = q5_0_to_f32, .from_f32 = q5_0_from_f32,
    .from_f32_by = q5_0_from_f32_by, .finite = q5_0_finite, .dot = q5_0_dot, TR__WITH_INT8(q5_0)
};

const struct tr_dtype tr__q5_1 = {
    .name = "Q5_1", .id = 7, .file_type = 9, .block = 32, .bytes = sizeof(struct q5_1),
    .to_f32 = q5_1_to_f32, .from_f32 = q5_1_from_f32,
    .from_f32_by = q5_1_from_f32_by, .finite = q5_1_finite, .dot = q5_1_dot, TR__WITH_INT8(q5_1)
};
