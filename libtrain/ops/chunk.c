/* SPDX-License-Identifier: MIT
 *
 * Documents, decays and products with triangles for operations that work in chunks of rows.
 * A document is cut into chunks from its own first row on, so that its numbers do not
 * depend on what else is in the batch.  Next: delta_job.c, ssd.c.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/chunk.h>

enum { COLS = TR__TILE_COLS };

struct tr__documents tr__chunk_documents(struct tr_arena *a, const int32_t *pos, int64_t n)
{
    int32_t *begin = tr_arena_array(a, (size_t)n + 1, sizeof *begin);
    struct tr__documents d = { 0, begin };
    for (int32_t t = 0; begin && t < n; t++)
        if (!t || !pos[t])
            begin[d.n++] = t;
    if (begin)
        begin[d.n] = (int32_t)n;
    return d;
}

int64_t tr__chunk_most(const int32_t *pos, int64_t n)
{
    int64_t rows = 0;
    for (int64_t t = 0; t < n; t++)
        rows = pos[t] >= rows ? (int64_t)pos[t] + 1 : rows;
    rows = rows < n ? rows : n;
    return (rows + TR__CHUNK - 1) / TR__CHUNK;
}

int tr__chunk_fits(const struct tr_node *nd, const int32_t *pos, int has_state)
{
    for (int64_t t = 0; t < tr_tensor_rows(nd->out); t++) {
        int follows = t ? pos[t] == pos[t - 1] + 1 : has_state && pos[t] > 0;
        if (pos[t] && !follows) {
            tr_err_set(&nd->scratch->err, TR_EMISMATCH,
                       "%s: position %d in row %lld does not follow the one before",
                       nd->op->name, pos[t], (long long)t);
            return 0;
        }
    }
    return 1;
}

/* Summed pair by pair: the difference of two sums from the start would lose the digits of a
 * small one behind a large one. */
void tr__chunk_decay(int64_t n, const float *g, float *decay)
{
    int64_t lanes = tr__chunk_lanes(n);
    float sum[TR__CHUNK] = { 0 };
    for (int64_t i = 0; i < n; i++) {
        float *row = decay + i * TR__CHUNK;
        for (int64_t j = 0; j < i; j++)
            sum[j] += g[i];
        int64_t end = i / COLS * COLS + COLS;
        for (int64_t j = 0; j < end; j++)
            row[j] = j <= i ? tr__expf(sum[j]) : 0;
        tr__chunk_fill(row + end, lanes - end, 0);
    }
}

void tr__chunk_columns(int64_t n, int64_t cols, const float *from, int64_t ld, float *to)
{
    int64_t lanes = tr__chunk_lanes(n);
    for (int64_t j = 0; n < lanes && j < cols; j++)
        tr__chunk_fill(to + j * TR__CHUNK + n, lanes - n, 0);
    tr__tile_transpose(n, cols, from, ld, to, TR__CHUNK);
}

/* Rows of a square on the diagonal that begins with row i. */
static int64_t square(int64_t n, int64_t i)
{
    return n - i < COLS ? n - i : COLS;
}

void tr__chunk_pairs(int64_t n, int64_t k, const float *x, int64_t ldx, const float *y_t,
                     float *to)
{
    for (int64_t i = 0; i < n; i += COLS) {
        struct tr__tile a = { x + i * ldx, ldx, 1 };
        tr__tile_product(square(n, i), i + COLS, k, a, y_t, TR__CHUNK, to + i * TR__CHUNK,
                         TR__CHUNK, NULL);
    }
}

void tr__chunk_lower(int64_t n, int64_t width, const float *l, const float *x, int64_t ldx,
                     float *c, int64_t ldc, const float *keep)
{
    for (int64_t i = 0; i < n; i += COLS) {
        int64_t rows = square(n, i);
        struct tr__tile a = { l + i * TR__CHUNK, TR__CHUNK, 1 };
        tr__tile_product(rows, width, i + rows, a, x, ldx, c + i * ldc, ldc,
                         keep ? keep + i : NULL);
    }
}

void tr__chunk_upper(int64_t n, int64_t width, const float *l, const float *x, int64_t ldx,
                     float *c, int64_t ldc, const float *keep)
{
    for (int64_t i = 0; i < n; i += COLS) {
        struct tr__tile a = { l + i * TR__CHUNK + i, 1, TR__CHUNK };
        tr__tile_product(square(n, i), width, n - i, a, x + i * ldx, ldx, c + i * ldc, ldc,
                         keep ? keep + i : NULL);
    }
}
