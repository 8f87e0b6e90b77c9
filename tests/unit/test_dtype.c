/* SPDX-License-Identifier: MIT
 *
 * Types: sizes against arithmetic that cannot overflow, sixteen-bit floats against their
 * definition, unpacking against a decoder that knows one number at a time, packing
 * against hashes of what llama.cpp writes.
 */
#include "suite.h"
#include "quant_data.h"

#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>

#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <xxhash.h>

static uint32_t state = 1;

static uint32_t next(void)
{
    state = state * 1664525 + 1013904223;
    return state ^ state >> 15;
}

/* ck_assert tells the parent of every success, which takes long in loops over all F16. */
#define MUST(what)                     \
    do {                               \
        if (!(what))                   \
            ck_abort_msg("%s", #what); \
    } while (0)

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

/* ==== unpacking ==== */

static int bits(const uint8_t *p, int bit, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++, bit++)
        value |= (p[bit / 8] >> bit % 8 & 1) << i;
    return value;
}

static double f16_at(const uint8_t *p)
{
    return (double)tr__f16_to_f32_plain(tr__load_u16(p));
}

/* What number i of a block stands for: d q + m. */
struct number {
    double d, m;
    int q;
};

static struct number q4_0(const uint8_t *b, int i)
{
    return (struct number){ f16_at(b), 0, bits(b + 2, i % 16 * 8 + i / 16 * 4, 4) - 8 };
}

static struct number q4_1(const uint8_t *b, int i)
{
    return (struct number){ f16_at(b), f16_at(b + 2),
                            bits(b + 4, i % 16 * 8 + i / 16 * 4, 4) };
}

static struct number q5_0(const uint8_t *b, int i)
{
    int q = bits(b + 6, i % 16 * 8 + i / 16 * 4, 4) + 16 * bits(b + 2, i, 1);
    return (struct number){ f16_at(b), 0, q - 16 };
}

static struct number q5_1(const uint8_t *b, int i)
{
    int q = bits(b + 8, i % 16 * 8 + i / 16 * 4, 4) + 16 * bits(b + 4, i, 1);
    return (struct number){ f16_at(b), f16_at(b + 2), q };
}

static struct number q8_0(const uint8_t *b, int i)
{
    return (struct number){ f16_at(b), 0, (int8_t)b[2 + i] };
}

/* Position of the two bits of number i in 64 bytes. */
static int crumb(int i)
{
    return 8 * (32 * (i / 128) + i % 32) + 2 * (i % 128 / 32);
}

static struct number q2_k(const uint8_t *b, int i)
{
    return (struct number){ f16_at(b + 80) * bits(b, 8 * (i / 16), 4),
                            -f16_at(b + 82) * bits(b, 8 * (i / 16) + 4, 4),
                            bits(b + 16, crumb(i), 2) };
}

static struct number q3_k(const uint8_t *b, int i)
{
    int g = i / 16;
    int scale = bits(b + 96, 8 * (g % 8) + 4 * (g / 8), 4) +
                16 * bits(b + 104, 8 * (g % 4) + 2 * (g / 4), 2);
    int q = bits(b + 32, crumb(i), 2) + 4 * bits(b, 8 * (i % 32) + i / 32, 1) - 4;
    return (struct number){ f16_at(b + 108) * (scale - 32), 0, q };
}

static struct number k_4_5(const uint8_t *b, int i, int q)
{
    const uint8_t *s = b + 4;
    int g = i / 32, k = g % 4;
    int scale = g < 4 ? bits(s, 8 * k, 6)
                      : bits(s, 8 * (8 + k), 4) + 16 * bits(s, 8 * k + 6, 2);
    int min = g < 4 ? bits(s, 8 * (4 + k), 6)
                    : bits(s, 8 * (8 + k) + 4, 4) + 16 * bits(s, 8 * (4 + k) + 6, 2);
    return (struct number){ f16_at(b) * scale, -f16_at(b + 2) * min, q };
}

static int nibble(const uint8_t *p, int i)
{
    return bits(p, 8 * (i / 64 * 32 + i % 32) + i % 64 / 32 * 4, 4);
}

static struct number q4_k(const uint8_t *b, int i)
{
    return k_4_5(b, i, nibble(b + 16, i));
}

static struct number q5_k(const uint8_t *b, int i)
{
    return k_4_5(b, i, nibble(b + 48, i) + 16 * bits(b + 16, 8 * (i % 32) + i / 32, 1));
}

