/* SPDX-License-Identifier: MIT
 *
 * Rows of a tensor of GGUF, from wherever they are in a folder (map.h says where).  They
 * are moved as they are; only numbers that change become f32.
 */
#include <libtrain/hf/mxfp4.h>

#include <stdlib.h>
#include <string.h>

int64_t tr__hf_rows(const struct tr__hf_made *m)
{
    int64_t n = 1;
    for (int i = 0; i < m->place.n_gguf - 1; i++)
        n *= m->place.gguf[i];
    return m->place.n_gguf == 1 && tr__hf_moves_rows(m->place.name) ? m->place.gguf[0] : n;
}

int64_t tr__hf_columns(const struct tr__hf_made *m)
{
    return m->place.n_gguf == 1 && tr__hf_moves_rows(m->place.name)
               ? 1
               : m->place.gguf[m->place.n_gguf - 1];
}

static const struct tr_dtype *stored(const struct tr__hf_made *m)
{
    return m->own ? &tr_f32 : m->scales ? tr__hf_mxfp4() : m->from[0]->dtype;
}

const struct tr_dtype *tr__hf_fetch_type(const struct tr__hf_made *m)
{
    const struct tr__hf_how *how = m->place.name->how;
    return how && (how->to_gguf || how->factors) ? &tr_f32 : stored(m);
}

/* Which tensor of the folder row r is in, and which of its rows it is. */
static int64_t place_of(const struct tr__hf_made *m, int64_t r, size_t *from)
{
    int64_t each = tr__hf_rows(m) / (int64_t)(m->n_from ? m->n_from : 1);
    *from = (size_t)(r / each);
    return tr__hf_row(&m->place, r % each);
}

/* As many of n rows from `first` on as lie one behind the other. */
static int64_t run(const struct tr__hf_made *m, int64_t first, int64_t n, size_t *from,
                   int64_t *at)
{
    int64_t k = 1;
    size_t next;
    *at = place_of(m, first, from);
    while (k < n && place_of(m, first + k, &next) == *at + k && next == *from)
        k++;
    return k;
}

/* Rows of the tensor as it is there, one number behind the other. */
static int straight(const struct tr__hf_folder *f, const struct tr__hf_made *m,
                    int64_t first, int64_t n, char *to, struct tr_err *err)
{
    int64_t row = tr__hf_columns(m), bytes = row * (int64_t)stored(m)->bytes;
    int rc = 0;
    for (int64_t i = 0, k; !rc && i < n; i += k) {
        size_t from;
        int64_t at;
        k = run(m, first + i, n - i, &from, &at);
        if (m->own)
            memcpy(to + i * bytes, m->own + at * row, (size_t)(k * bytes));
        else
            rc = tr__hf_read(f, m->from[from], at * row, k * row, to + i * bytes, err);
    }
    return rc;
}

/* Of rows first … first + n - 1, turned: the lowest and highest column there, if all are in
 * one matrix; else as many of them as are. */
static int64_t span(const struct tr__hf_made *m, int64_t first, int64_t n, int64_t out,
                    int64_t *low, int64_t *high)
{
    int64_t k = 0, matrix = tr__hf_row(&m->place, first) / out;
    *low = *high = tr__hf_row(&m->place, first) % out;
    for (; k < n; k++) {
        int64_t at = tr__hf_row(&m->place, first + k);
        if (at / out != matrix)
            break;
        *low = at % out < *low ? at % out : *low;
        *high = at % out > *high ? at % out : *high;
    }
    return k;
}

