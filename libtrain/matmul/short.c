/* SPDX-License-Identifier: MIT
 *
 * The rows of x or dy become the lanes of vectors, so that a number of the weight is one
 * operand for all of them and may lie anywhere: w is neither copied nor asked for whole
 * vectors.  What is copied is the other factor, transposed, in strips of as many rows as a
 * block in registers has lanes; the result comes out transposed as well.  While a block is
 * multiplied, what the next ones read of w is fetched: without that, a weight that comes
 * from memory halves the speed.
 */
#include <libtrain/matmul/products.h>
#include <libtrain/matmul/short.h>
#include <libtrain/matmul/tile_block.h>

#include <omp.h>
#include <string.h>

enum {
#if defined(__AVX512F__)
    VECS = 4,
#else
    VECS = 2,
#endif
    WIDE = VECS * TR__VEC, /* rows of a strip */
    GROUP = 6,             /* numbers of w that a block in registers takes at each step */
    TILE = 48,             /* rows of a result before it is put in its place */
    ROUND = 1 << 17,       /* numbers of w that stay in cache while all strips pass */
    DEEP = 256,            /* columns of w over which y is summed at once */
    DEPTH = 64,            /* rows of w over which dx is summed at once, */
    COLUMNS = 1024,        /* for so many columns, */
    BATCH = 8 * DEPTH,     /* and over which dy lies transposed */
    LINE = 16,             /* numbers in a line of the cache */
};

/* Those of m rows, and some without. */
static int64_t lanes(int64_t m)
{
    return (m + TR__VEC - 1) / TR__VEC * TR__VEC;
}

size_t tr__short_room(int64_t m, int64_t k)
{
    m = lanes(tr__least(m, TR__SHORT_ROWS));
    return (size_t)(m * (k + 2 * BATCH)) * sizeof(float);
}

/* ---- blocks ------------------------------------------------------------------------- */

/* What is fetched while step after step is multiplied: the number that lies so far behind
 * the block's first, and so far from step to step. */
struct ahead {
    int64_t by, step;
};

/* c (rows, wide) = a (rows, depth) b (depth, wide), or added to c: rounding grows less in a
 * long sum that is added up from sums of some hundred numbers. */
TR__INLINE void block(const int rows, const int vecs, int64_t depth, struct tr__tile a,
                      struct ahead ahead, const float *b, float *c, int adds)
{
    tr__block sum;
    tr__block_load(sum, rows, vecs, NULL, 0, NULL);
    for (int64_t l = 0; l < depth; l++) {
        tr__vec bl[TR__BLOCK_VECS];
        __builtin_prefetch(a.data + ahead.by + l * ahead.step);
        TR__EACH(j, vecs)
            bl[j] = tr__load(b + (l * vecs + j) * TR__VEC);
        TR__EACH(i, rows) {
            float w = a.data[i * a.row + l * a.col];
            TR__EACH(j, vecs)
                sum[i][j] += w * bl[j];
        }
    }
    if (adds)
        TR__EACH(i, rows)
            TR__EACH(j, vecs)
                sum[i][j] += tr__load(c + (i * vecs + j) * TR__VEC);
    tr__block_store(sum, rows, vecs, c, vecs * TR__VEC);
}

TR__INLINE void blocks(const int vecs, int64_t rows, int64_t depth, struct tr__tile a,
                       struct ahead ahead, const float *b, float *c, int adds)
{
    int64_t i = 0, wide = vecs * TR__VEC;
    for (; i + GROUP <= rows; i += GROUP) {
        block(GROUP, vecs, depth, a, ahead, b, c + i * wide, adds);
        a.data += GROUP * a.row;
    }
    for (; i < rows; i++) {
        block(1, vecs, depth, a, (struct ahead){ 0 }, b, c + i * wide, adds);
        a.data += a.row;
    }
}

static void strip(int64_t wide, int64_t rows, int64_t depth, struct tr__tile a,
                  struct ahead ahead, const float *b, float *c, int adds)
{
    switch (wide / TR__VEC) {
    case 1: blocks(1, rows, depth, a, ahead, b, c, adds); break;
    case 2: blocks(2, rows, depth, a, ahead, b, c, adds); break;
#if defined(__AVX512F__)
    case 3: blocks(3, rows, depth, a, ahead, b, c, adds); break;
    case 4: blocks(4, rows, depth, a, ahead, b, c, adds); break;
#endif
    }
}

/* ---- transposing -------------------------------------------------------------------- */

/* to (n, wide) = alpha * from (rows, n)^T, zeros in lanes without rows */
static void lay_line(int64_t rows, int64_t n, float alpha, const float *from, int64_t ld,
                     float *to)
{
    int64_t wide = lanes(rows);
    if (rows < wide)
        memset(to, 0, (size_t)(n * wide) * sizeof *to);
    tr__tile_transpose(rows, n, from, ld, to, wide);
    for (int64_t i = 0; alpha != 1 && i < n * wide; i++)
        to[i] *= alpha;
}

/* From m rows of n numbers strips of (n, wide), `apart` numbers for a row from one to the
 * next.  By all threads of a parallel region, which wait for each other behind it. */
static void lay(int64_t m, int64_t n, float alpha, const float *from, int64_t ld, float *to,
                int64_t apart)
{
#pragma omp for collapse(2) schedule(static)
    for (int64_t i = 0; i < m; i += WIDE)
        for (int64_t j = 0; j < n; j += LINE) {
            int64_t rows = tr__least(WIDE, m - i);
            lay_line(rows, tr__least(LINE, n - j), alpha, from + i * ld + j, ld,
                     to + i * apart + j * lanes(rows));
        }
}

