/* SPDX-License-Identifier: MIT
 *
 * Speed of packing, unpacking and dot products, one thread: GB/s of f32 for every type
 * that can.
 *
 *   make dev && build/release/dev/bench_dtype
 */
#include <libtrain/dtype.h>
#include <libtrain/machine.h>

#include <stdio.h>
#include <stdlib.h>

enum { N = 1 << 16, TURNS = 2000 }; /* 256 KiB of f32: a tile that stays in cache */

static double speed(double start, int turns)
{
    return (double)N * sizeof(float) * turns / (tr_machine_seconds() - start) * 1e-9;
}

int main(void)
{
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
    uint8_t *packed = malloc(N * 8);
    uint32_t r = 1;
    for (int i = 0; i < N; i++) {
        r = r * 1664525 + 1013904223;
        x[i] = (float)(int32_t)r * 0x1p-31f;
        packed[i] = (uint8_t)(r >> 26); /* no F16 of them is infinite */
    }
    printf("type\tto_f32\tfrom_f32\tfinite\tdot\n");
    for (int k = 0; tr_dtype_at(k); k++) {
        const struct tr_dtype *t = tr_dtype_at(k);
        if (!t->to_f32)
            continue;
        double from = 0, finite = 0, dot = 0;
        if (t->from_f32) {
            double start = tr_machine_seconds();
            for (int i = 0; i < TURNS / 10; i++)
                t->from_f32(x, packed, N);
            from = speed(start, TURNS / 10);
        }
        double start = tr_machine_seconds();
        for (int i = 0; i < TURNS; i++)
            t->to_f32(packed, y, N);
        double to = speed(start, TURNS);
        start = tr_machine_seconds();
        for (int i = 0; t->finite && i < TURNS; i++)
            t->finite(packed, N);
        finite = speed(start, TURNS);
        float sum = 0;
        start = tr_machine_seconds();
        for (int i = 0; t->dot && i < TURNS; i++)
            sum += t->dot(packed, x, N);
        if (t->dot && sum != 1) /* a use, or the loop may be left out */
            dot = speed(start, TURNS);
        printf("%s\t%.1f\t%.1f\t%.1f\t%.1f\n", t->name, to, from, finite, dot);
    }
    free(x);
    free(y);
    free(packed);
    return 0;
}
