/* SPDX-License-Identifier: MIT
 *
 * Numbers for the test of packing: 32 runs of 256 of each kind, of which some are hard.
 * Shared by test_dtype.c and dev/golden_quant.c; every machine makes the same.
 */
#ifndef TESTS_UNIT_QUANT_DATA_H
#define TESTS_UNIT_QUANT_DATA_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum { QUANT_KINDS = 10, QUANT_N = QUANT_KINDS * 32 * 256 };

/* One number of run `block`; r is random. */
static inline float quant_number(int kind, int block, uint32_t r)
{
    float x = (float)((int32_t)(r >> 8) - (1 << 23)); /* 24 bits, so exact */
    float sign = r & 1 ? -0.0f : 0.0f;
    switch (kind) {
    case 0: return x * 0x1p-23f;                     /* [-1, 1) */
    case 1: return ldexpf(x, -23 - block);           /* down to where F16 underflows */
    case 2: return ldexpf(x, -143 - block);          /* subnormal, where 1/d overflows */
    case 3: return ldexpf(x, -23 + block / 3);       /* up to 2^10 */
    case 4: return (float)((int32_t)(r >> 28) - 8) * 0.5f; /* ties everywhere */
    case 5: return r >> 28 ? sign : 1.0f;            /* zeros of both signs */
    case 6: return r >> 28 ? sign : -1.0f;
    case 7: return sign;
    case 8: return (r >> 30 ? 1.0f : -1.0f) * (float)(1 + block); /* two values */
    default: return 2.0f + fabsf(x) * 0x1p-24f;      /* far from zero */
    }
}

static inline void quant_data(float *x)
{
    uint32_t r = 1;
    for (int i = 0; i < QUANT_N; i++) {
        r = r * 1664525 + 1013904223; /* Numerical Recipes' generator */
        x[i] = quant_number(i / (32 * 256), i / 256 % 32, r ^ r >> 15);
    }
}

enum { QUANT_ROW = 256 };

/* Weights of the columns of a row: of many sizes, some 0, 16 of them side by side. */
static inline void quant_weights(float *w)
{
    uint32_t r = 3;
    for (int i = 0; i < QUANT_ROW; i++) {
        r = r * 1664525 + 1013904223;
        int none = r >> 29 == 0 || i / 16 == 5;
        w[i] = none ? 0.0f : ldexpf((float)(r >> 8), -24 - i / 64 * 3);
    }
}

enum { UNPACK_BLOCKS = 2048 };

/* Blocks of any bytes, for the test of unpacking. */
static inline void quant_bytes(unsigned char *b, size_t n)
{
    uint32_t r = 2;
    for (size_t i = 0; i < n; i++) {
        r = r * 1664525 + 1013904223;
        b[i] = (unsigned char)(r >> 24);
    }
}

/* NaN has many forms, which say nothing: a number in its place. */
static inline void quant_one_nan(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            x[i] = 12345;
}

#endif
