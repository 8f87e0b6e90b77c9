/* SPDX-License-Identifier: MIT
 *
 * What quantising does to predictions: divergence of two models row by row.  Chunks, the rows
 * that count and the statistics are those of llama.cpp's `--kl-divergence`.  It stores the base's
 * logarithms of probabilities in 16 bits, down to 16 below the greatest, and leaves out
 * what is smaller; here all logits of both models are at hand, so that a model has a divergence
 * of 0 from itself.  Next: chunks.c, compare.c.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/train/eval.h>

#include <math.h>
#include <stdlib.h>

struct row {
    double loss, base_loss, kl;
    int same_top;
};

/* Room for one chunk, and for what is kept of all. */
struct room {
    int32_t *token; // (3 ctx) ids, targets, positions
    float *logits, *base; // (counted, n_vocab)
    struct row *row;      // (chunks * counted)
};

static int64_t first_counted(int64_t ctx)
{
    return ctx / 2;
}

static int64_t n_counted(int64_t ctx)
{
    return ctx - 1 - first_counted(ctx);
}

static int new_room(struct room *r, const struct tr_chunks *c, int64_t n_vocab,
                    struct tr_err *err)
{
    size_t counted = (size_t)n_counted(c->ctx), row = (size_t)n_vocab * sizeof(float);
    r->token = malloc(3 * (size_t)c->ctx * sizeof *r->token);
    r->logits = malloc(counted * row);
    r->base = malloc(counted * row);
    r->row = calloc((size_t)c->n * counted, sizeof *r->row);
    if (r->token && r->logits && r->base && r->row)
        return 0;
    return tr_err_set(err, TR_ENOMEM, "out of memory for the logits of %lld positions",
                      (long long)c->ctx);
}

static void free_room(struct room *r)
{
    free(r->token);
    free(r->logits);
    free(r->base);
    free(r->row);
}

/* ---- a row ------------------------------------------------------------------------ */

static int64_t top_of(const float *z, int64_t n)
{
    int64_t top = 0;
    for (int64_t i = 1; i < n; i++)
        if (z[i] > z[top])
            top = i;
    return top;
}

/* The logarithm of the sum of exp(z). */
static double log_sum(const float *z, int64_t n, float most)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)tr__expf(z[i] - most);
    return (double)most + log(sum);
}

static struct row compare(const float *z, const float *base, int64_t n, int32_t token)
{
    int64_t top = top_of(z, n), base_top = top_of(base, n);
    double all = log_sum(z, n, z[top]), base_all = log_sum(base, n, base[base_top]), kl = 0;
    float shift = (float)base_all;
#pragma omp simd reduction(+ : kl)
    for (int64_t i = 0; i < n; i++) {
        double ratio = ((double)base[i] - base_all) - ((double)z[i] - all);
        kl += (double)tr__expf(base[i] - shift) * ratio;
    }
    return (struct row){ all - (double)z[token], base_all - (double)base[token], kl,
                         top == base_top };
}

/* ---- chunks ----------------------------------------------------------------------- */

static void compare_rows(const struct room *r, int64_t ctx, int64_t n_vocab, struct row *to)
{
    int64_t n = n_counted(ctx);
    const int32_t *next = r->token + first_counted(ctx) + 1;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        to[i] = compare(r->logits + i * n_vocab, r->base + i * n_vocab, n_vocab, next[i]);
}

static int on_chunk(struct tr_eval *e, struct tr_eval *base, const struct room *r,
                    int64_t ctx, struct row *to, struct tr_err *err)
{
    struct tr_batch batch = { ctx, r->token, r->token + ctx, .pos = r->token + 2 * ctx };
    int64_t end = first_counted(ctx) + n_counted(ctx);
    for (int64_t j = first_counted(ctx); j < end; j++)
        r->token[ctx + j] = r->token[j + 1];
    int rc = tr__eval_counted(base, &batch, r->base, err);
    if (!rc)
        rc = tr__eval_counted(e, &batch, r->logits, err);
    if (!rc)
        compare_rows(r, ctx, tr_model_config(tr__eval_model(e))->n_vocab, to);
    return rc;
}