/* to (rows, n) = from (n, wide)^T + beta * to, n up to TILE */
static void put(int64_t rows, int64_t n, const float *from, float beta, float *to, int64_t ld)
{
    int64_t wide = lanes(rows);
    float tile[WIDE * TILE];
    if (beta == 0) {
        tr__tile_transpose(n, rows, from, wide, to, ld);
        return;
    }
    tr__tile_transpose(n, rows, from, wide, tile, TILE);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++)
            to[i * ld + j] = beta * to[i * ld + j] + tile[i * TILE + j];
}

/* ---- products ----------------------------------------------------------------------- */

/* Of n things in whole lines, those of this thread. */
static void share(int64_t n, int64_t *begin, int64_t *end)
{
    int64_t t = omp_get_thread_num(), threads = omp_get_num_threads();
    int64_t lines = (n + LINE - 1) / LINE;
    *begin = tr__least(t * lines / threads * LINE, n);
    *end = tr__least((t + 1) * lines / threads * LINE, n);
}

struct xwt {
    int64_t m, n, k, ldy;
    const float *xt, *w; /* x transposed */
    float beta, *y;
};

/* Rows i … of y, columns j0 … j1 - 1. */
static void make_strip(const struct xwt *p, int64_t i, int64_t j0, int64_t j1)
{
    float tile[TILE * WIDE];
    int64_t rows = tr__least(WIDE, p->m - i), k = p->k;
    for (int64_t j = j0; j < j1; j += TILE) {
        int64_t some = tr__least(TILE, j1 - j);
        for (int64_t l = 0; l < k; l += DEEP) {
            struct ahead ahead = { j + 2 * TILE <= p->n ? TILE * k + (GROUP - 1) * l : 0,
                                   GROUP };
            strip(lanes(rows), some, tr__least(DEEP, k - l),
                  (struct tr__tile){ p->w + j * k + l, k, 1 }, ahead,
                  p->xt + i * k + l * lanes(rows), tile, l > 0);
        }
        put(rows, some, tile, p->beta, p->y + i * p->ldy + j, p->ldy);
    }
}

void tr__short_xwt(int64_t m, int64_t n, int64_t k, float alpha, const float *x, int64_t ldx,
                   const float *w, float beta, float *y, int64_t ldy, float *room)
{
    struct xwt p = { m, n, k, ldy, room, w, beta, y };
    int64_t round = tr__most(ROUND / k / TILE, 1) * TILE;
#pragma omp parallel
    {
        int64_t begin, end;
        share(n, &begin, &end);
        lay(m, k, alpha, x, ldx, room, k);
        for (int64_t j = begin; j < end; j += round)
            for (int64_t i = 0; i < m; i += WIDE)
                make_strip(&p, i, j, tr__least(j + round, end));
    }
}

struct dyw {
    int64_t m, n, k, begin, end; /* columns of dx that this thread has */
    const float *w;
    float *sum; /* dx transposed */
};

/* What rows j0 … j0 + n - 1 of w give to columns c0 … c1 - 1 of dx; dyt: dy transposed, from
 * its column j0. */
static void add_rows(const struct dyw *p, int64_t j0, int64_t n, int64_t c0, int64_t c1,
                     const float *dyt)
{
    for (int64_t j = 0; j < n; j += DEPTH)
        for (int64_t i = 0; i < p->m; i += WIDE) {
            int64_t wide = lanes(tr__least(WIDE, p->m - i)), depth = tr__least(DEPTH, n - j);
            const float *w = p->w + (j0 + j) * p->k + c0;
            struct ahead ahead = { j0 + j + 2 * DEPTH <= p->n ? DEPTH * p->k : 0, p->k };
            strip(wide, c1 - c0, depth, (struct tr__tile){ w, 1, p->k }, ahead,
                  dyt + i * BATCH + j * wide, p->sum + i * p->k + c0 * wide, j0 + j > 0);
        }
}

static void put_columns(const struct dyw *p, float beta, float *dx, int64_t lddx)
{
    for (int64_t c = p->begin; c < p->end; c += TILE)
        for (int64_t i = 0; i < p->m; i += WIDE) {
            int64_t rows = tr__least(WIDE, p->m - i);
            put(rows, tr__least(TILE, p->end - c), p->sum + i * p->k + c * lanes(rows), beta,
                dx + i * lddx + c, lddx);
        }
}

/* A batch of dy is transposed beside the one before, which others may still be reading. */
void tr__short_dyw(int64_t m, int64_t n, int64_t k, float alpha, const float *dy,
                   int64_t lddy, const float *w, float beta, float *dx, int64_t lddx,
                   float *room)
{
#pragma omp parallel
    {
        struct dyw p = { .m = m, .n = n, .k = k, .w = w, .sum = room };
        share(k, &p.begin, &p.end);
        for (int64_t j = 0; j < n; j += BATCH) {
            int64_t some = tr__least(BATCH, n - j);
            float *dyt = room + lanes(m) * (k + j / BATCH % 2 * BATCH);
            lay(m, some, alpha, dy + j, lddy, dyt, BATCH);
            for (int64_t c = p.begin; c < p.end; c += COLUMNS)
                add_rows(&p, j, some, c, tr__least(c + COLUMNS, p.end), dyt);
        }
        put_columns(&p, beta, dx, lddx);
    }
}
