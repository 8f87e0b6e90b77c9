/* SPDX-License-Identifier: MIT
 *
 * Q8_1 and Q8_K, which ggml multiplies with and no model is stored in.  They are known by name,
 * size and scales only: tensors of them can be read, shown, checked and copied, not computed
 * with.
 */
#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>

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
