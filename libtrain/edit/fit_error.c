/* SPDX-License-Identifier: MIT
 *
 * The error that a tensor would have in a type: some of its rows, evenly spread, are packed
 * and unpacked.  An error in a column counts by the mean square of that column's inputs,
 * so that the sum is what the outputs of the matrix are off by, squared, of one input.
 * Next: fit.c.
 */
#include <libtrain/edit/fit.h>

#include <math.h>
#include <stdlib.h>

/* Numbers of a sample, and rows that it has at least. */
enum { NUMBERS = 1 << 16, ROWS = 16 };

static int64_t n_rows(const struct tr_gguf_tensor *t)
{
    return tr_gguf_count(t) / tr_gguf_row(t);
}

static void take_row(struct tr__sample *s, int64_t i, const float *weight)
{
    const struct tr_gguf_tensor *t = s->of;
    int64_t at = i * n_rows(t) / s->n, matrix = t->n_dim > 1 ? t->dim[t->n_dim - 2] : 1;
    int64_t bytes = s->row / t->dtype->block * t->dtype->bytes;
    t->dtype->to_f32((const char *)t->data + at * bytes, s->x + i * s->row, s->row);
    s->weight[i] = weight ? weight + at / matrix * s->row : NULL;
}

int tr__sample_take(struct tr__sample *s, const struct tr_gguf_tensor *t,
                    const float *weight, double usual, struct tr_err *err)
{
    int64_t row = tr_gguf_row(t), n = NUMBERS / row > ROWS ? NUMBERS / row : ROWS;
    *s = (struct tr__sample){ .of = t, .n = n < n_rows(t) ? n : n_rows(t), .row = row,
                              .usual = usual };
    size_t numbers = (size_t)(s->n * row);
    s->x = malloc(numbers * sizeof *s->x);
    s->back = malloc(numbers * sizeof *s->back);
    s->packed = malloc(numbers * sizeof(float));
    s->weight = malloc((size_t)s->n * sizeof *s->weight);
    s->error = malloc((size_t)s->n * sizeof *s->error);
    if (!s->x || !s->back || !s->packed || !s->weight || !s->error)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu numbers of tensor '%s'",
                          numbers, t->name);
    for (int64_t i = 0; i < s->n; i++)
        take_row(s, i, weight);
    return 0;
}

void tr__sample_free(struct tr__sample *s)
{
    free(s->x);
    free(s->back);
    free(s->packed);
    free(s->weight);
    free(s->error);
}

static double of_row(const struct tr__sample *s, const struct tr_dtype *type, int64_t i)
{
    const float *x = s->x + i * s->row, *w = s->weight[i];
    float *back = s->back + i * s->row;
    char *packed = (char *)s->packed + i * s->row / type->block * type->bytes;
    double sum = 0;
    if (w && type->from_f32_by)
        type->from_f32_by(x, w, packed, s->row);
    else
        type->from_f32(x, packed, s->row);
    type->to_f32(packed, back, s->row);
    for (int64_t j = 0; j < s->row; j++) {
        double d = (double)x[j] - (double)back[j];
        sum += d * d * (w ? (double)w[j] : s->usual);
    }
    return sum;
}

/* Added in the order of the rows, so that the sum does not depend on the threads. */
double tr__sample_error(struct tr__sample *s, const struct tr_dtype *type)
{
    double sum = 0;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < s->n; i++)
        s->error[i] = of_row(s, type, i);
    for (int64_t i = 0; i < s->n; i++)
        sum += s->error[i];
    return isfinite(sum) ? sum * ((double)n_rows(s->of) / (double)s->n) : (double)INFINITY;
}
