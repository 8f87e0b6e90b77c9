/* SPDX-License-Identifier: MIT
 *
 * Sums of squares by tensor and column, and what is added to them from files.  Where counts
 * of matrices do not agree, since older files have one for all experts, they are made to as
 * llama-imatrix does it.  Next: imatrix_watch.c (from a model), imatrix_write.c.
 */
#include <libtrain/edit/imatrix.h>

#include <stdlib.h>

struct tr_imatrix_sums *tr_imatrix_sums_new(struct tr_err *err)
{
    struct tr_imatrix_sums *s = calloc(1, sizeof *s);
    if (!s)
        tr_err_set(err, TR_ENOMEM, "out of memory for an importance matrix");
    return s;
}

void tr_imatrix_sums_free(struct tr_imatrix_sums *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        free((void *)(uintptr_t)s->entry[i].name);
        free(s->entry[i].sum);
        free(s->entry[i].count);
    }
    for (size_t i = 0; i < s->n_dataset; i++)
        free(s->dataset[i]);
    free(s->entry);
    free(s->dataset);
    tr__names_release(&s->index);
    free(s);
}

int tr_imatrix_sums_error(const struct tr_imatrix_sums *s, struct tr_err *err)
{
    return s->err.code ? tr_err_set(err, s->err.code, "%s", s->err.text) : 0;
}

/* ---- entries ---------------------------------------------------------------------- */

static void no_memory(const char *name, struct tr_err *err)
{
    tr_err_set(err, TR_ENOMEM, "out of memory for the sums of '%s'", name);
}

static struct tr__im_sums *new_sums(struct tr_imatrix_sums *s, const char *name,
                                    int64_t n_mat, int64_t row, struct tr_err *err)
{
    if (tr__grow(&s->entry, &s->cap, s->n + 1, sizeof *s->entry)) {
        no_memory(name, err);
        return NULL;
    }
    struct tr__im_sums *e = &s->entry[s->n++];
    *e = (struct tr__im_sums){
        .name = strdup(name), .n_mat = n_mat, .row = row,
        .sum = calloc((size_t)(n_mat * row), sizeof *e->sum),
        .count = calloc((size_t)n_mat, sizeof *e->count),
    };
    if (e->name && e->sum && e->count &&
        tr__names_add(&s->index, s->entry, sizeof *s->entry) == 0)
        return e;
    no_memory(name, err);
    return NULL;
}

/* One count for each of n_mat matrices of what had one for all. */
static int spread(struct tr__im_sums *e, int64_t n_mat)
{
    double *count = malloc((size_t)n_mat * sizeof *count);
    if (!count)
        return -1;
    for (int64_t i = 0; i < n_mat; i++)
        count[i] = e->count[0];
    free(e->count);
    e->count = count;
    e->row = e->row * e->n_mat / n_mat;
    e->n_mat = n_mat;
    return 0;
}

static int all_equal(const struct tr__im_sums *e)
{
    for (int64_t i = 1; i < e->n_mat; i++)
        if (e->count[i] != e->count[0])
            return 0;
    return 1;
}

struct tr__im_sums *tr__imatrix_sums_of(struct tr_imatrix_sums *s, const char *name,
                                        int64_t n_mat, int64_t row, struct tr_err *err)
{
    size_t i = tr__names_find(&s->index, s->entry, sizeof *s->entry, name);
    if (i == TR__NO_NAME)
        return new_sums(s, name, n_mat, row, err);
    struct tr__im_sums *e = &s->entry[i];
    int fits = e->n_mat * e->row == n_mat * row &&
               (e->n_mat == n_mat || e->n_mat == 1 || (n_mat == 1 && all_equal(e)));
    if (!fits) {
        tr_err_set(err, TR_EMISMATCH, "sums of '%s' for %lld matrices of %lld columns do not "
                   "go with those there are, for %lld of %lld", name, (long long)n_mat,
                   (long long)row, (long long)e->n_mat, (long long)e->row);
        return NULL;
    }
    if (e->n_mat == 1 && n_mat > 1 && spread(e, n_mat)) {
        no_memory(name, err);
        return NULL;
    }
    return e;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tr__im_sums *)a)->name,
                  ((const struct tr__im_sums *)b)->name);
}

void tr__imatrix_sums_sort(struct tr_imatrix_sums *s)
{
    size_t n = s->n;
    if (n)
        qsort(s->entry, n, sizeof *s->entry, by_name);
    tr__names_release(&s->index);
    s->index = (struct tr__names){ 0 };
    while (s->index.n < n && !tr__names_add(&s->index, s->entry, sizeof *s->entry))
        ;
}

/* ---- from files ------------------------------------------------------------------- */

int tr_imatrix_sums_add_text(struct tr_imatrix_sums *s, const char *name, struct tr_err *err)
{
    char *copy = strdup(name);
    if (!copy || tr__grow(&s->dataset, &s->cap_dataset, s->n_dataset + 1,
                          sizeof *s->dataset)) {
        free(copy);
        return tr_err_set(err, TR_ENOMEM, "out of memory for the name of a text");
    }
    s->dataset[s->n_dataset++] = copy;
    return 0;
}

/* An old file has means times chunks, and one count; what it is added to may have more. */
static int add_entry(struct tr_imatrix_sums *s, const struct tr_imatrix *im,
                     const struct tr__im_entry *from, double factor, struct tr_err *err)
{
    int64_t n_mat = from->told.n_mat, row = from->told.row;
    size_t i = tr__names_find(&s->index, s->entry, sizeof *s->entry, from->name);
    if (im->old && i != TR__NO_NAME && s->entry[i].n_mat * s->entry[i].row == row) {
        n_mat = s->entry[i].n_mat;
        row = s->entry[i].row;
    }
    struct tr__im_sums *e = tr__imatrix_sums_of(s, from->name, n_mat, row, err);
    if (!e)
        return tr_err_prefix(err, "'%s'", im->path);
    for (int64_t j = 0; j < e->n_mat * e->row; j++)
        e->sum[j] += factor * (double)tr__imatrix_number(from->sum, j);
    for (int64_t j = 0; j < e->n_mat; j++)
        e->count[j] += factor * from->count[from->told.n_mat == e->n_mat ? j : 0];
    return 0;
}

int tr_imatrix_sums_add(struct tr_imatrix_sums *s, const struct tr_imatrix *im,
                        int64_t chunk_size, struct tr_err *err)
{
    double factor = im->old ? (double)chunk_size : 1;
    int rc = 0;
    for (size_t i = 0; !rc && i < im->info.n_entry; i++)
        rc = add_entry(s, im, &im->entry[i], factor, err);
    for (size_t i = 0; !rc && i < im->info.n_dataset; i++)
        rc = tr_imatrix_sums_add_text(s, im->dataset[i], err);
    return rc;
}
