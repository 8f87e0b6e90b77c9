/* SPDX-License-Identifier: MIT
 *
 * Types that are no blocks: floats, and integers, which are stored and never computed
 * with.
 */
#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>
#include <libtrain/base/vec.h>

#include <string.h>

static void f32_to_f32(const void *src, float *dst, int64_t n)
{
    memcpy(dst, src, (size_t)n * sizeof *dst);
}

static void f32_from_f32(const float *src, void *dst, int64_t n)
{
    memcpy(dst, src, (size_t)n * sizeof *src);
}

static int f32_finite(const void *src, int64_t n)
{
    const uint8_t *p = src;
    uint32_t bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad |= (tr__load_u32(p + 4 * i) & 0x7f800000) == 0x7f800000;
    return !bad;
}

TR__INLINE tr__vec f32_load(const uint8_t *p, int64_t i)
{
    tr__vec v;
    memcpy(&v, p + 4 * i, sizeof v);
    return v;
}

TR__INLINE tr__vec f16_load(const uint8_t *p, int64_t i)
{
#if defined(__AVX512F__)
    return (tr__vec)_mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p + 2 * i)));
#elif defined(__AVX2__) && defined(__F16C__)
    return (tr__vec)_mm256_cvtph_ps(_mm_loadu_si128((const void *)(p + 2 * i)));
#elif defined(TR__NEON)
    return (tr__vec)vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 2 * i)));
#else
    tr__vec v;
    TR__EACH(j, TR__VEC)
        v[j] = tr__load_f16(p + 2 * (i + j));
    return v;
#endif
}

TR__INLINE tr__vec bf16_load(const uint8_t *p, int64_t i)
{
    p += 2 * i;
#if defined(__AVX512F__)
    __m512i u = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    return (tr__vec)_mm512_slli_epi32(u, 16);
#elif defined(__AVX2__)
    __m256i u = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p));
    return (tr__vec)_mm256_slli_epi32(u, 16);
#elif defined(TR__NEON)
    return (tr__vec)vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16);
#else
    tr__vec v;
    TR__EACH(j, TR__VEC)
        v[j] = tr__bf16_to_f32(tr__load_u16(p + 2 * j));
    return v;
#endif
}

static float f32_at(const uint8_t *p)
{
    return tr__bits_f32(tr__load_u32(p));
}

static float f16_at(const uint8_t *p)
{
    return tr__load_f16(p);
}

static float bf16_at(const uint8_t *p)
{
    return tr__bf16_to_f32(tr__load_u16(p));
}

/* Four sums, so that none waits for its own last addition. */
#define PLAIN_DOT(T, BYTES)                                                              \
    static float T##_dot(const void *src, const float *x, int64_t n)                     \
    {                                                                                    \
        enum { SUMS = 4 };                                                               \
        const uint8_t *w = src;                                                          \
        tr__vec sum[SUMS] = { { 0 } };                                                   \
        float rest = 0;                                                                  \
        int64_t i = 0;                                                                   \
        for (; i + SUMS * TR__VEC <= n; i += SUMS * TR__VEC)                             \
            TR__EACH(v, SUMS)                                                            \
                sum[v] = tr__madd(T##_load(w, i + v * TR__VEC),                          \
                                  tr__load(x + i + v * TR__VEC), sum[v]);                \
        for (; i + TR__VEC <= n; i += TR__VEC)                                           \
            sum[0] = tr__madd(T##_load(w, i), tr__load(x + i), sum[0]);                  \
        for (; i < n; i++)                                                               \
            rest += T##_at(w + BYTES * i) * x[i];                                        \
        return tr__sum(tr__total(sum, SUMS)) + rest;                                     \
    }
PLAIN_DOT(f32, 4)
PLAIN_DOT(f16, 2)
PLAIN_DOT(bf16, 2)

static void f16_to_f32(const void *src, float *dst, int64_t n)
{
    const uint8_t *p = src;
    int64_t i = 0;
#ifdef __F16C__
    for (; i + 8 <= n; i += 8) {
        __m128i h = _mm_loadu_si128((const void *)(p + 2 * i));
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(h));
    }
#elif defined(TR__NEON)
    for (; i + TR__VEC <= n; i += TR__VEC)
        tr__store(dst + i, f16_load(p, i));
#endif
    for (; i < n; i++)
        dst[i] = tr__f16_to_f32_plain(tr__load_u16(p + 2 * i));
}

