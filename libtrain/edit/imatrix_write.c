/* SPDX-License-Identifier: MIT
 *
 * llama.cpp's GGUF form of an importance matrix: keys and tensors as llama-imatrix orders
 * them, so that a file of ours differs from one of its by roundings alone.  Next:
 * imatrix_gguf.c, which reads it.
 */
#include <libtrain/edit/imatrix.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char sums[] = "in_sum2", counts[] = "counts";

static double most_counted(const struct tr_imatrix_sums *s)
{
    double most = 0;
    for (size_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < s->entry[i].n_mat; j++)
            most = fmax(most, s->entry[i].count[j]);
    return most;
}

static int set_keys(struct tr_gguf_writer *w, const struct tr_imatrix_sums *s,
                    int64_t chunk_size, struct tr_err *err)
{
    struct tr_str *name = calloc(s->n_dataset + 1, sizeof *name);
    double n_chunk = floor(most_counted(s) / (double)chunk_size);
    if (!name)
        return tr_err_set(err, TR_ENOMEM, "out of memory for names of texts");
    for (size_t i = 0; i < s->n_dataset; i++)
        name[i] = (struct tr_str){ s->dataset[i], strlen(s->dataset[i]) };
    tr_gguf_set_string(w, "general.type", "imatrix");
    tr_gguf_set_strings(w, "imatrix.datasets", name, s->n_dataset);
    tr_gguf_set_u32(w, "imatrix.chunk_count", n_chunk < UINT32_MAX ? (uint32_t)n_chunk
                                                                   : UINT32_MAX);
    tr_gguf_set_u32(w, "imatrix.chunk_size", (uint32_t)chunk_size);
    free(name);
    return 0;
}

static int declare(struct tr_gguf_writer *w, const struct tr__im_sums *e, const char *part,
                   int64_t row, struct tr_err *err)
{
    char name[256];
    int64_t dim[] = { e->n_mat, row };
    int n = snprintf(name, sizeof name, "%s.%s", e->name, part);
    if (n < 0 || (size_t)n >= sizeof name)
        return tr_err_set(err, TR_EFORMAT, "'%s' is too long a name", e->name);
    if (e->n_mat > 1)
        tr_gguf_add_tensor(w, name, &tr_f32, 2, dim);
    else
        tr_gguf_add_tensor(w, name, &tr_f32, 1, dim + 1);
    return 0;
}

/* n numbers as f32. */
static int write_numbers(struct tr_gguf_writer *w, const char *name, const double *v,
                         int64_t n, struct tr_err *err)
{
    enum { PIECE = 1024 };
    float out[PIECE];
    int rc = 0;
    for (int64_t i = 0; !rc && i < n; i += PIECE) {
        int64_t k = n - i < PIECE ? n - i : PIECE;
        for (int64_t j = 0; j < k; j++) {
            out[j] = (float)v[i + j];
            if (!isfinite(out[j]))
                return tr_err_set(err, TR_EDIVERGED, "what goes into '%s' is not finite, or "
                                  "its sum too large", name);
        }
        rc = tr_gguf_write(w, out, k * (int64_t)sizeof *out, err);
    }
    return rc;
}

static int write_all(struct tr_gguf_writer *w, const struct tr_imatrix_sums *s,
                     struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < s->n; i++)
        if (!(rc = declare(w, &s->entry[i], sums, s->entry[i].row, err)))
            rc = declare(w, &s->entry[i], counts, 1, err);
    for (size_t i = 0; !rc && i < s->n; i++) {
        const struct tr__im_sums *e = &s->entry[i];
        if (!(rc = write_numbers(w, e->name, e->sum, e->n_mat * e->row, err)))
            rc = write_numbers(w, e->name, e->count, e->n_mat, err);
    }
    return rc;
}

int tr_imatrix_sums_write(struct tr_imatrix_sums *s, const char *path, int64_t chunk_size,
                          struct tr_err *err)
{
    if (!s->n)
        return tr_err_set(err, TR_EINVAL, "an importance matrix of nothing");
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return TR_EIO;
    tr__imatrix_sums_sort(s);
    int rc = set_keys(w, s, chunk_size, err);
    if (!rc)
        rc = write_all(w, s, err);
    return tr_gguf_finish(w, rc, err);
}
