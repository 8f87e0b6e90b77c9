/* SPDX-License-Identifier: MIT
 *
 * Sums of squares of what goes into the weights of a model while it runs.  Which weights
 * count is llama-imatrix's choice: those of blocks, and the output matrix if it is asked
 * for.  Threads own columns, or experts, so a sum is made in the order of the rows however
 * many there are.  Next: imatrix_sums.c.
 */
#include <libtrain/edit/imatrix.h>
#include <libtrain/model.h>

#include <math.h>

enum { COLUMNS = 64 }; /* of a thread at once */

static int64_t row_of(const struct tr_inputs *in, int64_t i)
{
    return in->place ? in->place[i] / in->per_row : i;
}

/* Columns from j on, of rows from `begin` up to `end`. */
static void add_columns(const struct tr_inputs *in, int64_t begin, int64_t end, int64_t j,
                        int64_t n, double *sum)
{
    for (int64_t i = begin; i < end; i++) {
        const float *x = (const float *)in->x->data + row_of(in, i) * in->x->ld + j;
#pragma omp simd
        for (int64_t k = 0; k < n; k++)
            sum[j + k] += (double)x[k] * (double)x[k];
    }
}

static void add_all(const struct tr_inputs *in, struct tr__im_sums *e)
{
    int64_t rows = tr_tensor_rows(in->x), cols = tr_tensor_cols(in->x);
#pragma omp parallel for schedule(static)
    for (int64_t j = 0; j < cols; j += COLUMNS)
        add_columns(in, 0, rows, j, cols - j < COLUMNS ? cols - j : COLUMNS, e->sum);
    for (int64_t k = 0; k < e->n_mat; k++)
        e->count[k] += (double)rows;
}

static void add_by_expert(const struct tr_inputs *in, struct tr__im_sums *e)
{
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < e->n_mat; k++) {
        int64_t begin = in->first[k], end = in->first[k + 1];
        add_columns(in, begin, end, 0, e->row, e->sum + k * e->row);
        e->count[k] += (double)(end - begin);
    }
}

static void see(void *ctx, const struct tr_inputs *in)
{
    struct tr_imatrix_sums *s = ctx;
    int wanted = !strncmp(in->weight, "blk.", 4) ||
                 (s->output && !strcmp(in->weight, "output.weight"));
    if (!wanted || s->err.code)
        return;
    struct tr__im_sums *e = tr__imatrix_sums_of(s, in->weight, in->n_mat,
                                                tr_tensor_cols(in->x), &s->err);
    if (e && in->first)
        add_by_expert(in, e);
    else if (e)
        add_all(in, e);
}

void tr_imatrix_sums_watch(struct tr_imatrix_sums *s, struct tr_model *m, int output)
{
    s->output = output;
    tr_model_watch(m, &(struct tr_watch){ .at = see, .ctx = s });
}