/* Rows of GGUF are columns there: of each row the piece that has them is read at once. */
static int across(const struct tr__hf_folder *f, const struct tr__hf_made *m, int64_t first,
                  int64_t n, char *to, struct tr_err *err)
{
    const struct tr__hf_place *p = &m->place;
    int64_t in = p->hf[p->n_hf - 2], out = p->hf[p->n_hf - 1];
    size_t size = stored(m)->bytes;
    int rc = 0;
    char *piece = malloc((size_t)out * size);
    if (!piece)
        return tr_err_set(err, TR_ENOMEM, "out of memory for tensor '%s'", m->name);
    for (int64_t i = 0, k; !rc && i < n; i += k) {
        int64_t low, high, matrix = tr__hf_row(p, first + i) / out;
        k = span(m, first + i, n - i, out, &low, &high);
        for (int64_t c = 0; !rc && c < in; c++) {
            rc = tr__hf_read(f, m->from[0], (matrix * in + c) * out + low, high - low + 1,
                             piece, err);
            for (int64_t r = 0; r < k; r++)
                memcpy(to + (size_t)((i + r) * in + c) * size,
                       piece + (size_t)(tr__hf_row(p, first + i + r) % out - low) * size,
                       size);
        }
    }
    free(piece);
    return rc;
}

/* Rows as they are there, and of each the columns that GGUF has, in its order. */
static int by_column(const struct tr__hf_folder *f, const struct tr__hf_made *m,
                     int64_t first, int64_t n, char *to, struct tr_err *err)
{
    int64_t row = tr__hf_columns(m), there = m->place.hf[m->place.n_hf - 1];
    size_t size = stored(m)->bytes;
    int rc = 0;
    char *piece = malloc((size_t)there * size);
    if (!piece)
        return tr_err_set(err, TR_ENOMEM, "out of memory for tensor '%s'", m->name);
    for (int64_t i = 0; !rc && i < n; i++) {
        size_t from;
        int64_t at = place_of(m, first + i, &from);
        rc = tr__hf_read(f, m->from[from], at * there, there, piece, err);
        for (int64_t c = 0; c < row; c++)
            memcpy(to + (size_t)(i * row + c) * size,
                   piece + (size_t)tr__hf_column(&m->place, c) * size, size);
    }
    free(piece);
    return rc;
}

/* To f32, in place. */
static int unpack(const struct tr__hf_made *m, int64_t count, void *to, struct tr_err *err)
{
    const struct tr_dtype *type = stored(m);
    size_t bytes = (size_t)count * type->bytes;
    void *copy = type == &tr_f32 ? NULL : malloc(bytes);
    if (type == &tr_f32)
        return 0;
    if (!copy)
        return tr_err_set(err, TR_ENOMEM, "out of memory for tensor '%s'", m->name);
    memcpy(copy, to, bytes);
    type->to_f32(copy, to, count);
    free(copy);
    return 0;
}

/* Numbers of rows from `first` on that are not what they are there. */
static int change(const struct tr__hf_made *m, int64_t first, int64_t n, float *v,
                  struct tr_err *err)
{
    const struct tr__hf_how *how = m->place.name->how;
    int64_t row = tr__hf_columns(m);
    int rc = unpack(m, n * row, v, err);
    for (int64_t i = 0; !rc && how->to_gguf && i < n * row; i++)
        v[i] = how->to_gguf(v[i]);
    for (int64_t r = 0; !rc && how->factors && r < n; r++) {
        float by[2] = { 1, 1 };
        how->factors(m->config, &m->place, first + r, by);
        for (int64_t c = 0; c < row; c++)
            v[r * row + c] = v[r * row + c] * by[0] * by[1];
    }
    return rc;
}

int tr__hf_fetch(const struct tr__hf_folder *f, const struct tr__hf_made *m, int64_t first,
                 int64_t n, void *to, struct tr_err *err)
{
    const struct tr__hf_how *how = m->place.name->how;
    if (m->scales)
        return tr__hf_packed_fetch(f, m, first, n, to, err);
    int rc = how && how->transposed && m->place.n_hf >= 2 ? across(f, m, first, n, to, err)
             : tr__hf_moves_columns(m->place.name)       ? by_column(f, m, first, n, to, err)
                                                         : straight(f, m, first, n, to, err);
    if (!rc && how && (how->to_gguf || how->factors))
        rc = change(m, first, n, to, err);
    return rc;
}
