/* SPDX-License-Identifier: MIT
 *
 * Types: sizes against arithmetic that cannot overflow, sixteen-bit floats against their
 * definition, what is finite.  Packing and unpacking: test_quants.c.
 */
#include "suite.h"

#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>

#include <check.h>
#include <ctype.h>
#include <stdlib.h>

static uint32_t state = 1;

static uint32_t next(void)
{
    state = state * 1664525 + 1013904223;
    return state ^ state >> 15;
}

/* ==== names and ids ==== */

START_TEST(test_lookup)
{
    static const uint32_t removed[] = {
        4, 5, 31, 32, 33, 36, 37, 38, 43, 255, 0x80000000, UINT32_MAX
    };
    const struct tr_dtype *t;
    int n = 0;
    for (; (t = tr_dtype_at(n)); n++) {
        char lower[16];
        ck_assert_uint_lt(strlen(t->name), sizeof lower);
        for (size_t i = 0; i <= strlen(t->name); i++)
            lower[i] = (char)tolower((unsigned char)t->name[i]);
        ck_assert_ptr_eq(tr_dtype_by_id(t->id), t);
        ck_assert_ptr_eq(tr_dtype_by_name(t->name), t);
        ck_assert_ptr_eq(tr_dtype_by_name(lower), t);
    }
    ck_assert_int_eq(n, 35);
    ck_assert_ptr_null(tr_dtype_at(-1));
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++)
        ck_assert_ptr_null(tr_dtype_by_id(removed[i]));
    ck_assert_ptr_null(tr_dtype_by_name("Q4_2"));
    ck_assert_ptr_null(tr_dtype_by_name(""));
    ck_assert_ptr_eq(tr_dtype_by_name("bf16"), &tr_bf16);
}
END_TEST

/* ==== sizes ==== */

enum { N_DIGIT = 20 }; /* of 32 bits */

static void big_times(uint32_t *digit, uint64_t factor)
{
    uint32_t out[N_DIGIT + 2] = { 0 };
    const uint32_t f[2] = { (uint32_t)factor, (uint32_t)(factor >> 32) };
    for (int k = 0; k < 2; k++) {
        uint64_t carry = 0;
        for (int i = 0; i < N_DIGIT; i++) {
            carry += (uint64_t)digit[i] * f[k] + out[i + k];
            out[i + k] = (uint32_t)carry;
            carry >>= 32;
        }
        out[N_DIGIT + k] = (uint32_t)carry;
    }
    memcpy(digit, out, N_DIGIT * sizeof *digit);
}

/* The number if it fits in 63 bits, else -1. */
static int64_t big_value(const uint32_t *digit)
{
    for (int i = 2; i < N_DIGIT; i++)
        if (digit[i])
            return -1;
    return digit[1] >> 31 ? -1 : (int64_t)((uint64_t)digit[1] << 32 | digit[0]);
}

static int64_t slow_bytes(const struct tr_dtype *t, int n_dim, const int64_t *dim)
{
    uint32_t numbers[N_DIGIT] = { 1 }, bytes[N_DIGIT] = { t->bytes };
    if (n_dim < 1 || dim[n_dim - 1] % t->block)
        return -1;
    for (int i = 0; i < n_dim; i++) {
        if (dim[i] < 1)
            return -1;
        big_times(numbers, (uint64_t)dim[i]);
        big_times(bytes, (uint64_t)(i == n_dim - 1 ? dim[i] / t->block : dim[i]));
    }
    return big_value(numbers) < 0 ? -1 : big_value(bytes);
}

/* A dimension of any size, often near a power of two, sometimes impossible. */
static int64_t random_dim(void)
{
    uint64_t r = (uint64_t)next() << 32 | next();
    int shift = (int)(next() % 64);
    switch (next() % 8) {
    case 0: return (int64_t)r;
    case 1: return (int64_t)((uint64_t)1 << shift);
    case 2: return (int64_t)(((uint64_t)1 << shift) - 1);
    case 3: return (int64_t)(r >> shift & ~(uint64_t)255);
    case 4: return (int64_t)(next() % 3);
    default: return (int64_t)(r >> shift >> 20 & ~(uint64_t)255);
    }
}

static void check_bytes(const struct tr_dtype *t, int n_dim, const int64_t *dim)
{
    struct tr_err err = { 0 };
    int64_t bytes = -1, slow = slow_bytes(t, n_dim, dim);
    int rc = tr_dtype_bytes(t, n_dim, dim, &bytes, &err);
    MUST(rc == (slow < 0 ? TR_EFORMAT : 0));
    MUST(err.code == rc);
    MUST(bytes == slow);
}

