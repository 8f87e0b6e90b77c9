/* SPDX-License-Identifier: MIT
 *
 * Rows of a folder's tensor, from wherever GGUF has them, in the type of the folder.  The
 * tables say for a row of GGUF where it goes; here the question is turned round, once for a
 * tensor.  Rows are gathered as they are packed, so unpacking is one parallel loop.
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/export.h>

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 }; /* numbers */

static int no_memory(const struct tr__hf_rows *r, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for tensor '%s'", r->of->name);
}

static const struct tr__hf_how *how_of(const struct tr__hf_rows *r)
{
    static const struct tr__hf_how as_is;
    const struct tr__hf_how *how = r->of->share[0].place.name->how;
    return how ? how : &as_is;
}

static int is_turned(const struct tr__hf_rows *r)
{
    return how_of(r)->transposed && r->of->n_dim >= 2;
}

/* ---- where rows are --------------------------------------------------------------- */

/* Columns of several are columns of one: each row is put together. */
static int is_woven(const struct tr__hf_rows *r)
{
    return r->of->n > 1 && tr__hf_moves_columns(r->of->share[0].place.name);
}

static int map_rows(struct tr__hf_rows *r, struct tr_err *err)
{
    const struct tr__hf_given *v = r->of;
    if (!(r->source = malloc((size_t)v->in_rows * sizeof *r->source)))
        return no_memory(r, err);
    for (int64_t i = 0; i < v->in_rows; i++)
        r->source[i] = -1;
    for (size_t s = 0; s < v->n; s++) {
        int64_t n = v->share[s].n * tr_gguf_row(v->share[s].from) / v->in_columns;
        for (int64_t i = 0; i < n; i++) {
            int64_t at = tr__hf_row(&v->share[s].place, i);
            if (at < 0 || at >= v->in_rows || r->source[at] >= 0)
                return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s' of a shape whose rows "
                                  "have no place in '%s'", v->share[s].from->name, v->name);
            r->source[at] = i * (int64_t)v->n + (int64_t)s;
        }
    }
    return 0;
}

/* Bytes of the row, and in which share it is. */
static const char *row_at(const struct tr__hf_rows *r, int64_t row,
                          const struct tr_dtype **of)
{
    const struct tr__hf_given *v = r->of;
    int64_t code = r->source ? r->source[row] : row, n = r->source ? (int64_t)v->n : 1;
    const struct tr__hf_share *s = &v->share[code % n];
    const struct tr_dtype *d = s->from->dtype;
    int64_t number = s->first * tr_gguf_row(s->from) + code / n * v->in_columns;
    *of = d;
    return (const char *)s->from->data + number / d->block * d->bytes;
}

/* ---- numbers ---------------------------------------------------------------------- */

static int bad_numbers(const struct tr__hf_rows *r, int bad, struct tr_err *err)
{
    const char *name = r->of->share[0].from->name;
    if (bad & TR_CONVERT_NO_MEMORY)
        return no_memory(r, err);
    if (bad & TR_CONVERT_BAD_SRC)
        return tr_err_set(err, TR_EFORMAT, "tensor '%s' holds a NaN or an infinity", name);
    return tr_err_set(err, TR_EFORMAT, "tensor '%s' holds a number too large for %s", name,
                      r->type->name);
}

/* n packed numbers to `to`, in the folder's type, each changed if the family says so. */
static int convert(struct tr__hf_rows *r, const struct tr_dtype *from, const void *src,
                   int64_t n, void *to, struct tr_err *err)
{
    float (*change)(float) = how_of(r)->to_hf;
    int bad;
    if (!change) {
        bad = tr_convert(from, src, r->type, to, n);
        return bad ? bad_numbers(r, bad, err) : 0;
    }
    if ((bad = tr_convert(from, src, &tr_f32, r->f32, n)))
        return bad_numbers(r, bad, err);
    for (int64_t i = 0; i < n; i++)
        r->f32[i] = change(r->f32[i]);
    bad = tr_convert(&tr_f32, r->f32, r->type, to, n);
    return bad ? bad_numbers(r, bad, err) : 0;
}

/* As many rows as lie one behind the other in one share. */
static int64_t run(const struct tr__hf_rows *r, int64_t first, int64_t n)
{
    const struct tr_dtype *d, *next;
    const char *at = row_at(r, first, &d);
    int64_t bytes = r->of->in_columns / d->block * d->bytes, k = 1;
    while (k < n && row_at(r, first + k, &next) == at + k * bytes && next == d)
        k++;
    return k;
}

/* Rows from `first` on of one type, gathered; how many. */
static int64_t gather(const struct tr__hf_rows *r, int64_t first, int64_t n,
                      const struct tr_dtype **type)
{
    int64_t done = 0;
    row_at(r, first, type);
    int64_t bytes = r->of->in_columns / (*type)->block * (*type)->bytes;
    for (int64_t k; done < n; done += k) {
        const struct tr_dtype *d;
        const char *at = row_at(r, first + done, &d);
        if (d != *type)
            break;
        k = run(r, first + done, n - done);
        memcpy((char *)r->raw + done * bytes, at, (size_t)(k * bytes));
        tr_gguf_forget(r->all->g, at, k * bytes);
    }
    return done;
}

