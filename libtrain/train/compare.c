/* SPDX-License-Identifier: MIT
 *
 * Whether one model is better than another on the same text, with a margin.  Sequences
 * differ much more in how hard they are than two models do on any of them, so they are
 * compared one by one.  They weigh what they hold, which makes the mean a ratio of two
 * sums; how far it may be off is found from the residuals of the sequences.  Next: eval.c,
 * where losses come from.
 */
#include <libtrain/eval.h>

#include <math.h>

/* Student's t below which 97.5 % lie: Cornish and Fisher's expansion around the normal
 * quantile (Abramowitz and Stegun, 26.7.5), right to 2e-5 of it from 7 degrees on. */
static double student(double degrees)
{
    static const double x = 1.959963984540054;
    double x2 = x * x, v = 1 / degrees;
    double g1 = (x2 + 1) / 4;
    double g2 = ((5 * x2 + 16) * x2 + 3) / 96;
    double g3 = (((3 * x2 + 19) * x2 + 17) * x2 - 15) / 384;
    double g4 = ((((79 * x2 + 776) * x2 + 1482) * x2 - 1920) * x2 - 945) / 92160;
    return x * (1 + v * (g1 + v * (g2 + v * (g3 + v * g4))));
}

static int check(const struct tr_sequence_loss *a, const struct tr_sequence_loss *b,
                 uint64_t i, struct tr_err *err)
{
    if (!isfinite(a->weight) || !isfinite(a->loss) || !isfinite(b->weight) ||
        !isfinite(b->loss) || a->weight < 0 || b->weight < 0)
        return tr_err_set(err, TR_EFORMAT, "sequence %llu: no weight, or no loss",
                          (unsigned long long)i + 1);
    /* nine digits are what a table has */
    if (fabs(a->weight - b->weight) > 1e-7 * (a->weight + b->weight))
        return tr_err_set(err, TR_EMISMATCH, "sequence %llu weighs %.9g in one and %.9g in "
                          "the other", (unsigned long long)i + 1, a->weight, b->weight);
    return 0;
}

static double margin(const struct tr_sequence_loss *before,
                     const struct tr_sequence_loss *after, uint64_t n_seq,
                     const struct tr_loss_change *c)
{
    double sum = 0, n = (double)c->n;
    if (c->n < TR_LOSS_CHANGE_MIN)
        return INFINITY;
    for (uint64_t i = 0; i < n_seq; i++) {
        double residual = before[i].weight * (after[i].loss - before[i].loss - c->change);
        sum += residual * residual;
    }
    return student(n - 1) * sqrt(n / (n - 1) * sum) / c->weight;
}

int tr_loss_compare(const struct tr_sequence_loss *before,
                    const struct tr_sequence_loss *after, uint64_t n_seq,
                    struct tr_loss_change *c, struct tr_err *err)
{
    *c = (struct tr_loss_change){ 0 };
    for (uint64_t i = 0; i < n_seq; i++) {
        int rc = check(&before[i], &after[i], i, err);
        if (rc)
            return rc;
        c->before += before[i].weight * before[i].loss;
        c->after += before[i].weight * after[i].loss;
        c->change += before[i].weight * (after[i].loss - before[i].loss);
        c->weight += before[i].weight;
        c->n += before[i].weight > 0;
    }
    if (!(c->weight > 0))
        return tr_err_set(err, TR_EFORMAT, "no position counts");
    c->before /= c->weight;
    c->after /= c->weight;
    c->change /= c->weight;
    c->margin = margin(before, after, n_seq, c);
    return 0;
}