static struct number q6_k(const uint8_t *b, int i)
{
    int q = bits(b, 8 * (i / 128 * 64 + i % 64) + i % 128 / 64 * 4, 4) +
            16 * bits(b + 128, crumb(i), 2);
    return (struct number){ f16_at(b + 208) * (int8_t)b[192 + i / 16], 0, q - 32 };
}

static const struct {
    const char *name;
    struct number (*number)(const uint8_t *block, int i);
} slow[] = {
    { "Q4_0", q4_0 }, { "Q4_1", q4_1 }, { "Q5_0", q5_0 }, { "Q5_1", q5_1 },
    { "Q8_0", q8_0 }, { "Q2_K", q2_k }, { "Q3_K", q3_k }, { "Q4_K", q4_k },
    { "Q5_K", q5_k }, { "Q6_K", q6_k },
};
enum { N_SLOW = sizeof slow / sizeof *slow };

/* Random blocks, at an address that no word is aligned to.  NaN and infinite scales are
 * left out: they have no one value. */
START_TEST(test_unpack)
{
    enum { N_BLOCK = 64 };
    static uint8_t packed[1 + N_BLOCK * 256];
    static float x[N_BLOCK * 256];
    const struct tr_dtype *t = tr_dtype_by_name(slow[_i].name);
    const uint8_t *b = packed + 1;
    for (size_t i = 0; i < sizeof packed; i++)
        packed[i] = (uint8_t)next();
    t->to_f32(b, x, N_BLOCK * t->block);
    int n = (int)t->block, compared = 0;
    for (int k = 0; k < N_BLOCK; k++, b += t->bytes) {
        for (int i = 0; i < n && t->finite(b, n); i++, compared++) {
            struct number v = slow[_i].number(b, i);
            double error = (double)x[k * n + i] - (v.d * v.q + v.m);
            MUST(fabs(error) <= (fabs(v.d * v.q) + fabs(v.m)) * 0x1p-22);
        }
    }
    ck_assert_int_gt(compared, N_BLOCK / 2 * n);
}
END_TEST

static const char *const with_dot[] = { "F32",  "F16",  "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1",
                                        "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K" };
enum { N_DOT = sizeof with_dot / sizeof *with_dot };

START_TEST(test_dot)
{
    enum { N_BLOCK = 101, N_MAX = N_BLOCK * 256 };
    static uint8_t packed[1 + N_MAX * 4];
    static float w[N_MAX], x[N_MAX];
    const struct tr_dtype *t = tr_dtype_by_name(with_dot[_i]);
    for (int i = 0; i < N_MAX; i++) {
        x[i] = (float)((int32_t)next() >> 8) * 0x1p-23f;
        w[i] = (float)((int32_t)next() >> 8) * 0x1p-23f;
    }
    int n_max = N_BLOCK * (int)t->block;
    t->from_f32(w, packed + 1, n_max);
    t->to_f32(packed + 1, w, n_max);
    for (int n = 0; n <= n_max; n += (int)t->block) {
        double sum = 0, size = 0;
        for (int i = 0; i < n; i++) {
            sum += (double)w[i] * (double)x[i];
            size += fabs((double)w[i] * (double)x[i]);
        }
        MUST(fabs((double)t->dot(packed + 1, x, n) - sum) <= size * 1e-6);
    }
}
END_TEST

START_TEST(test_unpack_known)
{
    /* d = 0.5; levels 0 and 15 in the first byte, 8 elsewhere */
    static const uint8_t block[18] = {
        0x00, 0x38, 0xf0, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
        0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88
    };
    const struct tr_dtype *t = tr_dtype_by_name("Q4_0");
    float x[32];
    t->to_f32(block, x, 32);
    for (int i = 0; i < 32; i++)
        ck_assert(x[i] == (i == 0 ? -4.0f : i == 16 ? 3.5f : 0.0f));
}
END_TEST

/* ==== packing ==== */

/* Made by dev/golden_quant.c with the llama.cpp that llama-cpp-python 0.3.36 bundles. */
static const struct {
    const char *name;
    uint64_t hash;
    double step; /* largest error, in units of the block's largest magnitude */
} golden[] = {
    { "F16", 0x88d59e1595907a4c, 0x1p-11 },
    { "BF16", 0x8c1d1a7cbdf0a1e1, 0x1p-8 },
    { "Q4_0", 0x9597012c07265c48, 0.13 },
    { "Q4_1", 0x889113e342f4d841, 0.07 },
    { "Q5_0", 0x4b9a855be97414b9, 0.064 },
    { "Q5_1", 0x69fa4bc9feebb8e8, 0.034 },
    { "Q8_0", 0xc5eeff00b2eb4025, 0.0045 },
    { "Q2_K", 0x7a84e68bc944849a, 0.5 },
    { "Q3_K", 0xd844c6e5ada6bdd8, 0.3 },
    { "Q4_K", 0xa5916d9d638e0320, 0.12 },
    { "Q5_K", 0x74c57c833befabc6, 0.06 },
    { "Q6_K", 0x3dc392fbbc4ee5e4, 0.04 },
};
enum { N_GOLDEN = sizeof golden / sizeof *golden };

