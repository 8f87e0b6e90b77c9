/* SPDX-License-Identifier: MIT
 *
 * What a merge does: w + scale * b a, a piece of rows at a time, in f32.
 */
#include <libtrain/lora/pair.h>

#include <cblas.h>
#include <string.h>

/* w (n, width) += scale * a (n, rank) b^T, b (width, rank): rows of the token table */
static void add_table_rows(const struct tr_lora_pair *p, float scale, int64_t r0, int64_t n,
                           float *w)
{
    int64_t width = tr_tensor_rows(&p->b);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)width, p->rank, scale,
                (const float *)p->a.data + r0 * p->rank, p->rank, p->b.data, p->rank, 1, w,
                (int)width);
}

/* w (n, n_in) += scale * b (n, rank) a (rank, n_in) */
static void add_rows(float scale, const float *a, const float *b, int rank, int n_in,
                     int64_t n, float *w)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, n_in, rank, scale, b,
                rank, a, n_in, 1, w, n_in);
}

/* Those of rows r0 … r0 + n - 1 that gain something. */
static void add_gains(const struct tr_lora_pair *p, float scale, int64_t r0, int64_t n,
                      float *w)
{
    int64_t width = tr_tensor_cols(&p->a), last = p->first + p->rows;
    int64_t from = r0 > p->first ? r0 : p->first, to = r0 + n < last ? r0 + n : last;
    for (int64_t r = from; r < to; r++) {
        const float *a = (const float *)p->a.data + (r - p->first) * width;
        for (int64_t j = 0; j < width; j++)
            w[(r - r0) * width + j] += scale * a[j];
    }
}

static void add_pair(const struct tr_lora_pair *p, const float *a, const float *b,
                     float scale, int64_t r0, int64_t n, float *w)
{
    int64_t n_in = tr_tensor_cols(&p->a), n_out = p->b.dim[p->b.n_dim - 2];
    while (n > 0) { /* the rows may be those of several experts */
        int64_t left = n_out - r0 % n_out, rows = n < left ? n : left;
        add_rows(scale, a + r0 / n_out * p->rank * n_in, b + r0 * p->rank, p->rank,
                 (int)n_in, rows, w);
        r0 += rows;
        n -= rows;
        w += rows * n_in;
    }
}

void tr_lora_add_to(const struct tr_lora *l, const char *name, float user_scale, int64_t r0,
                    int64_t n, float *w)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct tr_lora_pair *p = &l->pair[i];
        float scale = tr__lora_scale(l, p, user_scale);
        if (strcmp(p->name, name))
            continue;
        if (p->rows)
            add_gains(p, scale, r0, n, w);
        else if (p->table)
            add_table_rows(p, scale, r0, n, w);
        else
            add_pair(p, p->a.data, p->b.data, scale, r0, n, w);
        if (p->a0.name)
            add_pair(p, p->a0.data, p->b0.data, -scale, r0, n, w);
    }
}