static int all_chunks(struct tr_eval *e, struct tr_eval *base, const struct tr_text_ids *x,
                      const struct tr_chunks *c, const struct room *r, struct tr_err *err)
{
    int rc = 0;
    for (int64_t j = 0; j < c->ctx; j++) {
        r->token[c->ctx + j] = -1; /* no target but where it counts */
        r->token[2 * c->ctx + j] = (int32_t)j;
    }
    for (int64_t i = 0; !rc && i < c->n; i++) {
        tr__chunk_ids(x, c, i, r->token);
        rc = on_chunk(e, base, r, c->ctx, r->row + i * n_counted(c->ctx), err);
        tr__eval_tell(e, (uint64_t)((i + 1) * c->ctx), (uint64_t)(c->n * c->ctx));
    }
    return rc;
}

/* ---- statistics ------------------------------------------------------------------- */

static struct tr_estimate estimate(double sum, double squares, double n)
{
    double mean = sum / n, variance = squares / n - mean * mean;
    return (struct tr_estimate){ mean, n > 1 && variance > 0 ? sqrt(variance / (n - 1)) : 0 };
}

static int by_kl(const void *a, const void *b)
{
    double x = ((const struct row *)a)->kl, y = ((const struct row *)b)->kl;
    return x < y ? -1 : x > y;
}

/* Between the two rows next to this share of them, which are in order. */
static double quantile(const struct row *row, uint64_t n, double share)
{
    double at = share * (double)(n - 1);
    uint64_t i = (uint64_t)at, next = i + 1 < n ? i + 1 : i;
    at -= (double)i;
    return (1 - at) * row[i].kl + at * row[next].kl;
}

enum { LOSS, BASE, RATIO, KL, CHANGE, SAME, N_SUM };

static void summarise(struct row *row, uint64_t n, struct tr_divergence *d)
{
    double sum[N_SUM] = { 0 }, squares[N_SUM] = { 0 };
    struct tr_estimate of[N_SUM];
    for (uint64_t i = 0; i < n; i++) {
        double v[] = { row[i].loss, row[i].base_loss, row[i].loss - row[i].base_loss,
                       row[i].kl, exp(-row[i].loss) - exp(-row[i].base_loss),
                       row[i].same_top };
        for (int k = 0; k < N_SUM; k++) {
            sum[k] += v[k];
            squares[k] += v[k] * v[k];
        }
    }
    for (int k = 0; k < N_SUM; k++)
        of[k] = estimate(sum[k], squares[k], (double)n);
    qsort(row, n, sizeof *row, by_kl);
    *d = (struct tr_divergence){
        .n = n, .loss = of[LOSS], .base_loss = of[BASE], .log_ratio = of[RATIO],
        .kl = of[KL], .kl_median = quantile(row, n, 0.5), .kl_99 = quantile(row, n, 0.99),
        .kl_max = row[n - 1].kl, .p_change = of[CHANGE],
        .p_change_rms = sqrt(squares[CHANGE] / (double)n), .same_top = of[SAME],
    };
}

static int check(const struct tr_eval *e, const struct tr_eval *of_base,
                 const struct tr_text_ids *x, const struct tr_chunks *c, struct tr_err *err)
{
    const struct tr_model *m = tr__eval_model(e), *base = tr__eval_model(of_base);
    uint64_t a = tr__eval_vocab_hash(e), b = tr__eval_vocab_hash(of_base);
    if (tr_model_config(m)->n_vocab != tr_model_config(base)->n_vocab || (a && b && a != b))
        return tr_err_set(err, TR_EMISMATCH, "'%s' has another vocabulary than '%s'",
                          tr_gguf_path(tr_model_gguf(m)),
                          tr_gguf_path(tr_model_gguf(base)));
    if (n_counted(c->ctx) < 1)
        return tr_err_set(err, TR_EINVAL, "chunks of %lld tokens have no predictions that "
                          "count", (long long)c->ctx);
    return tr__chunks_check(x, c, m, err);
}

int tr_eval_divergence(struct tr_eval *e, struct tr_eval *base, const struct tr_text_ids *x,
                       const struct tr_chunks *c, struct tr_divergence *d,
                       struct tr_err *err)
{
    struct room r = { 0 };
    int rc = check(e, base, x, c, err);
    if (!rc)
        rc = new_room(&r, c, tr_model_config(tr__eval_model(e))->n_vocab, err);
    if (!rc)
        rc = all_chunks(e, base, x, c, &r, err);
    if (!rc)
        summarise(r.row, (uint64_t)(c->n * n_counted(c->ctx)), d);
    free_room(&r);
    return rc;
}
