/* SPDX-License-Identifier: MIT
 *
 * bench_gemm - the rate of the matrix products of a training step.
 *
 *   bench_gemm [--type NAME] [--frozen | --forward] [--repeats R] M,N,K,COUNT…
 *
 * Each operand is a linear layer: M rows of x (M, K) times w (N, K), COUNT times a step.
 * Measured are y = x w^T, dx = dy w and dw = dy^T x, with --frozen the first two, with
 * --forward the first.  Every product runs once a repeat and its time counts COUNT times,
 * so the rate is that of the whole step.  Prints GF/s (2 M N K operations a product), a line a repeat; a first repeat,
 * which touches the memory, is not printed.
 *
 * f32 is OpenBLAS's sgemm; bf16 (into f32) and s8 (into s32, dw in bf16) are oneDNN's, of
 * whole weights.
 */
#include "../cmds/shared/common.h"

#include <libtrain/machine.h>
#include <libtrain/matmul/dnnl.h>

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_LAYER = 64 };
enum { FORWARD, BACKWARD_X, BACKWARD_W, N_PRODUCT };
enum { F32, BF16, S8 };

struct product { /* c (m, n) = op(a) op(b) */
    int m, n, k, trans_a, trans_b;
};

struct layer {
    int count;
    struct product product[N_PRODUCT];
};

struct bench {
    struct layer layer[MAX_LAYER];
    int n, n_product, type;
    void *a, *b, *c; /* large enough for every product */
};

/* Small numbers as f32; as bf16 or s8 they are some others, none of them a NaN. */
static void *numbers(size_t n)
{
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)(i * 7919 % 2003) * 0.0009765625f - 1.0f;
    return x;
}

static int read_layer(struct layer *l, const char *s)
{
    int m, n, k;
    char end;
    if (sscanf(s, "%d,%d,%d,%d%c", &m, &n, &k, &l->count, &end) != 4 || m < 1 || n < 1 ||
        k < 1 || l->count < 1)
        return -1;
    l->product[FORWARD] = (struct product){ m, n, k, 0, 1 };
    l->product[BACKWARD_X] = (struct product){ m, k, n, 0, 0 };
    l->product[BACKWARD_W] = (struct product){ n, k, m, 1, 0 };
    return 0;
}

static int allocate(struct bench *b, struct tr_err *err)
{
    size_t na = 0, nb = 0, nc = 0;
    for (int i = 0; i < b->n; i++)
        for (int j = 0; j < b->n_product; j++) {
            const struct product *p = &b->layer[i].product[j];
            size_t m = (size_t)p->m, n = (size_t)p->n, k = (size_t)p->k;
            na = m * k > na ? m * k : na;
            nb = n * k > nb ? n * k : nb;
            nc = m * n > nc ? m * n : nc;
        }
    b->a = numbers(na);
    b->b = numbers(nb);
    b->c = numbers(nc);
    if (!b->a || !b->b || !b->c)
        return tr_err_sys(err, "cannot hold the matrices");
    return 0;
}

static void sgemm(const struct bench *b, const struct product *p)
{
    cblas_sgemm(CblasRowMajor, p->trans_a ? CblasTrans : CblasNoTrans,
                p->trans_b ? CblasTrans : CblasNoTrans, p->m, p->n, p->k, 1, b->a,
                p->trans_a ? p->m : p->k, b->b, p->trans_b ? p->k : p->n,
                0, b->c, p->n);
}

static void onednn(const struct bench *b, const struct product *p)
{
    int is_s8 = b->type == S8 && !p->trans_a;
    tr__dnnl_multiply(&(struct tr__dnnl_product){ .type = is_s8 ? TR__DNNL_S8 : TR__DNNL_BF16,
                          .ta = p->trans_a, .tb = p->trans_b, .m = p->m, .n = p->n, .k = p->k,
                          .lda = p->trans_a ? p->m : p->k, .ldb = p->trans_b ? p->k : p->n,
                          .ldc = p->n },
                      b->a, b->b, b->c, NULL);
}

static double rate(const struct bench *b)
{
    double seconds = 0, work = 0;
    for (int i = 0; i < b->n; i++)
        for (int j = 0; j < b->n_product; j++) {
            const struct layer *l = &b->layer[i];
            const struct product *p = &l->product[j];
            double start = tr_machine_seconds();
            (b->type == F32 ? sgemm : onednn)(b, p);
            seconds += l->count * (tr_machine_seconds() - start);
            work += 2.0 * l->count * p->m * p->n * p->k;
        }
    return 1e-9 * work / seconds;
}

static void release(struct bench *b)
{
    free(b->a);
    free(b->b);
    free(b->c);
}

static const char *type_name(int i)
{
    static const char *const types[] = { "f32", "bf16", "s8", NULL };
    return types[i];
}

int main(int argc, char **argv)
{
    static struct bench b;
    int64_t repeats = 5;
    int frozen = 0, forward = 0;
    const struct cmd_opt table[] = {
        CMD_CHOICE(0, "type", &b.type, type_name, "NAME", "of the operands"),
        CMD_INT('r', "repeats", &repeats, 1, 1000, "R", "lines to print"),
        CMD_FLAG(0, "frozen", &frozen, "without the gradients of weights"),
        CMD_FLAG(0, "forward", &forward, "without any gradients"),
        CMD_END
    };
    const struct cmd cmd = { "bench_gemm", "[OPTION…] M,N,K,COUNT…",
                             "the rate of the matrix products of a training step", table,
                             1, MAX_LAYER, NULL };
    struct tr_err err = { 0 };
    int n;
    char **layer = cmd_parse(&cmd, argc, argv, &n);
    for (; b.n < n; b.n++)
        if (read_layer(&b.layer[b.n], layer[b.n]))
            cmd_usage(&cmd, "'%s' is not M,N,K,COUNT", layer[b.n]);
    b.n_product = forward ? BACKWARD_X : frozen ? BACKWARD_W : N_PRODUCT;
    if (b.type != F32 && !tr__dnnl_open(&err))
        cmd_say("%s products of oneDNN %s", type_name(b.type), tr__dnnl_version());
    if (!err.code && !allocate(&b, &err)) {
        rate(&b);
        for (int64_t r = 0; r < repeats; r++)
            printf("%.1f\n", rate(&b));
    }
    release(&b);
    return cmd_end(err.code ? cmd_code(&err) : CMD_OK, &err);
}
