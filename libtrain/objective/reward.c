/* SPDX-License-Identifier: MIT
 *
 * Policy gradient (Williams 1992, "REINFORCE"): answers that the model gave become likelier by
 * their rewards, less the mean of the micro-batch as a baseline; with `normalise` in units of the standard
 * deviation, as in group relative policy optimization (Shao et al. 2024) where a micro-batch
 * is one group.
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>

enum { BASELINE, NORMALISE };

static void reward(struct tr_answer *a, int64_t n, const double *option)
{
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        mean += a[i].weight / (double)n;
    for (int64_t i = 0; i < n; i++)
        square += (a[i].weight - mean) * (a[i].weight - mean) / (double)n;
    double base = option[BASELINE] > 0 && n > 1 ? mean : 0;
    double unit = option[NORMALISE] > 0 ? sqrt(square) + 1e-4 : 1;
    for (int64_t i = 0; i < n; i++) {
        double advantage = (a[i].weight - base) / unit;
        a[i].reward = a[i].weight;
        a[i].loss = -advantage * a[i].log_p;
        a[i].slope = -advantage;
    }
}

static const struct tr_option options[] = {
    [BASELINE] = { "baseline", 0, 1, 1, "1: rewards less their mean", 0 },
    [NORMALISE] = { "normalise", 0, 1, 0, "1: over their standard deviation", 0 },
    { .name = NULL },
};

const struct tr_objective tr__objective_reward = {
    .name = "reward", .option = options, .rewards = 1, .weigh = reward,
};
