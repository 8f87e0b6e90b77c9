/* SPDX-License-Identifier: MIT
 *
 * A row of x as signed bytes, 32 under one scale, and its sums, for dot products in integers.
 * The rounding is that of Q8_0 with a scale in f32; what is not finite makes a scale that is
 * not.
 */
#include <libtrain/quants/int8.h>
#include <libtrain/quants/range.h>

/* Numbers in whole super-blocks. */
static int64_t filled(int64_t n)
{
    return (n + 255) / 256 * 256;
}

/* Bytes, and of 32 numbers two floats, of 16 two. */
int64_t tr__int8_room(int64_t n)
{
    return filled(n) + filled(n) / 32 * 2 * 4 + filled(n) / 16 * 2 * 4;
}

/* 16 numbers; returns their sum as bytes. */
static int32_t pack16(const float *x, float inverse, int8_t *q)
{
    int32_t sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < 16; j++) {
        int32_t level = tr__to_byte(x[j] * inverse);
        q[j] = (int8_t)level;
        sum += level;
    }
    return sum;
}

struct tr__int8_row tr__int8_pack(const float *x, int64_t n, void *room)
{
    int64_t n32 = filled(n) / 32;
    int8_t *q = room;
    float *d32 = (float *)((char *)room + filled(n)), *sum32 = d32 + n32;
    float *d16 = sum32 + n32, *sum16 = d16 + 2 * n32;
    memset(q + n, 0, (size_t)(filled(n) - n));
    memset(d32, 0, (size_t)n32 * 6 * sizeof *d32);
    for (int64_t i = 0; i < n / 32; i++) {
        float d = tr__abs_max(x + 32 * i, 32) / 127.0f, inverse = tr__inverse(d);
        int32_t a = pack16(x + 32 * i, inverse, q + 32 * i);
        int32_t b = pack16(x + 32 * i + 16, inverse, q + 32 * i + 16);
        d32[i] = d16[2 * i] = d16[2 * i + 1] = d;
        sum16[2 * i] = d * (float)a;
        sum16[2 * i + 1] = d * (float)b;
        sum32[i] = d * (float)(a + b);
    }
    return (struct tr__int8_row){ q, d32, d16, sum32, sum16 };
}
