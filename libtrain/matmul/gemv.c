/* SPDX-License-Identifier: MIT
 *
 * Threads own rows of the weight; a row's product is one thread's sum in a fixed order.
 */
#include <libtrain/matmul/gemv.h>
#include <libtrain/quants/quants.h>

/* Numbers that are unpacked at once: blocks of every type divide it, and it stays in the
 * first cache with as many numbers of each row of x. */
enum { PIECE = 1024 };

/* Below this many multiplications the threads would take longer to start. */
enum { WORTH_THREADS = 1 << 14 };

/* sum (m) = x (m, k) times one packed row, unpacked once for all rows of x. */
static void unpack_and_dot(const struct tr_dtype *t, const char *row, int64_t m, int64_t k,
                           const float *x, int64_t ldx, float *sum)
{
    float w[PIECE];
    for (int64_t j = 0; j < k; j += PIECE) {
        int64_t n = k - j < PIECE ? k - j : PIECE;
        t->to_f32(row + j / t->block * t->bytes, w, n);
        for (int64_t i = 0; i < m; i++)
            sum[i] = (j ? sum[i] : 0.0f) + tr_f32.dot(w, x + i * ldx + j, n);
    }
}

static void one_row(const struct tr_dtype *t, const char *row, int64_t m, int64_t k,
                    const float *x, int64_t ldx, float *sum)
{
    if (!t->dot || (m > 1 && t != &tr_f32))
        unpack_and_dot(t, row, m, k, x, ldx, sum);
    else
        for (int64_t i = 0; i < m; i++)
            sum[i] = t->dot(row, x + i * ldx, k);
}

/* The common case, one token: nothing but the dot products. */
static void one_token(int64_t n, int64_t k, float alpha, const float *x,
                      const struct tr_dtype *t, const char *rows, int64_t row_bytes,
                      float beta, float *y)
{
    float (*dot)(const void *, const float *, int64_t) = t->dot;
#pragma omp parallel for schedule(static) if (n * k > WORTH_THREADS)
    for (int64_t r = 0; r < n; r++)
        y[r] = alpha * dot(rows + r * row_bytes, x, k) + (beta != 0 ? beta * y[r] : 0.0f);
}

void tr__gemv_xwt(int64_t m, float alpha, const float *x, int64_t ldx,
                  const struct tr__matrix *w, float beta, float *y, int64_t ldy)
{
    const struct tr_dtype *t = w->dtype;
    int64_t n = w->rows, k = w->cols;
    int64_t row_bytes = k / t->block * t->bytes;
    const char *rows = w->data;
    if (m == 1 && t->dot) {
        one_token(n, k, alpha, x, t, rows, row_bytes, beta, y);
        return;
    }
#pragma omp parallel for schedule(static) if (m * n * k > WORTH_THREADS)
    for (int64_t r = 0; r < n; r++) {
        float sum[TR__GEMV_ROWS];
        one_row(t, rows + r * row_bytes, m, k, x, ldx, sum);
        for (int64_t i = 0; i < m; i++) {
            float *to = y + i * ldy + r;
            *to = alpha * sum[i] + (beta != 0 ? beta * *to : 0.0f);
        }
    }
}

size_t tr__gemv_int8_scratch(int64_t m, const struct tr__matrix *w)
{
    int64_t rows = m < TR__GEMV_ROWS ? m : TR__GEMV_ROWS;
    return (size_t)(rows * tr__int8_room(w->cols)) + TR_ARENA_ALIGN;
}

void tr__gemv_int8(struct tr_arena *scratch, int64_t m, float alpha, const float *x,
                   int64_t ldx, const struct tr__matrix *w, float beta, float *y, int64_t ldy)
{
    const struct tr_dtype *t = w->dtype;
    int64_t n = w->rows, k = w->cols, room = tr__int8_room(k);
    int64_t row_bytes = k / t->block * t->bytes;
    size_t mark = tr_arena_mark(scratch);
    char *bytes = tr_arena_alloc(scratch, (size_t)(m * room));
    struct tr__int8_row row[TR__GEMV_ROWS];
    for (int64_t i = 0; bytes && i < m; i++)
        row[i] = tr__int8_pack(x + i * ldx, k, bytes + i * room);
#pragma omp parallel for schedule(static) if (m * n * k > WORTH_THREADS)
    for (int64_t r = 0; r < (bytes ? n : 0); r++)
        for (int64_t i = 0; i < m; i++) {
            float *to = y + i * ldy + r;
            float sum = t->dot_int8((const char *)w->data + r * row_bytes, &row[i], k);
            *to = alpha * sum + (beta != 0 ? beta * *to : 0.0f);
        }
    tr_arena_rewind(scratch, mark);
}
