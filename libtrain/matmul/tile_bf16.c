/* SPDX-License-Identifier: MIT
 *
 * Both factors are packed into pairs of BF16, numbers k and k + 1 of a sum, as the
 * instruction wants them: it adds two products to every number of a vector.  Packing takes
 * an eighth of the time of a product of 64 x 64 x 64.
 */
#include <libtrain/quants/quants.h>
#include <libtrain/matmul/tile.h>
#include <libtrain/matmul/tile_block.h>

#if defined(__AVX512BF16__) && defined(__AVX512BW__)

/* What is packed lies on the stack, 8 KiB for either factor, so a longer sum has parts. */
enum { VEC = TR__VEC, MAX_M = 64, MAX_K = 256, PART = 64, COLUMNS = 64 };

/* Element (i, k / 2) of a is at data[i * row + k / 2 * col]. */
struct pairs {
    const uint32_t *data;
    int64_t row, col;
};

/* Pairs of a number of x and one of y. */
static inline __m512i zip(__m512 x, __m512 y)
{
    tr__ivec order;
    TR__EACH(i, VEC)
        order[i] = i | (VEC + i) << 16;
    return _mm512_permutexvar_epi16((__m512i)order, (__m512i)_mm512_cvtne2ps_pbh(y, x));
}

/* Pairs of numbers in the same column of two rows: from (k_end, n) to (k_end / 2, n). */
static void pack_columns(int64_t k_end, int64_t n, const float *from, int64_t ld,
                         uint32_t *to)
{
    for (int64_t k = 0; k < k_end; k += 2, to += n)
        for (int64_t j = 0; j < n; j += VEC) {
            const float *x = from + k * ld + j;
            __m512 y = k + 1 < k_end ? _mm512_loadu_ps(x + ld) : _mm512_setzero_ps();
            _mm512_storeu_si512(to + j, zip(_mm512_loadu_ps(x), y));
        }
}

static inline __m512 load_some(const float *p, int64_t n)
{
    __mmask16 some = n >= VEC ? 0xffff : n > 0 ? (__mmask16)((1 << n) - 1) : 0;
    return _mm512_maskz_loadu_ps(some, p);
}

/* Pairs of neighbours in a row: from (m, k_end) to (m, PART / 2). */
static void pack_rows(int64_t m, int64_t k_end, const float *from, int64_t ld, uint32_t *to)
{
    for (int64_t i = 0; i < m; i++, from += ld, to += PART / 2)
        for (int64_t k = 0; k < k_end; k += 2 * VEC) {
            __m512 x = load_some(from + k, k_end - k);
            __m512 y = load_some(from + k + VEC, k_end - k - VEC);
            _mm512_storeu_si512(to + k / 2, (__m512i)_mm512_cvtne2ps_pbh(y, x));
        }
}

/* As in tile.c. */
TR__INLINE void block(const int rows, const int vecs, int64_t n_pair, struct pairs a,
                      const uint32_t *restrict b, int64_t ldb, float *restrict c,
                      int64_t ldc, const float *restrict keep)
{
    tr__block sum;
    tr__block_load(sum, rows, vecs, c, ldc, keep);
    for (int64_t k = 0; k < n_pair; k++) {
        __m512bh bk[TR__BLOCK_VECS];
        TR__EACH(j, vecs)
            bk[j] = (__m512bh)_mm512_loadu_si512(b + k * ldb + j * VEC);
        TR__EACH(i, rows) {
            __m512bh x = (__m512bh)_mm512_set1_epi32((int)a.data[i * a.row + k * a.col]);
            TR__EACH(j, vecs)
                sum[i][j] =
                    (tr__vec)_mm512_dpbf16_ps((__m512)sum[i][j], x, bk[j]);
        }
    }
    tr__block_store(sum, rows, vecs, c, ldc);
}

TR__INLINE void strip(const int rows, const int vecs, int64_t m, int64_t n_pair,
                      struct pairs a, const uint32_t *b, int64_t ldb, float *c, int64_t ldc,
                      const float *keep)
{
    for (int64_t i = 0; i < m; i += rows, a.data += rows * a.row)
        block(rows, vecs, n_pair, a, b, ldb, c + i * ldc, ldc, keep ? keep + i : NULL);
}

/* b (n_pair, n), n a multiple of VEC. */
static void product_of_pairs(int64_t m, int64_t n, int64_t n_pair, struct pairs a,
                             const uint32_t *b, float *c, int64_t ldc, const float *keep)
{
    int64_t j = 0;
    for (; j + 4 * VEC <= n; j += 4 * VEC)
        strip(4, 4, m, n_pair, a, b + j, n, c + j, ldc, keep);
    for (; j + 2 * VEC <= n; j += 2 * VEC)
        strip(8, 2, m, n_pair, a, b + j, n, c + j, ldc, keep);
    for (; j < n; j += VEC)
        strip(8, 1, m, n_pair, a, b + j, n, c + j, ldc, keep);
}

static int fits(int64_t m, int64_t n, int64_t k, struct tr__tile a)
{
    int lies = a.col == 1 || (a.row == 1 && m % VEC == 0);
    return lies && m <= MAX_M && k <= MAX_K && m % TR__TILE_ROWS == 0 && n % VEC == 0;
}

/* k up to PART. */
static void product_part(int64_t m, int64_t n, int64_t k, struct tr__tile a, const float *b,
                         int64_t ldb, float *c, int64_t ldc, const float *keep)
{
    uint32_t a16[MAX_M * PART / 2], b16[PART / 2 * COLUMNS];
    struct pairs pairs = { a16, PART / 2, 1 };
    if (a.col == 1) {
        pack_rows(m, k, a.data, a.row, a16);
    } else {
        pack_columns(k, m, a.data, a.col, a16);
        pairs.row = 1, pairs.col = m;
    }
    for (int64_t j = 0; j < n; j += COLUMNS) {
        int64_t cols = n - j < COLUMNS ? n - j : COLUMNS;
        pack_columns(k, cols, b + j, ldb, b16);
        product_of_pairs(m, cols, (k + 1) / 2, pairs, b16, c + j, ldc, keep);
    }
}

/* Parts after the first add to what is there: the bits are those of one sum. */
void tr__tile_product_bf16(int64_t m, int64_t n, int64_t k, struct tr__tile a,
                           const float *b, int64_t ldb, float *c, int64_t ldc,
                           const float *keep)
{
    float all[MAX_M];
    if (!fits(m, n, k, a)) {
        tr__tile_product(m, n, k, a, b, ldb, c, ldc, keep);
        return;
    }
    product_part(m, n, k < PART ? k : PART, a, b, ldb, c, ldc, keep);
    for (int64_t i = 0; i < m; i++)
        all[i] = 1;
    for (int64_t at = PART; at < k; at += PART) {
        a.data += PART * a.col;
        product_part(m, n, k - at < PART ? k - at : PART, a, b + at * ldb, ldb, c, ldc, all);
    }
}

void tr__tile_round_bf16(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = tr__bf16_to_f32(tr__f32_to_bf16(x[i]));
}

#else

void tr__tile_product_bf16(int64_t m, int64_t n, int64_t k, struct tr__tile a,
                           const float *b, int64_t ldb, float *c, int64_t ldc,
                           const float *keep)
{
    tr__tile_product(m, n, k, a, b, ldb, c, ldc, keep);
}

void tr__tile_round_bf16(float *x, int64_t n)
{
    (void)x, (void)n;
}

#endif
