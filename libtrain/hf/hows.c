/* SPDX-License-Identifier: MIT
 *
 * How numbers change their places between a folder of Hugging Face and a GGUF (map.h).  Each
 * is a rule for one row, so that files are made in pieces, and for either direction.
 */
#include <libtrain/hf/archs/archs.h>

/* Of n rows in heads: row 2i + j of a head was row j n/2 + i. */
static int64_t pairs(int64_t rows, int64_t heads, int64_t r)
{
    int64_t n = heads ? rows / heads : 0;
    if (n < 2)
        return r;
    int64_t at = r % n;
    return r - at + at % 2 * (n / 2) + at / 2;
}

static int64_t rows_of(const struct tr__hf_place *p)
{
    int64_t n = 1;
    for (int i = 0; i < p->n_hf - (p->n_hf > 1); i++)
        n *= p->hf[i];
    return n;
}

/* A bias is one number a row. */
static int64_t q_pairs(const struct tr__hf_place *p, int64_t r)
{
    return pairs(rows_of(p), p->size->n_head, r);
}

static int64_t k_pairs(const struct tr__hf_place *p, int64_t r)
{
    return pairs(rows_of(p), p->size->n_head_kv, r);
}

const struct tr__hf_how tr__hf_q_pairs = { .name = "q in pairs", .row = q_pairs };
const struct tr__hf_how tr__hf_k_pairs = { .name = "k in pairs", .row = k_pairs };
const struct tr__hf_how tr__hf_transposed = { .name = "transposed", .transposed = 1 };
