/* SPDX-License-Identifier: MIT
 *
 * Tables with more rows than they had.  Rows stay in their bytes, whatever their type; a new
 * one is another's bytes, or the mean of all that stay, which were seen on the way.
 */
#include <libtrain/base/base.h>
#include <libtrain/edit/edit.h>
#include <libtrain/edit/grow.h>

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 };

/* Tensors with a row, or a number, for each token. */
static const char *const tables[] = {
    "token_embd.weight", "output.weight", "output.bias", "per_layer_token_embd.weight",
};

int tr__grows(const struct tr__grow_rows *r, const struct tr_gguf_tensor *t)
{
    for (size_t i = 0; r->old && i < sizeof tables / sizeof *tables; i++)
        if (!strcmp(t->name, tables[i]))
            return t->n_dim <= 2 && t->dim[0] == r->old;
    return 0;
}

static int64_t width_of(const struct tr_gguf_tensor *t)
{
    return t->n_dim > 1 ? t->dim[1] : 1;
}

static int64_t row_bytes(const struct tr_gguf_tensor *t)
{
    return width_of(t) / t->dtype->block * t->dtype->bytes;
}

int64_t tr__grown_shape(const struct tr__grow_rows *r, const struct tr_gguf_tensor *t,
                        int64_t dim[4])
{
    memcpy(dim, t->dim, 4 * sizeof *dim);
    if (!tr__grows(r, t))
        return t->bytes;
    dim[0] = r->rows;
    return r->rows * row_bytes(t);
}

int tr__grow_check(const struct tr__grow_rows *r, const struct tr_gguf *g,
                   struct tr_err *err)
{
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        if (tr__grows(r, t) && r->has_mean && (!t->dtype->from_f32 || !t->dtype->to_f32))
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is %s, a type that no "
                              "mean can be written in: name for each token one whose row it "
                              "begins as, and no multiple", tr_gguf_path(g), t->name,
                              t->dtype->name);
    }
    return 0;
}

/* ---- the mean --------------------------------------------------------------------- */

struct mean {
    double *sum; // (width)
    float *row;  // (width)
    void *packed;
};

static int mean_begin(struct mean *m, const struct tr_gguf_tensor *t)
{
    size_t n = (size_t)width_of(t);
    m->sum = calloc(n, sizeof *m->sum);
    m->row = malloc(n * sizeof *m->row);
    m->packed = malloc((size_t)row_bytes(t));
    return m->sum && m->row && m->packed ? 0 : -1;
}

static void mean_end(struct mean *m)
{
    free(m->sum);
    free(m->row);
    free(m->packed);
}

static void mean_add(struct mean *m, const struct tr_gguf_tensor *t, const char *row)
{
    int64_t n = width_of(t);
    t->dtype->to_f32(row, m->row, n);
    for (int64_t i = 0; i < n; i++)
        m->sum[i] += (double)m->row[i];
}

static void mean_pack(struct mean *m, const struct tr_gguf_tensor *t, int64_t rows)
{
    int64_t n = width_of(t);
    for (int64_t i = 0; i < n; i++)
        m->row[i] = (float)(m->sum[i] / (double)rows);
    t->dtype->from_f32(m->row, m->packed, n);
}

/* ---- the rows --------------------------------------------------------------------- */

static int copy_rows(const struct tr__grow_rows *r, struct tr_gguf_writer *w,
                     const struct tr_gguf *g, const struct tr_gguf_tensor *t,
                     struct mean *m, struct tr_err *err)
{
    int64_t bytes = row_bytes(t), step = PIECE / bytes > 0 ? PIECE / bytes : 1;
    for (int64_t i = 0; i < r->keep; i += step) {
        int64_t n = r->keep - i < step ? r->keep - i : step;
        const char *rows = (const char *)t->data + i * bytes;
        int rc = tr_gguf_write(w, rows, n * bytes, err);
        if (rc)
            return rc;
        for (int64_t k = 0; r->has_mean && k < n; k++)
            mean_add(m, t, rows + k * bytes);
        tr_gguf_forget(g, rows, n * bytes);
    }
    return 0;
}

int tr__grow_write(const struct tr__grow_rows *r, struct tr_gguf_writer *w,
                   const struct tr_gguf *g, const struct tr_gguf_tensor *t,
                   struct tr_err *err)
{
    struct mean m = { 0 };
    int64_t bytes = row_bytes(t);
    int rc = mean_begin(&m, t) ? tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a row "
                                            "of '%s'", tr_gguf_path(g), t->name)
                               : copy_rows(r, w, g, t, &m, err);
    if (!rc && r->has_mean)
        mean_pack(&m, t, r->keep);
    for (int64_t i = 0; !rc && i < r->rows - r->keep; i++) {
        const char *like = (const char *)t->data + r->from[i] * bytes;
        rc = tr_gguf_write(w, r->from[i] < 0 ? m.packed : like, bytes, err);
    }
    mean_end(&m);
    return rc;
}