static void f16_from_f32(const float *src, void *dst, int64_t n)
{
    uint8_t *p = dst;
    for (int64_t i = 0; i < n; i++)
        tr__store_f16(p + 2 * i, src[i]);
}

static int f16_finite(const void *src, int64_t n)
{
    const uint8_t *p = src;
    uint16_t bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad |= (tr__load_u16(p + 2 * i) & 0x7c00) == 0x7c00;
    return !bad;
}

static void bf16_to_f32(const void *src, float *dst, int64_t n)
{
    const uint8_t *p = src;
    for (int64_t i = 0; i < n; i++)
        dst[i] = tr__bf16_to_f32(tr__load_u16(p + 2 * i));
}

static void bf16_from_f32(const float *src, void *dst, int64_t n)
{
    uint8_t *p = dst;
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = tr__f32_to_bf16(src[i]);
        memcpy(p + 2 * i, &h, sizeof h);
    }
}

static int bf16_finite(const void *src, int64_t n)
{
    const uint8_t *p = src;
    uint16_t bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad |= (tr__load_u16(p + 2 * i) & 0x7f80) == 0x7f80;
    return !bad;
}

static void f64_to_f32(const void *src, float *dst, int64_t n)
{
    const uint8_t *p = src;
    for (int64_t i = 0; i < n; i++) {
        double x;
        memcpy(&x, p + 8 * i, sizeof x);
        dst[i] = (float)x;
    }
}

/* What no f32 can hold counts as infinite, since it is read as that. */
static int f64_finite(const void *src, int64_t n)
{
    const uint8_t *p = src;
    uint32_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        double x;
        memcpy(&x, p + 8 * i, sizeof x);
        bad |= (tr__f32_bits((float)x) & 0x7f800000) == 0x7f800000;
    }
    return !bad;
}

const struct tr_dtype tr_f32 = {
    .name = "F32", .id = 0, .file_type = 0, .block = 1, .bytes = 4,
    .to_f32 = f32_to_f32, .from_f32 = f32_from_f32, .finite = f32_finite,
    .dot = f32_dot,
};

const struct tr_dtype tr_f16 = {
    .name = "F16", .id = 1, .file_type = 1, .block = 1, .bytes = 2,
    .to_f32 = f16_to_f32, .from_f32 = f16_from_f32, .finite = f16_finite,
    .dot = f16_dot,
};

const struct tr_dtype tr_bf16 = {
    .name = "BF16", .id = 30, .file_type = 32, .block = 1, .bytes = 2,
    .to_f32 = bf16_to_f32, .from_f32 = bf16_from_f32, .finite = bf16_finite,
    .dot = bf16_dot,
};

const struct tr_dtype tr__f64 = {
    .name = "F64", .id = 28, .file_type = -1, .block = 1, .bytes = 8,
    .to_f32 = f64_to_f32, .finite = f64_finite,
};

const struct tr_dtype tr_i8 = {
    .name = "I8", .id = 24, .file_type = -1, .block = 1, .bytes = 1,
};

const struct tr_dtype tr__i16 = {
    .name = "I16", .id = 25, .file_type = -1, .block = 1, .bytes = 2,
};

const struct tr_dtype tr_i32 = {
    .name = "I32", .id = 26, .file_type = -1, .block = 1, .bytes = 4,
};

const struct tr_dtype tr__i64 = {
    .name = "I64", .id = 27, .file_type = -1, .block = 1, .bytes = 8,
};
