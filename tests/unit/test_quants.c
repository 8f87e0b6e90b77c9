/* SPDX-License-Identifier: MIT
 *
 * Packed types: unpacking against a decoder that knows one number at a time, packing
 * against hashes of what llama.cpp writes.  A new type is a row of `slow` and of `golden`.
 * Sizes, names and what is finite: test_dtype.c.
 */
#include "quant_data.h"
#include "suite.h"

#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>

#include <xxhash.h>

static uint32_t state = 1;

static uint32_t next(void)
{
    state = state * 1664525 + 1013904223;
    return state ^ state >> 15;
}

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

/* Twice the float of four bits. */
static int twice_fp4(int q)
{
    int e = q >> 1 & 3, v = e ? (2 + (q & 1)) << (e - 1) : q & 1;
    return q & 8 ? -v : v;
}

static struct number mxfp4(const uint8_t *b, int i)
{
    int q = bits(b + 1, i % 16 * 8 + i / 16 * 4, 4);
    return (struct number){ ldexp(1, b[0] - 128), 0, twice_fp4(q) };
}

static struct number nvfp4(const uint8_t *b, int i)
{
    int q = bits(b + 4, 64 * (i / 16) + i % 8 * 8 + i % 16 / 8 * 4, 4);
    int e = bits(b, 8 * (i / 16) + 3, 4), f = bits(b, 8 * (i / 16), 3);
    double d = e ? ldexp(8 + f, e - 10) : ldexp(f, -9);
    return (struct number){ b[i / 16] == 0x7f ? 0 : d / 2, 0, twice_fp4(q) };
}

static const int iq4[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113 };

static struct number iq4_nl(const uint8_t *b, int i)
{
    return (struct number){ f16_at(b), 0, iq4[bits(b + 2, i % 16 * 8 + i / 16 * 4, 4)] };
}

static struct number iq4_xs(const uint8_t *b, int i)
{
    int g = i / 32, s = bits(b + 4, 4 * g, 4) + 16 * bits(b + 2, 2 * g, 2);
    int q = bits(b + 8 + 16 * g, i % 16 * 8 + i % 32 / 16 * 4, 4);
    return (struct number){ f16_at(b) * (s - 32), 0, iq4[q] };
}

static struct number q1_0(const uint8_t *b, int i)
{
    return (struct number){ f16_at(b), 0, bits(b + 2, i, 1) ? 1 : -1 };
}

static struct number q2_0(const uint8_t *b, int i)
{
    return (struct number){ f16_at(b), 0, bits(b + 2, 2 * i, 2) - 1 };
}

static struct number tq2_0(const uint8_t *b, int i)
{
    return (struct number){ f16_at(b + 64), 0,
                            bits(b + i / 128 * 32 + i % 32, i % 128 / 32 * 2, 2) - 1 };
}

/* Digit k of a byte is that of base 3 behind the point of byte / 256, cut to eight bits. */
static struct number tq1_0(const uint8_t *b, int i)
{
    int k = i < 160 ? i / 32 : i < 240 ? (i - 160) / 16 : (i - 240) / 4;
    int byte = i < 160 ? b[i % 32] : i < 240 ? b[32 + i % 16] : b[48 + i % 4];
    for (; k; k--)
        byte = byte * 3 % 256;
    return (struct number){ f16_at(b + 52), 0, byte * 3 / 256 - 1 };
}

static const struct {
    const char *name;
    struct number (*number)(const uint8_t *block, int i);
} slow[] = {
    { "Q4_0", q4_0 }, { "Q4_1", q4_1 }, { "Q5_0", q5_0 }, { "Q5_1", q5_1 },
    { "Q8_0", q8_0 }, { "Q2_K", q2_k }, { "Q3_K", q3_k }, { "Q4_K", q4_k },
    { "Q5_K", q5_k }, { "Q6_K", q6_k }, { "MXFP4", mxfp4 },
    { "NVFP4", nvfp4 }, { "IQ4_NL", iq4_nl }, { "IQ4_XS", iq4_xs }, { "Q1_0", q1_0 },
    { "Q2_0", q2_0 }, { "TQ1_0", tq1_0 }, { "TQ2_0", tq2_0 },
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
        for (int i = 0; i < n && (!t->finite || t->finite(b, n)); i++, compared++) {
            struct number v = slow[_i].number(b, i);
            double error = (double)x[k * n + i] - (v.d * v.q + v.m);
            MUST(fabs(error) <= (fabs(v.d * v.q) + fabs(v.m)) * 0x1p-22);
        }
    }
    ck_assert_int_gt(compared, N_BLOCK / 2 * n);
}
END_TEST