START_TEST(test_bytes)
{
    static const int64_t edge[][2] = {
        { 0x100000000, 0x100000000 }, { 0x1fffffffc, 0x1fffffffc },
        { (int64_t)1 << 62, 1 },      { 1, (int64_t)1 << 62 },
        { 0, INT64_MAX },             { INT64_MAX, 0 },
        { 1, -1 },                    { INT64_MIN, INT64_MIN },
        { 2, 33 },                    { 2, 128 },
        { 1, INT64_MAX },             { 3, 256 },
    };
    int fits = 0;
    for (int k = 0; tr_dtype_at(k); k++) {
        const struct tr_dtype *t = tr_dtype_at(k);
        check_bytes(t, 0, edge[0]);
        for (size_t i = 0; i < sizeof edge / sizeof *edge; i++)
            check_bytes(t, 2, edge[i]);
        for (int i = 0; i < 2000; i++) {
            int64_t dim[4] = { random_dim(), random_dim(), random_dim(), random_dim() };
            int n_dim = 1 + (int)(next() % 4);
            check_bytes(t, n_dim, dim);
            fits += slow_bytes(t, n_dim, dim) > 0;
        }
    }
    ck_assert_int_gt(fits, 1000); /* the draw is not all refusals */
}
END_TEST

START_TEST(test_bytes_known)
{
    const int64_t dim[] = { 3, 512 };
    static const struct {
        const char *name;
        int64_t bytes;
    } known[] = {
        { "F32", 6144 },  { "BF16", 3072 },  { "Q8_0", 1632 },   { "Q4_0", 864 },
        { "Q4_1", 960 },  { "Q5_0", 1056 },  { "Q5_1", 1152 },   { "Q2_K", 504 },
        { "Q3_K", 660 },  { "Q4_K", 864 },   { "Q5_K", 1056 },   { "Q6_K", 1260 },
        { "Q8_K", 1752 }, { "IQ4_XS", 816 }, { "IQ1_S", 300 },   { "TQ1_0", 324 },
        { "MXFP4", 816 }, { "NVFP4", 864 },  { "Q1_0", 216 },    { "Q2_0", 432 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct tr_dtype *t = tr_dtype_by_name(known[i].name);
        int64_t bytes = 0;
        ck_assert_int_eq(tr_dtype_bytes(t, 2, dim, &bytes, NULL), 0);
        ck_assert_int_eq(bytes, known[i].bytes);
    }
}
END_TEST

/* ==== sixteen-bit floats ==== */

START_TEST(test_f16_to_f32)
{
    static uint16_t all[65536];
    static float row[65536];
    for (int h = 0; h < 65536; h++)
        all[h] = (uint16_t)h;
    tr_f16.to_f32(all, row, 65536);
    for (int h = 0; h < 65536; h++) {
        int exponent = h >> 10 & 31, fraction = h & 1023;
        float x = exponent ? ldexpf((float)(1024 + fraction), exponent - 25)
                           : ldexpf((float)fraction, -24);
        uint32_t bits = tr__f32_bits(h & 0x8000 ? -x : x);
        if (exponent == 31)
            bits = (uint32_t)(h & 0x8000) << 16 | 0x7f800000 | (uint32_t)fraction << 13 |
                   (fraction ? 0x00400000 : 0);
        MUST(tr__f32_bits(tr__f16_to_f32_plain((uint16_t)h)) == bits);
        MUST(tr__f32_bits(tr__f16_to_f32((uint16_t)h)) == bits);
        MUST(tr__f32_bits(row[h]) == bits);
        if (exponent < 31)
            MUST(tr__f32_to_f16(row[h]) == h);
        else
            MUST(tr__f32_to_f16(row[h]) == (fraction ? (h & 0x8000) | 0x7e00 : h));
    }
}
END_TEST

/* Between two neighbours: what is nearer wins, the middle goes to the even one. */
START_TEST(test_f32_to_f16)
{
    for (uint16_t h = 0; h < 0x7c00; h++) {
        float low = tr__f16_to_f32_plain(h);
        float high = h == 0x7bff ? 65536.0f : tr__f16_to_f32_plain((uint16_t)(h + 1));
        float middle = (low + high) / 2;
        uint16_t even = h & 1 ? (uint16_t)(h + 1) : h;
        MUST(tr__f32_to_f16(middle) == even);
        MUST(tr__f32_to_f16(-middle) == (even | 0x8000));
        MUST(tr__f32_to_f16(nextafterf(middle, 0)) == h);
        MUST(tr__f32_to_f16(nextafterf(middle, INFINITY)) == (h + 1));
    }
    MUST(tr__f32_to_f16(-INFINITY) == 0xfc00);
    MUST(tr__f32_to_f16(0x1p127f) == 0x7c00);
    MUST(tr__f32_to_f16(0x1p-149f) == 0);
    MUST(tr__f32_to_f16(tr__bits_f32(0xff800001)) == 0xfe00);
}
END_TEST

START_TEST(test_bf16)
{
    for (uint32_t h = 0; h < 0x7f80; h++) {
        float middle = tr__bits_f32(h << 16 | 0x8000);
        uint32_t even = h & 1 ? h + 1 : h;
        MUST(tr__f32_to_bf16(tr__bf16_to_f32((uint16_t)h)) == h);
        MUST(tr__f32_to_bf16(middle) == even);
        MUST(tr__f32_to_bf16(-middle) == (even | 0x8000));
        MUST(tr__f32_to_bf16(tr__bits_f32(h << 16 | 0x7fff)) == h);
        MUST(tr__f32_to_bf16(tr__bits_f32(h << 16 | 0x8001)) == (h + 1));
    }
    MUST(tr__f32_to_bf16(tr__bits_f32(0x7f800001)) == 0x7fc0);
    MUST(tr__f32_to_bf16(tr__bits_f32(0xffffffff)) == 0xffff);
}
END_TEST

/* ==== finite ==== */

/* All bits set is a NaN in every kind of scale, wherever in the block it is.  Each block
 * is looked at. */
START_TEST(test_finite)
{
    enum { N_BLOCK = 19 };
    static uint8_t packed[N_BLOCK * 512];
    for (int k = 0; tr_dtype_at(k); k++) {
        const struct tr_dtype *t = tr_dtype_at(k);
        if (!t->finite)
            continue;
        memset(packed, 0, sizeof packed);
        ck_assert_msg(t->finite(packed, N_BLOCK * t->block), "%s", t->name);
        for (uint32_t i = 0; i < N_BLOCK; i++) {
            memset(packed + i * t->bytes, 0xff, t->bytes);
            ck_assert_msg(!t->finite(packed, N_BLOCK * t->block), "%s", t->name);
            memset(packed + i * t->bytes, 0, t->bytes);
        }
    }
}
END_TEST

/* Where the scales of the types are: infinite there, and only there, is not finite. */
START_TEST(test_finite_place)
{
    static const struct {
        const char *name;
        int at[2]; /* of F16 scales; -1: no second one */
    } place[] = {
        { "F16", { 0, -1 } },     { "Q4_0", { 0, -1 } },     { "Q4_1", { 0, 2 } },
        { "Q5_0", { 0, -1 } },    { "Q5_1", { 0, 2 } },      { "Q8_0", { 0, -1 } },
        { "Q8_1", { 0, 2 } },     { "Q2_K", { 80, 82 } },    { "Q3_K", { 108, -1 } },
        { "Q4_K", { 0, 2 } },     { "Q5_K", { 0, 2 } },      { "Q6_K", { 208, -1 } },
        { "IQ2_XXS", { 0, -1 } }, { "IQ2_XS", { 0, -1 } },   { "IQ3_XXS", { 0, -1 } },
        { "IQ1_S", { 0, -1 } },   { "IQ4_NL", { 0, -1 } },   { "IQ3_S", { 0, -1 } },
        { "IQ2_S", { 0, -1 } },   { "IQ4_XS", { 0, -1 } },   { "TQ1_0", { 52, -1 } },
        { "TQ2_0", { 64, -1 } },  { "Q1_0", { 0, -1 } },     { "Q2_0", { 0, -1 } },
    };
    for (size_t k = 0; k < sizeof place / sizeof *place; k++) {
        const struct tr_dtype *t = tr_dtype_by_name(place[k].name);
        for (int at = 0; at + 2 <= (int)t->bytes; at += 2) {
            uint8_t packed[512] = { 0 };
            int scale = at == place[k].at[0] || at == place[k].at[1];
            packed[at + 1] = 0x7c;
            ck_assert_msg(t->finite(packed, t->block) == !scale, "%s at %d", t->name, at);
        }
    }
}
END_TEST

/* The scale of IQ1_M lies in the top nibbles of its last four words. */
START_TEST(test_finite_iq1_m)
{
    const struct tr_dtype *t = tr_dtype_by_name("IQ1_M");
    for (int h = 0; h < 65536; h += 64) {
        uint8_t packed[56] = { 0 };
        for (int i = 0; i < 4; i++)
            packed[49 + 2 * i] = (uint8_t)((h >> 4 * i & 15) << 4);
        MUST(t->finite(packed, 256) == ((h & 0x7c00) != 0x7c00));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dtype");
    TCase *t = tcase_create("dtype");
    tcase_add_test(t, test_lookup);
    tcase_add_test(t, test_bytes);
    tcase_add_test(t, test_bytes_known);
    tcase_add_test(t, test_f16_to_f32);
    tcase_add_test(t, test_f32_to_f16);
    tcase_add_test(t, test_bf16);
    tcase_add_test(t, test_finite);
    tcase_add_test(t, test_finite_place);
    tcase_add_test(t, test_finite_iq1_m);
    suite_add_tcase(s, t);
    return run_suite(s);
}
