/* SPDX-License-Identifier: MIT
 *
 * How importance is spread over the columns of each tensor: what llama-imatrix shows of a
 * file, in f64.  Next: imatrix_sums.c.
 */
#include <libtrain/edit/imatrix.h>

#include <math.h>
#include <stdio.h>

/* The mean of column j of matrix i, or below 0 where nothing came to it. */
static double mean_at(const struct tr__im_sums *e, int64_t i, int64_t j)
{
    return e->count[i] > 0 ? e->sum[i * e->row + j] / e->count[i] : -1;
}

static void spread_of(const struct tr__im_sums *e, struct tr_imatrix_stats *out)
{
    double squares = 0, active = 0;
    out->min = INFINITY;
    for (int64_t i = 0; i < e->n_mat; i++)
        for (int64_t j = 0; j < e->row && e->count[i] > 0; j++) {
            double a = mean_at(e, i, j);
            out->sum += a;
            squares += a * a;
            out->min = fmin(out->min, a);
            out->max = fmax(out->max, a);
            active += a > 1e-5;
            out->n++;
        }
    if (!out->n)
        return;
    out->mean = out->sum / (double)out->n;
    out->deviation = sqrt(fmax(0, squares / (double)out->n - out->mean * out->mean));
    out->active = active / (double)out->n;
}

static void shape_of(const struct tr__im_sums *e, struct tr_imatrix_stats *out)
{
    double above = 0;
    for (int64_t i = 0; i < e->n_mat; i++)
        for (int64_t j = 0; j < e->row && e->count[i] > 0; j++) {
            double a = mean_at(e, i, j), p = out->sum > 0 ? a / out->sum : 0;
            out->entropy -= p > 0 ? p * log2(p) : 0;
            above += out->deviation > 0 && (a - out->mean) / out->deviation > 1;
        }
    out->outlying = out->n ? above / (double)out->n : 0;
}

static double cosine(const struct tr__im_sums *a, const struct tr__im_sums *b)
{
    double ab = 0, aa = 0, bb = 0;
    if (a->n_mat * a->row != b->n_mat * b->row)
        return 0;
    for (int64_t i = 0; i < a->n_mat * a->row; i++) {
        ab += a->sum[i] * b->sum[i];
        aa += a->sum[i] * a->sum[i];
        bb += b->sum[i] * b->sum[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static double similarity(const struct tr_imatrix_sums *s, const struct tr__im_sums *e)
{
    char name[256];
    const char *rest;
    int64_t block = tr_gguf_block(e->name, &rest);
    if (block < 1)
        return 0;
    int n = snprintf(name, sizeof name, "blk.%lld.%s", (long long)block - 1, rest);
    size_t i = n > 0 && (size_t)n < sizeof name
                   ? tr__names_find(&s->index, s->entry, sizeof *s->entry, name) : TR__NO_NAME;
    return i == TR__NO_NAME ? 0 : cosine(e, &s->entry[i]);
}

static int64_t n_idle(const struct tr__im_sums *e)
{
    int64_t n = 0;
    for (int64_t j = 0; j < e->n_mat; j++)
        n += !(e->count[j] > 0);
    return n;
}

int64_t tr_imatrix_sums_idle(const struct tr_imatrix_sums *s, int64_t *n_tensor)
{
    int64_t all = 0;
    *n_tensor = 0;
    for (size_t i = 0; i < s->n; i++) {
        int64_t n = n_idle(&s->entry[i]);
        all += n;
        *n_tensor += n > 0;
    }
    return all;
}

int tr_imatrix_sums_stats(struct tr_imatrix_sums *s, size_t i, struct tr_imatrix_stats *out)
{
    if (i == 0)
        tr__imatrix_sums_sort(s);
    if (i >= s->n)
        return 0;
    const struct tr__im_sums *e = &s->entry[i];
    *out = (struct tr_imatrix_stats){ .name = e->name, .n_mat = e->n_mat,
                                      .n_idle = n_idle(e) };
    spread_of(e, out);
    shape_of(e, out);
    out->similarity = similarity(s, e);
    return 1;
}
