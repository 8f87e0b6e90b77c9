/* SPDX-License-Identifier: MIT
 *
 * Odds ratio preference optimization (Hong et al. 2024): the chosen answer is learnt as in
 * supervised training, and its odds, from the mean probability of a token, are to be better
 * than those of the rejected one.  There is no reference.
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>

enum { LAMBDA };

/* The logarithm of the odds of probability exp(m), and its derivative by m, for m below 0. */
static double log_odds(double m, double *slope)
{
    double rest = -expm1(m); /* 1 - exp(m), which is 0 for an answer that is certain */
    rest = rest > 1e-12 ? rest : 1e-12;
    *slope = 1 / rest;
    return m - log(rest);
}

static void orpo(struct tr_answer *a, int64_t n, const double *option)
{
    double lambda = option[LAMBDA], by_good, by_bad;
    for (int64_t i = 0; i + 1 < n; i += 2) {
        struct tr_answer *good = &a[i], *bad = &a[i + 1];
        double mean = good->log_p / good->n;
        double x = log_odds(mean, &by_good) - log_odds(bad->log_p / bad->n, &by_bad);
        double slope = -lambda * tr__logistic(-x);
        good->loss = -mean - lambda * tr__log_logistic(x);
        good->slope = (slope * by_good - 1) / good->n;
        bad->slope = -slope * by_bad / bad->n;
        good->reward = lambda * mean;
        bad->reward = lambda * bad->log_p / bad->n;
    }
}

static const struct tr_option options[] = {
    [LAMBDA] = { "lambda", 0, 1e3, 0.1, "weight of the odds beside the chosen answer", 0 },
    { .name = NULL },
};

const struct tr_objective tr__objective_orpo = {
    .name = "orpo", .option = options, .pairs = 1, .weigh = orpo,
};