START_TEST(test_pack)
{
    static float x[QUANT_N];
    static uint8_t packed[4 * QUANT_N];
    const struct tr_dtype *t = tr_dtype_by_name(golden[_i].name);
    quant_data(x);
    t->from_f32(x, packed, QUANT_N);
    ck_assert_int_eq(t->finite(packed, QUANT_N), 1);
    ck_assert_uint_eq(XXH64(packed, (size_t)(QUANT_N / t->block * t->bytes), 0),
                      golden[_i].hash);
}
END_TEST

/* Halves go away from zero, what is just below them does not. */
START_TEST(test_pack_q8_0_halves)
{
    float x[32] = {
        127, 0.5f, -0.5f, 0.49999997f, -0.49999997f, 2.5f, 2.4999998f, -126.5f
    };
    static const int want[8] = { 127, 1, -1, 0, 0, 3, 2, -127 };
    uint8_t packed[34];
    tr_dtype_by_name("Q8_0")->from_f32(x, packed, 32); /* d = 1 */
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq((int8_t)packed[2 + i], want[i]);
}
END_TEST

/* The way back is near, where F16 does not underflow. */
START_TEST(test_round_trip)
{
    enum { N = 32 * 256 };
    static float x[N], y[N];
    static uint8_t packed[4 * N];
    const struct tr_dtype *t = tr_dtype_by_name(golden[_i].name);
    for (int i = 0; i < N; i++)
        x[i] = (float)(int32_t)next() * 0x1p-31f;
    t->from_f32(x, packed, N);
    t->to_f32(packed, y, N);
    for (int i = 0; i < N; i += 32) {
        float max = 0;
        for (int k = i; k < i + 32; k++)
            max = fmaxf(max, fabsf(x[k]));
        for (int k = i; k < i + 32; k++)
            MUST(fabs((double)(x[k] - y[k])) <= (double)max * golden[_i].step);
    }
}
END_TEST

/* What cannot be packed says so, and nothing else happens (the sanitizers look on). */
START_TEST(test_pack_nonfinite)
{
    static const float odd[] = { INFINITY, -INFINITY, NAN, -NAN, 3e38f, -3e38f };
    const struct tr_dtype *t = tr_dtype_by_name(golden[_i].name);
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        float x[512] = { 1, -1 };
        uint8_t packed[1024];
        x[293] = odd[k];
        t->from_f32(x, packed, 512);
        int holds = t == &tr_bf16 && fabsf(odd[k]) < INFINITY;
        ck_assert_int_eq(t->finite(packed, 512), holds);
        ck_assert_int_eq(t->finite(packed, 256), 1);
    }
}
END_TEST

START_TEST(test_pack_zero)
{
    const struct tr_dtype *t = tr_dtype_by_name(golden[_i].name);
    float x[256] = { 0 }, y[256];
    uint8_t packed[512];
    t->from_f32(x, packed, 256);
    t->to_f32(packed, y, 256);
    for (int i = 0; i < 256; i++)
        ck_assert(y[i] == 0.0f);
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
    tcase_add_loop_test(t, test_unpack, 0, N_SLOW);
    tcase_add_loop_test(t, test_dot, 0, N_DOT);
    tcase_add_test(t, test_unpack_known);
    tcase_add_loop_test(t, test_pack, 0, N_GOLDEN);
    tcase_add_test(t, test_pack_q8_0_halves);
    tcase_add_loop_test(t, test_round_trip, 0, N_GOLDEN);
    tcase_add_loop_test(t, test_pack_nonfinite, 0, N_GOLDEN);
    tcase_add_loop_test(t, test_pack_zero, 0, N_GOLDEN);
    tcase_add_test(t, test_finite);
    tcase_add_test(t, test_finite_place);
    tcase_add_test(t, test_finite_iq1_m);
    suite_add_tcase(s, t);
    return run_suite(s);
}
