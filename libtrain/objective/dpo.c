/* SPDX-License-Identifier: MIT
 *
 * Direct preference optimization (Rafailov et al. 2023): the chosen answer gains more on the
 * reference than the rejected one.  With `smoothing` a share of the pairs is taken to be the wrong way
 * round (Mitchell 2023, "cDPO"), with `per_token` long answers count no more than short ones.
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>

enum { BETA, SMOOTHING, PER_TOKEN };

static void dpo(struct tr_answer *a, int64_t n, const double *option)
{
    double beta = option[BETA], e = option[SMOOTHING];
    for (int64_t i = 0; i + 1 < n; i += 2) {
        struct tr_answer *good = &a[i], *bad = &a[i + 1];
        double each_good = option[PER_TOKEN] > 0 ? beta / good->n : beta;
        double each_bad = option[PER_TOKEN] > 0 ? beta / bad->n : beta;
        good->reward = each_good * (good->log_p - good->reference);
        bad->reward = each_bad * (bad->log_p - bad->reference);
        double x = good->reward - bad->reward;
        double slope = e * tr__logistic(x) - (1 - e) * tr__logistic(-x);
        good->loss = -(1 - e) * tr__log_logistic(x) - e * tr__log_logistic(-x);
        good->slope = slope * each_good;
        bad->slope = -slope * each_bad;
    }
}

static const struct tr_option options[] = {
    [BETA] = { "beta", 1e-6, 1e3, 0.1, "how hard the reference holds", 0 },
    [SMOOTHING] = { "smoothing", 0, 0.5, 0, "share of pairs that are the wrong way round", 0 },
    [PER_TOKEN] = { "per_token", 0, 1, 0, "1: of the mean over the tokens of an answer", 0 },
    { .name = NULL },
};

const struct tr_objective tr__objective_dpo = {
    .name = "dpo", .option = options, .pairs = 1, .reference = 1, .weigh = dpo,
};
