/* SPDX-License-Identifier: MIT
 *
 * Describing numbers that lie elsewhere; what the parts of the description mean to the tape
 * is in tensor.h.
 */
#include <libtrain/tensor.h>

#include <string.h>

struct tr_tensor tr_tensor_make(const char *name, const struct tr_dtype *dtype, int n_dim,
                                const int64_t *dim, void *data)
{
    struct tr_tensor t = { .name = name, .dtype = dtype, .n_dim = n_dim, .data = data,
                           .kept = 1, .i_segment = -1 };
    for (int i = 0; i < TR_MAX_DIM; i++)
        t.dim[i] = i < n_dim ? dim[i] : 1;
    t.ld = t.dim[n_dim - 1];
    return t;
}

void tr_tensor_settle_grad(struct tr_tensor *t)
{
    enum { STRIP = 1 << 16 };
    if (!t->grad_empty || !t->grad)
        return;
    int64_t n = tr_tensor_count(t);
#pragma omp parallel for schedule(static) if (n > STRIP)
    for (int64_t i = 0; i < n; i += STRIP)
        memset(t->grad + i, 0, (size_t)(n - i < STRIP ? n - i : STRIP) * sizeof *t->grad);
    t->grad_empty = 0;
}

int64_t tr_tensor_count(const struct tr_tensor *t)
{
    int64_t count = 1;
    for (int i = 0; i < t->n_dim; i++)
        count *= t->dim[i];
    return count;
}

int64_t tr_tensor_cols(const struct tr_tensor *t)
{
    return t->dim[t->n_dim - 1];
}

int64_t tr_tensor_rows(const struct tr_tensor *t)
{
    int64_t rows = 1;
    for (int i = 0; i < t->n_dim - 1; i++)
        rows *= t->dim[i];
    return rows;
}
