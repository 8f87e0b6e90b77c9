/* SPDX-License-Identifier: MIT
 *
 * Types that are no blocks: floats, and integers, which are stored and never computed
 * with.
 */
#include <libtrain/dtype.h>
#include <libtrain/internal/half.h>

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

static void f16_to_f32(const void *src, float *dst, int64_t n)
{
    const uint8_t *p = src;
    int64_t i = 0;
#ifdef __F16C__
    for (; i + 8 <= n; i += 8) {
        __m128i h = _mm_loadu_si128((const void *)(p + 2 * i));
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(h));
    }
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
};

const struct tr_dtype tr_f16 = {
    .name = "F16", .id = 1, .file_type = 1, .block = 1, .bytes = 2,
    .to_f32 = f16_to_f32, .from_f32 = f16_from_f32, .finite = f16_finite,
};

const struct tr_dtype tr_bf16 = {
    .name = "BF16", .id = 30, .file_type = 32, .block = 1, .bytes = 2,
    .to_f32 = bf16_to_f32, .from_f32 = bf16_from_f32, .finite = bf16_finite,
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
