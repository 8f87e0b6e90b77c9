/* SPDX-License-Identifier: MIT
 *
 * How numbers change their places between a folder of Hugging Face and a GGUF (map.h).  Each
 * is a rule for one row, so that files are made in pieces, and for either direction.
 */
#include <libtrain/hf/archs/archs.h>

#include <math.h>

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

/* ---- heads ------------------------------------------------------------------------ */

static int64_t qkv_heads(const struct tr__hf_place *p, int64_t r)
{
    int64_t heads = p->size->n_head, n = heads ? rows_of(p) / heads / 3 : 0;
    if (n < 1 || r >= 3 * heads * n)
        return r;
    int64_t part = r / (heads * n), head = r / n % heads;
    return (head * 3 + part) * n + r % n;
}

/* Heads of queries that share one of keys, which stands behind them, and its values behind
 * that: head h of q, k or v (from 0) is which of them all? */
static int64_t in_groups(const struct tr__hf_place *p, int64_t r, int64_t share,
                         int64_t behind)
{
    int64_t kv = p->size->n_head_kv, q = kv ? p->size->n_head / kv : 0, n = p->size->head_dim;
    int64_t h = r / n;
    return (h / share * (q + 2) + behind + h % share) * n + r % n;
}

static int64_t q_of_kv(const struct tr__hf_place *p)
{
    return p->size->n_head_kv ? p->size->n_head / p->size->n_head_kv : 1;
}

static int64_t groups_q(const struct tr__hf_place *p, int64_t r)
{
    int64_t n = p->size->head_dim, share = q_of_kv(p);
    return in_groups(p, pairs(p->size->n_head * n, p->size->n_head, r), share, 0);
}

static int64_t groups_k(const struct tr__hf_place *p, int64_t r)
{
    int64_t kv = p->size->n_head_kv;
    return in_groups(p, pairs(kv * p->size->head_dim, kv, r), 1, q_of_kv(p));
}

static int64_t groups_v(const struct tr__hf_place *p, int64_t r)
{
    return in_groups(p, r, 1, q_of_kv(p) + 1);
}

static void groups_q_shape(struct tr__hf_place *p)
{
    p->gguf[0] = p->size->n_head * p->size->head_dim;
}

static void groups_kv_shape(struct tr__hf_place *p)
{
    p->gguf[0] = p->size->n_head_kv * p->size->head_dim;
}

static void groups_back(struct tr__hf_place *p)
{
    p->hf[0] = (p->size->n_head + 2 * p->size->n_head_kv) * p->size->head_dim;
}

/* ---- parts ------------------------------------------------------------------------ */

/* Of matrices with twice the rows of GGUF's: the one that row r is in, and its place. */
static int64_t half(const struct tr__hf_place *p, int64_t r, int64_t part)
{
    int64_t n = p->gguf[p->n_gguf - 2];
    return r / n * 2 * n + part * n + r % n;
}

static int64_t every_other(const struct tr__hf_place *p, int64_t r, int64_t part)
{
    int64_t n = p->gguf[p->n_gguf - 2];
    return r / n * 2 * n + 2 * (r % n) + part;
}

static int64_t half_0(const struct tr__hf_place *p, int64_t r)
{
    return half(p, r, 0);
}

static int64_t half_1(const struct tr__hf_place *p, int64_t r)
{
    return half(p, r, 1);
}

static int64_t even(const struct tr__hf_place *p, int64_t r)
{
    return every_other(p, r, 0);
}

static int64_t odd(const struct tr__hf_place *p, int64_t r)
{
    return every_other(p, r, 1);
}

static int64_t even_column(const struct tr__hf_place *p, int64_t c)
{
    (void)p;
    return 2 * c;
}

static int64_t odd_column(const struct tr__hf_place *p, int64_t c)
{
    (void)p;
    return 2 * c + 1;
}

static void half_rows(struct tr__hf_place *p)
{
    if (p->n_gguf > 1)
        p->gguf[p->n_gguf - 2] /= 2;
}

static void twice_rows(struct tr__hf_place *p)
{
    if (p->n_hf > 1)
        p->hf[p->n_hf - 2] *= 2;
}

static void half_columns(struct tr__hf_place *p)
{
    p->gguf[p->n_gguf - 1] /= 2;
}

static void twice_columns(struct tr__hf_place *p)
{
    p->hf[p->n_hf - 1] *= 2;
}

/* ---- states ----------------------------------------------------------------------- */

/* Heads of n rows each, of which `per` share a key: they stand by their keys there, and in
 * GGUF the first of every key in front. */
