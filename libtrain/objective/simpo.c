/* SPDX-License-Identifier: MIT
 *
 * Simple preference optimization (Meng et al. 2024): the mean logarithm of the probability of
 * the chosen answer is above that of the rejected one by a margin.  There is no reference.
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>

enum { BETA, GAMMA };

static void simpo(struct tr_answer *a, int64_t n, const double *option)
{
    for (int64_t i = 0; i + 1 < n; i += 2) {
        struct tr_answer *good = &a[i], *bad = &a[i + 1];
        good->reward = option[BETA] * good->log_p / good->n;
        bad->reward = option[BETA] * bad->log_p / bad->n;
        double x = good->reward - bad->reward - option[GAMMA];
        good->loss = -tr__log_logistic(x);
        good->slope = -tr__logistic(-x) * option[BETA] / good->n;
        bad->slope = tr__logistic(-x) * option[BETA] / bad->n;
    }
}

static const struct tr_option options[] = {
    [BETA] = { "beta", 1e-6, 1e3, 2, "factor of the mean logarithms", 0 },
    [GAMMA] = { "gamma", 0, 1e3, 1, "margin that is wanted", 0 },
    { .name = NULL },
};

const struct tr_objective tr__objective_simpo = {
    .name = "simpo", .option = options, .pairs = 1, .weigh = simpo,
};
