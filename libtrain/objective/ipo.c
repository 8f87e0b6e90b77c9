/* SPDX-License-Identifier: MIT
 *
 * Identity preference optimization (Azar et al. 2023): the gain of the chosen answer over that
 * of the rejected one becomes 1 / (2 beta), and not more, so that it does not run away where
 * all pairs agree.  With `per_token` gains are means over tokens, as TRL has them.
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>

enum { BETA, PER_TOKEN };

static void ipo(struct tr_answer *a, int64_t n, const double *option)
{
    for (int64_t i = 0; i + 1 < n; i += 2) {
        struct tr_answer *good = &a[i], *bad = &a[i + 1];
        double each_good = option[PER_TOKEN] > 0 ? 1 / good->n : 1;
        double each_bad = option[PER_TOKEN] > 0 ? 1 / bad->n : 1;
        good->reward = each_good * (good->log_p - good->reference);
        bad->reward = each_bad * (bad->log_p - bad->reference);
        double off = good->reward - bad->reward - 1 / (2 * option[BETA]);
        good->loss = off * off;
        good->slope = 2 * off * each_good;
        bad->slope = -2 * off * each_bad;
    }
}

static const struct tr_option options[] = {
    [BETA] = { "beta", 1e-6, 1e3, 0.1, "how hard the reference holds", 0 },
    [PER_TOKEN] = { "per_token", 0, 1, 0, "1: of the mean over the tokens of an answer", 0 },
    { .name = NULL },
};

const struct tr_objective tr__objective_ipo = {
    .name = "ipo", .option = options, .pairs = 1, .reference = 1, .weigh = ipo,
};
