/* SPDX-License-Identifier: MIT
 *
 * Types that are known by name, size and scales only: tensors of them can be read, shown,
 * checked and copied, not computed with.
 */
#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>

/* A type with an F16 scale at byte `at` of each block. */
#define BY_SIZE(var, text, type_id, ftype, n_block, n_bytes, at)                          \
    static int var##_finite(const void *src, int64_t n)                                   \
    {                                                                                     \
        return tr__f16_scales_finite((const uint8_t *)src + (at), n / (n_block), n_bytes); \
    }                                                                                     \
    const struct tr_dtype tr__##var = {                                                   \
        .name = text, .id = type_id, .file_type = ftype, .block = n_block,                \
        .bytes = n_bytes, .finite = var##_finite,                                         \
    };

BY_SIZE(iq2_xxs, "IQ2_XXS", 16, 19, 256, 66, 0)
BY_SIZE(iq2_xs, "IQ2_XS", 17, 20, 256, 74, 0)
BY_SIZE(iq3_xxs, "IQ3_XXS", 18, 23, 256, 98, 0)
BY_SIZE(iq1_s, "IQ1_S", 19, 24, 256, 50, 0)
BY_SIZE(iq3_s, "IQ3_S", 21, 26, 256, 110, 0)
BY_SIZE(iq2_s, "IQ2_S", 22, 28, 256, 82, 0)

/* Two F16: a scale, and the scale times the sum of the numbers. */
static int q8_1_finite(const void *src, int64_t n)
{
    return tr__f16_pairs_finite(src, n / 32, 36);
}

const struct tr_dtype tr__q8_1 = {
    .name = "Q8_1", .id = 9, .file_type = -1, .block = 32, .bytes = 36,
    .finite = q8_1_finite,
};

/* An f32 scale in front of 256 bytes and 16 sums of two bytes. */
static int q8_k_finite(const void *src, int64_t n)
{
    const uint8_t *p = src;
    int good = 1;
    for (int64_t i = 0; i < n / 256; i++)
        good &= (tr__load_u32(p + 292 * i) & 0x7f800000) != 0x7f800000;
    return good;
}

const struct tr_dtype tr__q8_k = {
    .name = "Q8_K", .id = 15, .file_type = -1, .block = 256, .bytes = 292,
    .finite = q8_k_finite,
};

/* The F16 scale is spread over the top nibbles of the last four 16-bit words; its exponent
 * is three bits of the top nibble and two of the one below. */
static int iq1_m_finite(const void *src, int64_t n)
{
    const uint8_t *p = src;
    int good = 1;
    for (int64_t i = 0; i < n / 256; i++) {
        const uint8_t *scale = p + 56 * i + 48;
        int top = scale[7] >> 4, below = scale[5] >> 4;
        good &= (top & 7) != 7 || (below & 12) != 12;
    }
    return good;
}

const struct tr_dtype tr__iq1_m = {
    .name = "IQ1_M", .id = 29, .file_type = 31, .block = 256, .bytes = 56,
    .finite = iq1_m_finite,
};
