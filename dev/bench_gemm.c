/* SPDX-License-Identifier: MIT
 *
 * bench_gemm - the rate of sgemm on the products of a training step.
 *
 *   bench_gemm [--frozen] [--repeats R] M,N,K,COUNT…
 *
 * Each operand is a linear layer: M rows of x (M, K) times w (N, K), COUNT times a step.
 * Measured are y = x w^T, dx += dy w and, unless --frozen, dw += dy^T x.  Every
 * product runs once a repeat and its time counts COUNT times, so the rate is that of the
 * whole step.  Prints GF/s (2 M N K operations a product), a line a repeat; a first repeat,
 * which touches the memory, is not printed.
 */
#include "../cmds/common.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_LAYER = 64 };

struct layer {
    int m, n, k, count;
};

struct bench {
    struct layer layer[MAX_LAYER];
    int n, frozen;
    float *x, *dx, *w, *dw, *y; /* large enough for every layer */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *floats(size_t n)
{
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)(i * 7919 % 2003) / 1000.0f - 1.0f;
    return x;
}

static int allocate(struct bench *b, struct tr_err *err)
{
    size_t nx = 0, nw = 0, ny = 0;
    for (int i = 0; i < b->n; i++) {
        const struct layer *l = &b->layer[i];
        size_t m = (size_t)l->m, n = (size_t)l->n, k = (size_t)l->k;
        nx = m * k > nx ? m * k : nx;
        nw = n * k > nw ? n * k : nw;
        ny = m * n > ny ? m * n : ny;
    }
    b->x = floats(nx);
    b->dx = floats(nx);
    b->w = floats(nw);
    b->dw = floats(b->frozen ? 1 : nw);
    b->y = floats(ny);
    if (!b->x || !b->dx || !b->w || !b->dw || !b->y)
        return tr_err_sys(err, "cannot hold the matrices");
    return 0;
}

/* Seconds for all products of a layer, once. */
static double run_layer(const struct bench *b, const struct layer *l)
{
    double start = now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, l->m, l->n, l->k, 1, b->x, l->k,
                b->w, l->k, 0, b->y, l->n);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, l->m, l->k, l->n, 1, b->y, l->n,
                b->w, l->k, 1, b->dx, l->k);
    if (!b->frozen)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, l->n, l->k, l->m, 1, b->y,
                    l->n, b->x, l->k, 1, b->dw, l->k);
    return now() - start;
}

static double rate(const struct bench *b)
{
    double seconds = 0, work = 0;
    for (int i = 0; i < b->n; i++) {
        const struct layer *l = &b->layer[i];
        seconds += l->count * run_layer(b, l);
        work += (b->frozen ? 4.0 : 6.0) * l->count * l->m * l->n * l->k;
    }
    return 1e-9 * work / seconds;
}

int main(int argc, char **argv)
{
    static struct bench b;
    int64_t repeats = 5;
    const struct cmd_opt table[] = {
        CMD_INT('r', "repeats", &repeats, 1, 1000, "R", "lines to print"),
        CMD_FLAG(0, "frozen", &b.frozen, "without the gradients of weights"),
        CMD_END
    };
    const struct cmd cmd = { "bench_gemm", "[OPTION…] M,N,K,COUNT…",
                             "the rate of sgemm on the products of a training step", table,
                             1, MAX_LAYER };
    struct tr_err err = { 0 };
    int n, i = cmd_parse(&cmd, argc, argv, &n);
    for (; b.n < n; b.n++) {
        struct layer *l = &b.layer[b.n];
        const char *s = argv[i + b.n];
        if (sscanf(s, "%d,%d,%d,%d", &l->m, &l->n, &l->k, &l->count) != 4 || l->m < 1 ||
            l->n < 1 || l->k < 1 || l->count < 1)
            cmd_usage(&cmd, "'%s' is not M,N,K,COUNT", s);
    }
    if (!allocate(&b, &err)) {
        rate(&b);
        for (int64_t r = 0; r < repeats; r++)
            printf("%.1f\n", rate(&b));
    }
    free(b.x);
    free(b.dx);
    free(b.w);
    free(b.dw);
    free(b.y);
    return cmd_end(err.code ? cmd_code(&err) : CMD_OK, &err);
}