static int64_t by_turns(const struct tr__hf_place *p, int64_t r, int64_t n)
{
    int64_t keys = p->size->key_heads;
    int64_t per = keys > 0 ? p->size->value_heads / keys : 0, h = n > 0 ? r / n : 0;
    if (per < 1 || n < 1 || h >= keys * per)
        return r;
    return (h % keys * per + h / keys) * n + r % n;
}

static int64_t turns(const struct tr__hf_place *p, int64_t r)
{
    return by_turns(p, r, p->size->value_dim);
}

static int64_t turns_one(const struct tr__hf_place *p, int64_t r)
{
    return by_turns(p, r, 1);
}

static int64_t turns_behind(const struct tr__hf_place *p, int64_t r)
{
    int64_t front = rows_of(p) - p->size->value_heads * p->size->value_dim;
    return r < front || front < 0 ? r : front + turns(p, r - front);
}

static void column(struct tr__hf_place *p)
{
    p->n_gguf = 2;
    p->gguf[1] = 1;
}

static void no_column(struct tr__hf_place *p)
{
    p->n_hf = 1;
}

static void group_rows(struct tr__hf_place *p)
{
    int64_t n = p->size->key_heads;
    p->n_gguf = 2;
    p->gguf[1] = n > 0 ? p->gguf[0] / n : 0;
    p->gguf[0] = n;
}

static void no_group_rows(struct tr__hf_place *p)
{
    p->n_hf = 1;
    p->hf[0] *= p->hf[1];
    p->hf[1] = 1;
}

/* ---- numbers ---------------------------------------------------------------------- */

static float plus_one(float x)
{
    return x + 1;
}

static float minus_one(float x)
{
    return x - 1;
}

static float minus_exp(float x)
{
    return -expf(x);
}

/* Of those beside it the one that comes back as x, if there is one. */
static float log_minus(float x)
{
    float log = logf(-x), y = nextafterf(nextafterf(log, -INFINITY), -INFINITY);
    for (int i = 0; i < 5; i++, y = nextafterf(y, INFINITY))
        if (minus_exp(y) == x)
            return y;
    return log;
}

#define HOW(of, text, ...) const struct tr__hf_how tr__hf_##of = { .name = text, __VA_ARGS__ }
HOW(q_pairs, "q in pairs", .row = q_pairs);
HOW(k_pairs, "k in pairs", .row = k_pairs);
HOW(transposed, "transposed", .transposed = 1);
HOW(plus_one, "plus one", .to_gguf = plus_one, .to_hf = minus_one);
HOW(minus_exp_column, "minus exp, a column", .to_gguf = minus_exp, .to_hf = log_minus,
    .shape = column, .shape_back = no_column);
HOW(column_of, "a column", .shape = column, .shape_back = no_column);
HOW(group_rows, "a row for each group", .shape = group_rows, .shape_back = no_group_rows);
HOW(qkv_heads, "q, k and v by head", .row = qkv_heads);
HOW(groups_q, "q of groups", .row = groups_q, .shape = groups_q_shape,
    .shape_back = groups_back);
HOW(groups_k, "k of groups", .row = groups_k, .shape = groups_kv_shape,
    .shape_back = groups_back);
HOW(groups_v, "v of groups", .row = groups_v, .shape = groups_kv_shape,
    .shape_back = groups_back);
HOW(half_0, "upper half", .row = half_0, .shape = half_rows, .shape_back = twice_rows);
HOW(half_1, "lower half", .row = half_1, .shape = half_rows, .shape_back = twice_rows);
HOW(turned_even, "even rows, transposed", .row = even, .transposed = 1, .shape = half_rows,
    .shape_back = twice_columns);
HOW(turned_odd, "odd rows, transposed", .row = odd, .transposed = 1, .shape = half_rows,
    .shape_back = twice_columns);
HOW(even_columns, "even columns", .column = even_column, .shape = half_columns,
    .shape_back = twice_columns);
HOW(odd_columns, "odd columns", .column = odd_column, .shape = half_columns,
    .shape_back = twice_columns);
HOW(turns, "heads by turns", .row = turns);
HOW(turns_one, "heads of one by turns", .row = turns_one);
HOW(turns_behind, "heads by turns behind q and k", .row = turns_behind);
HOW(turns_columns, "columns of heads by turns", .column = turns);
HOW(turns_minus_exp, "minus exp by turns", .row = turns_one, .to_gguf = minus_exp,
    .to_hf = log_minus);
