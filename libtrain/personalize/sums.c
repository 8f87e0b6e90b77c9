/* SPDX-License-Identifier: MIT
 *
 * Sums over the rows of a layer, batch by batch.  Next: fit.c, what is made of them.
 */
#include <libtrain/matmul/matmul.h>
#include <libtrain/personalize/personal.h>

#include <stdlib.h>

int tr__normal_new(struct tr__normal *x, int64_t n_in, int64_t n_out, struct tr_err *err)
{
    *x = (struct tr__normal){ .c = calloc((size_t)(n_in * n_in), sizeof *x->c),
                              .k = calloc((size_t)(n_in * n_out), sizeof *x->k) };
    return x->c && x->k ? 0
                        : tr_err_set(err, TR_ENOMEM, "out of memory for sums over %lld inputs",
                                     (long long)n_in);
}

void tr__normal_release(struct tr__normal *x)
{
    free(x->c);
    free(x->k);
    *x = (struct tr__normal){ 0 };
}

void tr__normal_add(struct tr__normal *to, const struct tr__layer_rows *r)
{
    for (int64_t i = 0; i < r->rows * r->n_out; i++)
        to->square += (double)r->want[i] * (double)r->want[i];
    to->n += (double)r->rows;
    tr__gram_f32(r->rows, r->n_in, r->x, r->ldx, to->c);
    tr__gemm_f32(&(struct tr__gemm){ 1, 0, r->n_out, r->n_in, r->rows, r->n_out, r->ldx,
                                     r->n_in, 1, 1 }, r->want, r->x, to->k);
}
