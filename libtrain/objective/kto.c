/* SPDX-License-Identifier: MIT
 *
 * Kahneman-Tversky optimization (Ethayarajh et al. 2024): answers alone, good or bad, each
 * beside the usual gain on the reference.  The paper estimates that by answers under prompts
 * that are not theirs; here it is the mean gain of the micro-batch, not below 0, and has no
 * gradient either.
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>

enum { BETA, GOOD_WEIGHT, BAD_WEIGHT };

static void kto(struct tr_answer *a, int64_t n, const double *option)
{
    double beta = option[BETA], usual = 0;
    for (int64_t i = 0; i < n; i++) {
        a[i].reward = beta * (a[i].log_p - a[i].reference);
        usual += a[i].reward / (double)n;
    }
    usual = usual > 0 ? usual : 0;
    for (int64_t i = 0; i < n; i++) {
        double sign = a[i].weight < 0 ? -1 : 1;
        double weight = option[sign < 0 ? BAD_WEIGHT : GOOD_WEIGHT];
        double p = tr__logistic(sign * (a[i].reward - usual));
        a[i].loss = weight * (1 - p);
        a[i].slope = -weight * sign * beta * p * (1 - p);
    }
}

static const struct tr_option options[] = {
    [BETA] = { "beta", 1e-6, 1e3, 0.1, "how hard the reference holds", 0 },
    [GOOD_WEIGHT] = { "good_weight", 0, 1e3, 1, "of answers that are wanted", 0 },
    [BAD_WEIGHT] = { "bad_weight", 0, 1e3, 1, "of answers that are not", 0 },
    { .name = NULL },
};

const struct tr_objective tr__objective_kto = {
    .name = "kto", .option = options, .reference = 1, .weigh = kto,
};
