/* SPDX-License-Identifier: MIT
 *
 * The block of c that a product of tiles keeps in registers: a few rows of whole vectors.
 * rows and vecs are constants where these are called, so that the loops over them vanish.
 */
#ifndef LIBTRAIN_MATMUL_TILE_BLOCK_H
#define LIBTRAIN_MATMUL_TILE_BLOCK_H

#include <libtrain/base/vec.h>

enum { TR__BLOCK_ROWS = 8, TR__BLOCK_VECS = 4 }; /* at most */

typedef tr__vec tr__block[TR__BLOCK_ROWS][TR__BLOCK_VECS];

/* diag(keep) c, or zeros if keep is NULL. */
TR__INLINE void tr__block_load(tr__block sum, const int rows, const int vecs,
                               const float *c, int64_t ldc, const float *keep)
{
    TR__EACH(i, rows)
        TR__EACH(j, vecs)
            if (keep)
                sum[i][j] = keep[i] * tr__load(c + i * ldc + j * TR__VEC);
            else
                sum[i][j] = (tr__vec){ 0 };
}

TR__INLINE void tr__block_store(tr__block sum, const int rows, const int vecs,
                                float *c, int64_t ldc)
{
    TR__EACH(i, rows)
        TR__EACH(j, vecs)
            tr__store(c + i * ldc + j * TR__VEC, sum[i][j]);
}

#endif