/* The bits of the numbers that llama.cpp sees in quant_bytes(): dev/golden_quant.c. */
static const struct {
    const char *name;
    uint64_t hash;
} unpacked[] = {
    { "Q4_0", 0xff6c5973a689e96b },
    { "Q4_1", 0xc77c9261df68d2ba },
    { "Q5_0", 0xee87bccf1cb4cbb2 },
    { "Q5_1", 0xc86d7f129db2ee45 },
    { "Q8_0", 0x250d4c8250f89d8f },
    { "Q2_K", 0xb945f23f47f3fe15 },
    { "Q3_K", 0x8e63e78d1639f71d },
    { "Q4_K", 0xabaa8f31f6ff36cc },
    { "Q5_K", 0x0d2332aad57674f9 },
    { "Q6_K", 0x750f531bd0449486 },
    { "IQ2_XXS", 0xbadd5819c4c70883 },
    { "IQ2_XS", 0x41ae28e2e8653c17 },
    { "IQ3_XXS", 0xd40505f376cd94fd },
    { "IQ1_S", 0xfed6927ccefce648 },
    { "IQ4_NL", 0xfabdf349ea2a2d19 },
    { "IQ3_S", 0x9820f4e857b3b0a4 },
    { "IQ2_S", 0x184e554c053167ff },
    { "IQ4_XS", 0x45ed0d15e0cc8445 },
    { "IQ1_M", 0xf8dd0175ed33dc5a },
    { "TQ1_0", 0x11e2a770e3c85a4d },
    { "TQ2_0", 0x24325234965ef297 },
    { "MXFP4", 0xbcb726a4a88cf94c },
    { "NVFP4", 0x30225543dbc2ede6 },
    { "Q1_0", 0xe3bca7b21678734c },
    { "Q2_0", 0x1962cb7a32218c6d },
};
enum { N_UNPACKED = sizeof unpacked / sizeof *unpacked };

START_TEST(test_unpack_golden)
{
    static uint8_t packed[UNPACK_BLOCKS * 256];
    static float x[UNPACK_BLOCKS * 256];
    const struct tr_dtype *t = tr_dtype_by_name(unpacked[_i].name);
    size_t n = UNPACK_BLOCKS * (size_t)t->block;
    quant_bytes(packed, UNPACK_BLOCKS * (size_t)t->bytes);
    t->to_f32(packed, x, (int64_t)n);
    quant_one_nan(x, n);
    ck_assert_uint_eq(XXH64(x, n * sizeof *x, 0), unpacked[_i].hash);
}
END_TEST

static const char *const with_dot[] = {
    "F32",  "F16",  "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1",
    "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "MXFP4",
    "NVFP4", "IQ4_NL", "IQ4_XS", "Q1_0", "Q2_0", "TQ1_0", "TQ2_0",
    "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S",
};
enum { N_DOT = sizeof with_dot / sizeof *with_dot };

/* Any levels and finite scales; of MXFP4, whose first byte is the scale, about 1. */
static void random_blocks(const struct tr_dtype *t, uint8_t *b, int n)
{
    for (; n > 0; n--, b += t->bytes)
        do
            for (int i = 0; i < (int)t->bytes; i++)
                b[i] = i ? (uint8_t)next() : (uint8_t)(124 + next() % 8);
        while (t->finite && !t->finite(b, t->block));
}

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
    if (t->from_f32)
        t->from_f32(w, packed + 1, n_max);
    else
        random_blocks(t, packed + 1, N_BLOCK);
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
    { "IQ4_NL", 0xf68e5ff56a2c02c1, 0.12 },
    { "IQ4_XS", 0x19b32e1f005891ca, 0.14 },
    { "TQ1_0", 0x7f393e2c087f574e, 0.6 },
    { "TQ2_0", 0x3c2582c76c4aaf4a, 0.6 },
    { "MXFP4", 0xe9745cbc94612eee, 0.27 },
    { "NVFP4", 0x7f4e3e4cc82a3185, 0.19 },
    { "Q1_0", 0xb74336fe75d29334, 0.62 },
    { "Q2_0", 0x56b4732691755684, 0.6 },
    { "IQ3_XXS", 0x12789d419c0c5ce9, 0.85 },
    { "IQ3_S", 0x4f411049887b89d4, 0.45 },
    { "IQ2_S", 0x1ab21edf482daa7a, 0.7 },
    { "IQ1_M", 0x9037b2f515ac2e6d, 1.6 },
};
enum { N_GOLDEN = sizeof golden / sizeof *golden };

START_TEST(test_pack)
{
    static float x[QUANT_N];
    static uint8_t packed[4 * QUANT_N];
    const struct tr_dtype *t = tr_dtype_by_name(golden[_i].name);
    quant_data(x);
    t->from_f32(x, packed, QUANT_N);
    /* llama.cpp packs some subnormal numbers as zeros under a scale that is NaN */
    int64_t n = t == tr_dtype_by_name("MXFP4") ? QUANT_N / QUANT_KINDS : QUANT_N;
    ck_assert(!t->finite || t->finite(packed, n));
    ck_assert_uint_eq(XXH64(packed, (size_t)(QUANT_N / t->block * t->bytes), 0),
                      golden[_i].hash);
}
END_TEST