/* Rows from `first` on, before any turning, to `to`. */
static int straight(struct tr__hf_rows *r, int64_t first, int64_t n, char *to,
                    struct tr_err *err)
{
    int64_t row = r->of->in_columns;
    for (int64_t i = 0, k; i < n; i += k) {
        const struct tr_dtype *type;
        k = gather(r, first + i, n - i, &type);
        int rc = convert(r, type, r->raw, k * row, to + i * row * (int64_t)r->type->bytes,
                         err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- columns ---------------------------------------------------------------------- */

/* Rows of n numbers of one share to their columns of the piece. */
static void spread(struct tr__hf_rows *r, const struct tr__hf_place *p, const char *from,
                   int64_t rows, int64_t n)
{
    size_t size = r->type->bytes, row = (size_t)r->of->columns * size;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < n; c++)
            memcpy((char *)r->out + (size_t)i * row + (size_t)tr__hf_column(p, c) * size,
                   from + (size_t)(i * n + c) * size, size);
}

/* Every share has the same rows, and some of the columns. */
static int woven(struct tr__hf_rows *r, int64_t first, int64_t n, struct tr_err *err)
{
    for (size_t i = 0; i < r->of->n; i++) {
        const struct tr__hf_share *s = &r->of->share[i];
        const struct tr_dtype *d = s->from->dtype;
        int64_t row = tr_gguf_row(s->from), bytes = row / d->block * (int64_t)d->bytes;
        const char *at = (const char *)s->from->data + (s->first + first) * bytes;
        memcpy(r->raw, at, (size_t)(n * bytes));
        int rc = convert(r, d, r->raw, n * row, r->matrix, err);
        if (rc)
            return rc;
        tr_gguf_forget(r->all->g, at, n * bytes);
        spread(r, &s->place, r->matrix, n, row);
    }
    return 0;
}

static int moved(struct tr__hf_rows *r, int64_t first, int64_t n, struct tr_err *err)
{
    int rc = straight(r, first, n, r->matrix, err);
    if (!rc)
        spread(r, &r->of->share[0].place, r->matrix, n, r->of->columns);
    return rc;
}

/* ---- turned ----------------------------------------------------------------------- */

/* The matrix that becomes matrix `at`. */
static int take_matrix(struct tr__hf_rows *r, int64_t at, struct tr_err *err)
{
    int64_t rows = r->of->columns, row = r->of->in_columns;
    int64_t some = PIECE / row > 0 ? PIECE / row : 1;
    if (r->matrix_at == at)
        return 0;
    for (int64_t i = 0, k; i < rows; i += k) {
        k = rows - i < some ? rows - i : some;
        int rc = straight(r, at * rows + i, k,
                          (char *)r->matrix + i * row * (int64_t)r->type->bytes, err);
        if (rc)
            return rc;
    }
    r->matrix_at = at;
    return 0;
}

static int turned(struct tr__hf_rows *r, int64_t first, int64_t n, struct tr_err *err)
{
    int64_t out = r->of->columns, in = r->of->in_columns;
    size_t size = r->type->bytes;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = first + i;
        int rc = take_matrix(r, row / in, err);
        if (rc)
            return rc;
        const char *from = (const char *)r->matrix + (size_t)(row % in) * size;
        char *to = (char *)r->out + (size_t)(i * out) * size;
        for (int64_t c = 0; c < out; c++)
            memcpy(to + (size_t)c * size, from + (size_t)(c * in) * size, size);
    }
    return 0;
}

/* ---- a tensor --------------------------------------------------------------------- */

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int tr__hf_rows_begin(struct tr__hf_rows *r, const struct tr__hf_gifts *all,
                      const struct tr__hf_given *of, const struct tr_dtype *type,
                      struct tr_err *err)
{
    int64_t row = of->columns;
    *r = (struct tr__hf_rows){ .all = all, .of = of, .type = type, .matrix_at = -1 };
    r->most = at_least(PIECE / row, 1);
    size_t n = (size_t)at_least(at_least(r->most * row, of->in_columns), PIECE);
    int64_t aside = is_turned(r) ? row * of->in_columns : r->most * row;
    int moves = tr__hf_moves_columns(of->share[0].place.name);
    r->raw = malloc(n * sizeof(double)); /* whatever the type */
    r->f32 = malloc(n * sizeof *r->f32);
    r->out = malloc(n * sizeof(float));
    r->matrix = is_turned(r) || moves ? malloc((size_t)aside * type->bytes) : NULL;
    if (!r->raw || !r->f32 || !r->out || ((is_turned(r) || moves) && !r->matrix))
        return no_memory(r, err);
    int mapped = (of->n > 1 || tr__hf_moves_rows(of->share[0].place.name)) && !is_woven(r);
    return mapped ? map_rows(r, err) : 0;
}

void tr__hf_rows_end(struct tr__hf_rows *r)
{
    free(r->source);
    free(r->raw);
    free(r->f32);
    free(r->out);
    free(r->matrix);
    *r = (struct tr__hf_rows){ 0 };
}

int tr__hf_rows_get(struct tr__hf_rows *r, int64_t first, int64_t n, struct tr_err *err)
{
    return is_turned(r)  ? turned(r, first, n, err)
           : is_woven(r) ? woven(r, first, n, err)
           : r->matrix   ? moved(r, first, n, err)
                         : straight(r, first, n, r->out, err);
}
