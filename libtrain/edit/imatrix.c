/* SPDX-License-Identifier: MIT
 *
 * Importance matrices in memory.  The file stays mapped, and what is kept of it are the
 * means, as llama-quantize makes them of either form: a sum divided by its count, and 1
 * for an expert that no text came to.  Next: imatrix_gguf.c, imatrix_old.c.
 */
#include <libtrain/edit/imatrix.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static int no_memory(const struct tr_imatrix *im, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its means", im->path);
}

/* ---- entries ---------------------------------------------------------------------- */

static int set_counts(const struct tr_imatrix *im, struct tr__im_entry *e, const void *count,
                      struct tr_err *err)
{
    for (int64_t i = 0; i < e->told.n_mat; i++) {
        float n = tr__imatrix_number(count, i);
        if (!(n >= 0) || !isfinite(n))
            return tr_err_set(err, TR_EFORMAT, "'%s': '%s': count %lld is %g", im->path,
                              e->name, (long long)i, (double)n);
        e->count[i] = rint((double)n);
    }
    return 0;
}

static int set_means(const struct tr_imatrix *im, struct tr__im_entry *e, struct tr_err *err)
{
    for (int64_t i = 0; i < e->told.n_mat * e->told.row; i++) {
        float sum = tr__imatrix_number(e->sum, i);
        float n = (float)e->count[i / e->told.row];
        if (!(sum >= 0) || !isfinite(sum))
            return tr_err_set(err, TR_EFORMAT, "'%s': '%s': number %lld is %g, which no sum "
                              "of squares can be", im->path, e->name, (long long)i,
                              (double)sum);
        e->mean[i] = n > 0 ? sum / n : im->old ? sum : 1;
    }
    return 0;
}

/* Memory of its own for everything that the next entry has; the names still lack it. */
static struct tr__im_entry *new_entry(struct tr_imatrix *im, const struct tr__im_found *f)
{
    if (tr__grow(&im->entry, &im->cap, im->info.n_entry + 1, sizeof *im->entry))
        return NULL;
    struct tr__im_entry *e = &im->entry[im->info.n_entry++];
    *e = (struct tr__im_entry){
        .name = strndup(f->name.ptr, f->name.len),
        .sum = f->sum,
        .mean = calloc((size_t)(f->n_mat * f->row), sizeof *e->mean),
        .count = calloc((size_t)f->n_mat, sizeof *e->count),
    };
    e->told = (struct tr_imatrix_entry){ e->name, f->n_mat, f->row, e->mean, e->count };
    return e->name && e->mean && e->count ? e : NULL;
}

int tr__imatrix_add(struct tr_imatrix *im, const struct tr__im_found *f, struct tr_err *err)
{
    struct tr__im_entry *e = new_entry(im, f);
    int twice = e ? tr__names_add(&im->index, im->entry, sizeof *im->entry) : -1;
    if (twice < 0)
        return no_memory(im, err);
    if (twice)
        return tr_err_set(err, TR_EFORMAT, "'%s': '%s' comes twice", im->path, e->name);
    int rc = set_counts(im, e, f->count, err);
    return rc ? rc : set_means(im, e, err);
}

int tr__imatrix_add_dataset(struct tr_imatrix *im, struct tr_str name, struct tr_err *err)
{
    if (tr__grow(&im->dataset, &im->cap_dataset, im->info.n_dataset + 1, sizeof *im->dataset))
        return no_memory(im, err);
    char *copy = strndup(name.ptr, name.len);
    if (!copy)
        return no_memory(im, err);
    im->dataset[im->info.n_dataset++] = copy;
    im->info.dataset = (const char *const *)im->dataset;
    return 0;
}

/* ---- ends ------------------------------------------------------------------------- */

void tr__imatrix_unmap(struct tr_imatrix *im)
{
    if (im->map)
        tr__unmap_file(im->map, im->map_bytes, im->note);
    im->map = NULL;
}

void tr_imatrix_close(struct tr_imatrix *im)
{
    int saved = errno;
    if (!im)
        return;
    for (size_t i = 0; i < im->info.n_entry; i++) {
        free((void *)(uintptr_t)im->entry[i].name);
        free(im->entry[i].mean);
        free(im->entry[i].count);
    }
    for (size_t i = 0; i < im->info.n_dataset; i++)
        free(im->dataset[i]);
    free(im->entry);
    free(im->dataset);
    tr__names_release(&im->index);
    tr_gguf_close(im->g);
    tr__imatrix_unmap(im);
    free(im->path);
    free(im);
    errno = saved;
}

/* ---- questions -------------------------------------------------------------------- */

const struct tr_imatrix_info *tr_imatrix_info(const struct tr_imatrix *im)
{
    return &im->info;
}

const struct tr_imatrix_entry *tr_imatrix_at(const struct tr_imatrix *im, size_t i)
{
    return i < im->info.n_entry ? &im->entry[i].told : NULL;
}

const float *tr_imatrix_find(const struct tr_imatrix *im, const char *tensor, int64_t row,
                             int64_t n_mat, struct tr_err *err)
{
    size_t i = tr__names_find(&im->index, im->entry, sizeof *im->entry, tensor);
    if (i == TR__NO_NAME)
        return NULL;
    const struct tr_imatrix_entry *e = &im->entry[i].told;
    if (e->row * e->n_mat == row * n_mat)
        return e->mean;
    tr_err_set(err, TR_EMISMATCH, "'%s': '%s' has %lld numbers, but the tensor has %lld "
               "matrices of %lld columns: it was made with another model", im->path, tensor,
               (long long)(e->row * e->n_mat), (long long)n_mat, (long long)row);
    return NULL;
}
