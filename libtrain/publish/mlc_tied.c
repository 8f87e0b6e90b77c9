/* SPDX-License-Identifier: MIT
 *
 * A token table that is the output matrix too, but lies in the file twice, in two types: a
 * library that was compiled for one matrix has no place for the other.  That they are the same
 * is seen by their rows.
 */
#include <libtrain/publish/mlc_weights.h>

#include <stdlib.h>

enum { LOOK_AT = 16 }; /* rows */

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

/* Rounding to five bits changes numbers by some hundredths; other numbers are other by more
 * than themselves. */
static int are_near(const struct tr_gguf_tensor *a, const struct tr_gguf_tensor *b, float *x,
                    float *y)
{
    double error = 0, power = 0;
    for (int64_t i = 0; i < LOOK_AT; i++) {
        int64_t row = (a->dim[0] - 1) * i / (LOOK_AT - 1);
        unpack(a, row, x);
        unpack(b, row, y);
        for (int64_t k = 0; k < a->dim[1]; k++) {
            error += ((double)x[k] - (double)y[k]) * ((double)x[k] - (double)y[k]);
            power += (double)x[k] * (double)x[k];
        }
    }
    return error < power / 10;
}

int tr__mlc_looks_tied(const struct tr_gguf *g)
{
    const struct tr_gguf_tensor *a = table_of(g), *b = output_of(g);
    if (!a || !b || a->n_dim != 2 || !tr_gguf_has_shape(b, 2, a->dim) || !a->dtype->to_f32 ||
        !b->dtype->to_f32)
        return 0;
    float *x = malloc(2 * (size_t)a->dim[1] * sizeof *x);
    int near = x && are_near(a, b, x, x + a->dim[1]);
    free(x);
    return near;
}