/* The same of rows with weights. */
static const struct {
    const char *name;
    uint64_t hash;
} weighed[] = {
    { "Q4_0", 0x05a676009845c4dc },
    { "Q4_1", 0xcf320626c233f2a3 },
    { "Q5_0", 0x38c71b2d365795de },
    { "Q5_1", 0xf02da085e15accd0 },
    { "Q2_K", 0x281f081c3a549634 },
    { "Q3_K", 0x1785c225a2602b8e },
    { "Q4_K", 0x2051558a32fa23cf },
    { "Q5_K", 0xb31e91d93749c595 },
    { "Q6_K", 0x6eea9b4d9550a4a5 },
    { "IQ4_NL", 0x1fec6c03e61bed65 },
    { "IQ4_XS", 0x4f8f23815a7d9518 },
    { "IQ2_XXS", 0x81b2d630c1673425 },
    { "IQ2_XS", 0x33371f6bc34ca93c },
    { "IQ3_XXS", 0x39b98762b371aa30 },
    { "IQ1_S", 0xff578091184f0290 },
    { "IQ3_S", 0xc33b423ae4094eb0 },
    { "IQ2_S", 0x94d8c78b3bf3c09b },
    { "IQ1_M", 0xb352f30082ae0695 },
};
enum { N_WEIGHED = sizeof weighed / sizeof *weighed };

START_TEST(test_pack_weighed)
{
    static float x[QUANT_N];
    static uint8_t packed[4 * QUANT_N];
    float weight[QUANT_ROW];
    const struct tr_dtype *t = tr_dtype_by_name(weighed[_i].name);
    size_t bytes = QUANT_ROW / t->block * t->bytes;
    quant_data(x);
    quant_weights(weight);
    for (size_t i = 0; i < QUANT_N / QUANT_ROW; i++)
        t->from_f32_by(x + i * QUANT_ROW, weight, packed + i * bytes, QUANT_ROW);
    ck_assert_int_eq(t->finite(packed, QUANT_N), 1);
    ck_assert_uint_eq(XXH64(packed, QUANT_N / QUANT_ROW * bytes, 0), weighed[_i].hash);
}
END_TEST

/* A row that is no whole number of the eight blocks that are searched together: each block as
 * if it came alone, since all have the mean square of the row. */
START_TEST(test_pack_weighed_tail)
{
    static const char *const name[] = { "Q4_0", "Q4_1", "Q5_0", "Q5_1" };
    enum { ROW = 352 };
    const struct tr_dtype *t = tr_dtype_by_name(name[_i]);
    float x[ROW], weight[ROW], one[32];
    uint8_t packed[ROW], want[32];
    for (int i = 0; i < ROW; i++) {
        x[i] = (float)((7 * i + i / 32 * 5) % 32) - 15.5f;
        weight[i] = (float)(next() >> 8);
    }
    t->from_f32_by(x, weight, packed, ROW);
    for (int k = 0; k < ROW / 32; k++) {
        memcpy(one, x + 32 * k, sizeof one);
        t->from_f32_by(one, weight + 32 * k, want, 32);
        ck_assert_mem_eq(packed + (size_t)k * t->bytes, want, t->bytes);
    }
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
        int large = t == &tr_bf16 || t == tr_dtype_by_name("MXFP4");
        int holds = large && fabsf(odd[k]) < INFINITY;
        ck_assert(!t->finite || t->finite(packed, 512) == holds);
        ck_assert(!t->finite || t->finite(packed, 256));
    }
}
END_TEST

START_TEST(test_pack_weighed_nonfinite)
{
    static const float odd[] = { INFINITY, -INFINITY, NAN, -NAN, 3e38f, -3e38f };
    const struct tr_dtype *t = tr_dtype_by_name(weighed[_i].name);
    float weight[256];
    quant_weights(weight);
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        float x[256] = { 1, -1 };
        uint8_t packed[1024];
        x[37] = odd[k];
        t->from_f32_by(x, weight, packed, 256);
        ck_assert_int_eq(t->finite(packed, 256), 0);
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

int main(void)
{
    Suite *s = suite_create("quants");
    TCase *t = tcase_create("quants");
    tcase_add_loop_test(t, test_unpack, 0, N_SLOW);
    tcase_add_loop_test(t, test_unpack_golden, 0, N_UNPACKED);
    tcase_add_loop_test(t, test_dot, 0, N_DOT);
    tcase_add_test(t, test_unpack_known);
    tcase_add_loop_test(t, test_pack, 0, N_GOLDEN);
    tcase_add_loop_test(t, test_pack_weighed, 0, N_WEIGHED);
    tcase_add_loop_test(t, test_pack_weighed_tail, 0, 4);
    tcase_add_test(t, test_pack_q8_0_halves);
    tcase_add_loop_test(t, test_round_trip, 0, N_GOLDEN);
    tcase_add_loop_test(t, test_pack_nonfinite, 0, N_GOLDEN);
    tcase_add_loop_test(t, test_pack_weighed_nonfinite, 0, N_WEIGHED);
    tcase_add_loop_test(t, test_pack_zero, 0, N_GOLDEN);
    suite_add_tcase(s, t);
    return run_suite(s);
}
