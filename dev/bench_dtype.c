/* SPDX-License-Identifier: MIT
 *
 * Speed of packing (without and with weights of columns), unpacking, the check and dot
 * products, one thread: GB/s of f32 for every type that can; 0 for what it cannot.
 *
 *   make dev && build/release/dev/bench_dtype [TYPE ...]
 */
#include <libtrain/dtype.h>
#include <libtrain/machine.h>

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { N = 1 << 16 }; /* 256 KiB of f32: a tile that stays in cache */

struct tile {
    const struct tr_dtype *type;
    float *x, *y;
    uint8_t *packed;
    float sum; /* a use of what is computed, or it may be left out */
};

static void pack(struct tile *t)
{
    t->type->from_f32(t->x, t->packed, N);
}

static void pack_by(struct tile *t)
{
    t->type->from_f32_by(t->x, t->y, t->packed, N);
}

static void unpack(struct tile *t)
{
    t->type->to_f32(t->packed, t->y, N);
}

static void check(struct tile *t)
{
    t->sum += (float)t->type->finite(t->packed, N);
}

static void dot(struct tile *t)
{
    t->sum += t->type->dot(t->packed, t->x, N);
}

/* Turns until a quarter of a second is over. */
static double speed(int can, void (*turn)(struct tile *), struct tile *t)
{
    double start = tr_machine_seconds(), now = start;
    int turns = 0;
    for (; can && now - start < 0.25; turns++, now = tr_machine_seconds())
        turn(t);
    return can ? (double)N * sizeof(float) * turns / (now - start) * 1e-9 : 0;
}

static void bench(struct tile *t)
{
    const struct tr_dtype *type = t->type;
    uint32_t r = 1;
    for (int i = 0; i < N; i++) {
        r = r * 1664525 + 1013904223;
        t->x[i] = (float)(int32_t)r * 0x1p-31f;
        t->y[i] = (float)(r >> 8);
        t->packed[i] = (uint8_t)(r >> 26); /* no F16 of them is infinite */
    }
    double from = speed(type->from_f32 != NULL, pack, t);
    double by = speed(type->from_f32_by != NULL, pack_by, t);
    double to = speed(type->to_f32 != NULL, unpack, t);
    double finite = speed(type->finite != NULL, check, t);
    double product = speed(type->dot != NULL, dot, t);
    printf("%s\t%.2f\t%.3f\t%.3f\t%.1f\t%.2f\n", type->name, to, from, by, finite, product);
}

static int asked(const char *name, char **names)
{
    for (int i = 0; names[i]; i++)
        if (!strcasecmp(name, names[i]))
            return 1;
    return !*names;
}

int main(int argc, char **argv)
{
    struct tile t = { .x = malloc(N * sizeof *t.x), .y = malloc(N * sizeof *t.y),
                      .packed = malloc(N * 8) };
    (void)argc;
    printf("type\tto_f32\tfrom_f32\tfrom_f32_by\tfinite\tdot\n");
    for (int k = 0; (t.type = tr_dtype_at(k)); k++)
        if (t.type->to_f32 && asked(t.type->name, argv + 1))
            bench(&t);
    free(t.x);
    free(t.y);
    free(t.packed);
    return t.sum == 1;
}
