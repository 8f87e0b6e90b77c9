/* SPDX-License-Identifier: MIT
 *
 * Speed of tr_attention beside cblas_sgemm in the same run.  Work is counted as the exact
 * causal triangle: 4 head_dim T (T + 1) / 2 operations a head in forward, 10 in backward.
 *
 *   make dev && build/release/dev/bench_attention [SHAPE]
 */
#include <libtrain/machine.h>
#include <libtrain/op.h>
#include <libtrain/matmul/tile.h>
#include <libtrain/ops.h>

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct tr_op tr__op_attention;

struct args { /* as in ops/attention.c */
    struct tr_attention opt;
    const int32_t *pos;
};

struct shape {
    const char *name;
    int batch, length, n_head, n_head_kv, head_dim;
};

static const struct shape shapes[] = {
    { "SmolLM2 1 x 512", 1, 512, 9, 3, 64 },
    { "GPT-2 4 x 256", 4, 256, 12, 12, 64 },
    { "GPT-2 4 x 1024", 4, 1024, 12, 12, 64 },
    { "1B 1 x 1024", 1, 1024, 32, 8, 128 },
    { "8 documents of 64", 8, 64, 12, 12, 64 },
};

enum { REPEATS = 21 };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v)
{
    qsort(v, REPEATS, sizeof *v, by_size);
    return v[REPEATS / 2];
}

static float *floats(int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((i * 7919) % 2003) / 1000.0f - 1.0f;
    return x;
}

static double sgemm_seconds(void)
{
    enum { N = 768 };
    static float *a, *b, *c;
    if (!a) {
        a = floats(N * N);
        b = floats(N * N);
        c = floats(N * N);
    }
    double t = tr_machine_seconds();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, N, N, N, 1, a, N, b, N, 0, c, N);
    return (tr_machine_seconds() - t) / (2e-9 * N * N * N);
}

/* The product that attention is made of, on one thread, everything in cache. */
static double tile_seconds(void)
{
    enum { N = 64, TIMES = 200 };
    static float a[N * N], b[N * N], c[N * N];
    double t = tr_machine_seconds();
    for (int i = 0; i < TIMES; i++)
        tr__tile_product(N, N, N, (struct tr__tile){ a, N, 1 }, b, N, c, N, NULL);
    return (tr_machine_seconds() - t) / (2e-9 * N * N * N * TIMES);
}

static void bench(const struct shape *s, int bf16)
{
    int64_t n = s->batch * s->length;
    int64_t qw = s->n_head * s->head_dim, kw = s->n_head_kv * s->head_dim, ld = qw + 2 * kw;
    float *x = floats(n * ld), *dx = floats(n * ld), *out = floats(n * qw),
          *dout = floats(n * qw), *saved = floats(n * s->n_head);
    int32_t *pos = malloc((size_t)n * sizeof *pos);
    struct tr_tensor in[3], y = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ n, qw }, out);
    for (int64_t t = 0; t < n; t++)
        pos[t] = (int32_t)(t % s->length);
    for (int i = 0; i < 3; i++) {
        int64_t at = i ? qw + (i - 1) * kw : 0;
        in[i] = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ n, i ? kw : qw }, x + at);
        in[i].ld = ld;
        in[i].grad = dx + at;
    }
    y.grad = dout;
    struct args args = { { .n_head = s->n_head, .n_head_kv = s->n_head_kv,
                           .head_dim = s->head_dim,
                           .scale = 1 / sqrtf((float)s->head_dim), .bf16 = bf16 },
                         pos };
    struct tr_arena scratch;
    struct tr_node nd = { .op = &tr__op_attention, .in = { &in[0], &in[1], &in[2] },
                          .out = &y, .args = &args, .saved = saved, .scratch = &scratch,
                          .with_grad = 1 };
    size_t bytes[2] = { nd.op->scratch(&nd, 0), nd.op->scratch(&nd, 1) };
    if (tr_arena_init(&scratch, "scratch", bytes[0] > bytes[1] ? bytes[0] : bytes[1], NULL))
        exit(1);
    double forward[REPEATS], backward[REPEATS], gemm[REPEATS], tile[REPEATS];
    double pairs = s->batch * s->n_head * (double)s->length * (s->length + 1) / 2;
    double work = 2e-9 * s->head_dim * pairs;
    for (int i = 0; i < REPEATS; i++) {
        gemm[i] = sgemm_seconds();
        tile[i] = tile_seconds();
        double t0 = tr_machine_seconds();
        nd.op->forward(&nd);
        double t1 = tr_machine_seconds();
        nd.op->backward(&nd);
        forward[i] = (t1 - t0) / (2 * work);
        backward[i] = (tr_machine_seconds() - t1) / (5 * work);
    }
    double g = median(gemm), f = median(forward), b = median(backward);
    printf("%-18s %-4s sgemm %5.1f  tile %5.1f  forward %6.1f GF/s %3.0f %% %7.2f ms  "
           "backward %6.1f GF/s %3.0f %% %7.2f ms  scratch %.1f MB\n",
           s->name, bf16 ? "bf16" : "f32", 1 / g, 1 / median(tile), 1 / f, 100 * g / f,
           2e3 * work * f, 1 / b, 100 * g / b, 5e3 * work * b, 1e-6 * (double)scratch.peak);
    tr_arena_release(&scratch);
    free(x);
    free(dx);
    free(out);
    free(dout);
    free(saved);
    free(pos);
}

/* An argument names one shape by its place in the table. */
int main(int argc, char **argv)
{
    for (int i = 0; i < (int)(sizeof shapes / sizeof *shapes); i++)
        for (int bf16 = 0; bf16 < 2; bf16++)
            if (argc < 2 || atoi(argv[1]) == i)
                bench(&shapes[i], bf16);
    return 0;
}
