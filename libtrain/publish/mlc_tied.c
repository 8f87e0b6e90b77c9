/* SPDX-License-Identifier: MIT
 *
 * A token table that is the output matrix too, but lies in the file twice, in two types: a
 * library that was compiled for one matrix has no place for the other.  That they are the same
 * is seen by their rows.
 */
#include <libtrain/publish/mlc_weights.h>

#include <stdlib.h>

static const struct tr_gguf_tensor *table_of(const struct tr_gguf *g)
{
    return tr_gguf_find_tensor(g, "token_embd.weight");
}

static const struct tr_gguf_tensor *output_of(const struct tr_gguf *g)
{
    return tr_gguf_find_tensor(g, "output.weight");
}

const struct tr_gguf_tensor *tr__mlc_finer(const struct tr_gguf *g)
{
    const struct tr_gguf_tensor *table = table_of(g), *output = output_of(g);
    return output && table && output->bytes > table->bytes ? output : table;
}

static void unpack(const struct tr_gguf_tensor *t, int64_t row, float *to)
{
    t->dtype->to_f32((const char *)t->data + t->bytes / t->dim[0] * row, to, t->dim[1]);
}

/* What rounding may change, as a share of a row's sum of squares: that of the coarser type.  Two
 * to six bits change numbers by hundredths; other numbers are other by more than themselves. */
static double share_of(const struct tr_gguf_tensor *a, const struct tr_gguf_tensor *b)
{
    static const struct {
        double bits, share;
    } most[] = { { 32, 0 }, { 16, 1e-5 }, { 8, 1e-3 }, { 0, 0.25 } };
    const struct tr_gguf_tensor *x = a->bytes < b->bytes ? a : b;
    int i = 0;
    while (8.0 * x->dtype->bytes / x->dtype->block < most[i].bits)
        i++;
    return most[i].share;
}

static int is_near(const float *x, const float *y, int64_t n, double share)
{
    double error = 0, power = 0;
    for (int64_t k = 0; k < n; k++) {
        error += ((double)x[k] - (double)y[k]) * ((double)x[k] - (double)y[k]);
        power += (double)x[k] * (double)x[k];
    }
    return error <= power * share;
}

int tr__mlc_looks_tied(const struct tr_gguf *g)
{
    const struct tr_gguf_tensor *a = table_of(g), *b = output_of(g);
    if (!a || !b || a->n_dim != 2 || !tr_gguf_has_shape(b, 2, a->dim) || !a->dtype->to_f32 ||
        !b->dtype->to_f32)
        return 0;
    int64_t n = a->dim[1];
    float *x = malloc(2 * (size_t)n * sizeof *x);
    int near = x != NULL;
    for (int64_t row = 0; near && row < a->dim[0]; row++) {
        unpack(a, row, x);
        unpack(b, row, x + n);
        near = is_near(x, x + n, n, share_of(a, b));
    }
    free(x);
    return near;
}
