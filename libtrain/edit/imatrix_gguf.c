/* SPDX-License-Identifier: MIT
 *
 * The GGUF form of an importance matrix: for each weight NAME two tensors of f32,
 * NAME.in_sum2 (n_mat, row) and NAME.counts (n_mat, 1).  The reader of GGUF has checked all
 * lengths; here only the two must belong together.  Next: imatrix_read.c.
 */
#include <libtrain/edit/imatrix.h>

#include <stdio.h>
#include <stdlib.h>

static const char sums[] = ".in_sum2", counts[] = ".counts";

static int ends_with(const char *name, const char *end, size_t *stem)
{
    size_t n = strlen(name), m = strlen(end);
    *stem = n > m ? n - m : 0;
    return *stem && !strcmp(name + *stem, end);
}

/* The other tensor of a pair, or NULL. */
static const struct tr_gguf_tensor *partner(const struct tr_gguf *g, const char *name,
                                            size_t stem, const char *end)
{
    char other[128];
    int n = snprintf(other, sizeof other, "%.*s%s", (int)stem, name, end);
    return n > 0 && (size_t)n < sizeof other ? tr_gguf_find_tensor(g, other) : NULL;
}

static int add_pair(struct tr_imatrix *im, const struct tr_gguf_tensor *sum,
                    const struct tr_gguf_tensor *count, size_t stem, struct tr_err *err)
{
    int64_t n = tr_gguf_count(sum), n_mat = tr_gguf_count(count);
    if (sum->dtype != &tr_f32 || count->dtype != &tr_f32)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' is %s, or its counts are: "
                          "both must be F32", im->path, sum->name, sum->dtype->name);
    if (n % n_mat)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' has %lld numbers for %lld "
                          "counts", im->path, sum->name, (long long)n, (long long)n_mat);
    return tr__imatrix_add(im, &(struct tr__im_found){ { sum->name, stem }, n_mat, n / n_mat,
                                                       sum->data, count->data }, err);
}

static int read_tensor(struct tr_imatrix *im, const struct tr_gguf_tensor *t,
                       struct tr_err *err)
{
    size_t stem;
    int is_sum = ends_with(t->name, sums, &stem);
    if (!is_sum && !ends_with(t->name, counts, &stem))
        return 0;
    const struct tr_gguf_tensor *other = partner(im->g, t->name, stem,
                                                 is_sum ? counts : sums);
    if (!other)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' has no '%s' beside it",
                          im->path, t->name, is_sum ? counts : sums);
    return is_sum ? add_pair(im, t, other, stem, err) : 0;
}

/* Like llama-quantize, which refuses a file without any of the three keys. */
static int read_keys(struct tr_imatrix *im, struct tr_err *err)
{
    const struct tr_gguf_kv *names = NULL;
    const char *missing = NULL;
    uint64_t at = 0;
    int a = tr_gguf_array(im->g, "imatrix.datasets", TR_GGUF_STRING, &names, err);
    int b = tr_gguf_int(im->g, "imatrix.chunk_count", &im->info.n_chunk, err);
    int c = tr_gguf_int(im->g, "imatrix.chunk_size", &im->info.chunk_size, err);
    int rc = a < 0 ? a : b < 0 ? b : c < 0 ? c : 0;
    if (!rc)
        missing = !a ? "datasets" : !b ? "chunk_count" : !c ? "chunk_size" : NULL;
    if (missing)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' is %s, not an importance matrix: no key "
                        "imatrix.%s", im->path, tr_gguf_purpose(im->g), missing);
    for (uint64_t i = 0; !rc && i < names->count; i++)
        rc = tr__imatrix_add_dataset(im, tr_gguf_elem_string(names, &at), err);
    return rc;
}

int tr__imatrix_read_gguf(struct tr_imatrix *im, struct tr_err *err)
{
    if (!(im->g = tr_gguf_open(im->path, err)))
        return TR_EFORMAT;
    int rc = read_keys(im, err);
    for (size_t i = 0; !rc && i < tr_gguf_n_tensor(im->g); i++)
        rc = read_tensor(im, tr_gguf_tensor(im->g, i), err);
    if (!rc && !im->info.n_entry)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' has no sums (tensors NAME%s)", im->path, sums);
    return rc;
}
