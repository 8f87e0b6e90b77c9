/* SPDX-License-Identifier: MIT
 *
 * Policy gradient (Williams 1992, "REINFORCE"): answers that the model gave become
 * likelier by their rewards, less those of the answers to the same prompt in the mean;
 * with `normalise` in units of their standard deviation, as in group relative policy
 * optimization (Shao et al. 2024).  With `kl` answers are held where the reference has
 * them: half the square of the distance of the logarithms, whose gradient is on the
 * model's own answers that of the divergence of the model from the reference.
 *
 * With `clip_ratio` the reference is the model that gave the answers, and several steps may be
 * made with them: what counts is the ratio of the probabilities now and then, up to where a
 * step in the direction of the advantage has changed it enough (Schulman et al. 2017, "PPO").
 * It is of whole answers; with `per_token` the geometric mean over their tokens (Zheng et al.
 * 2025, "GSPO").
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>

enum { BASELINE, NORMALISE, KL, PER_TOKEN, CLIP_RATIO };

/* What a token of the answers has in the mean, to tell who is above it. */
static double usual(const struct tr_answer *a, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i].log_p / a[i].n;
    return n ? sum / (double)n : 0;
}

/* The loss and slope of an answer by its advantage, whose log-probability is divided by n. */
static void advance(struct tr_answer *a, double advantage, double each, double clip)
{
    if (!(clip > 0)) {
        a->loss = -each * advantage * a->log_p;
        a->slope = -each * advantage;
        return;
    }
    double ratio = exp(each * (a->log_p - a->reference));
    double most = advantage > 0 ? fmin(ratio, 1 + clip) : fmax(ratio, 1 - clip);
    a->loss = -advantage * most;
    a->slope = most == ratio ? -each * advantage * ratio : 0;
}

static void reward(struct tr_answer *a, int64_t n, const double *option)
{
    double mean = usual(a, n);
    for (int64_t i = 0; i < n; i++) {
        double base = option[BASELINE] > 0 ? a[i].group_mean : 0;
        double unit = option[NORMALISE] > 0 ? a[i].group_deviation + 1e-4 : 1;
        double each = option[PER_TOKEN] > 0 ? 1 / a[i].n : 1;
        double advantage = (a[i].weight - base) / unit, above = a[i].log_p / a[i].n - mean;
        double gain = option[KL] > 0 ? a[i].log_p - a[i].reference : 0;
        a[i].reward = advantage > 0 ? above : advantage < 0 ? -above : 0;
        advance(&a[i], advantage, each, option[CLIP_RATIO]);
        a[i].loss += each * option[KL] * gain * gain / 2;
        a[i].slope += each * option[KL] * gain;
    }
}

static const struct tr_option options[] = {
    [BASELINE] = { "baseline", 0, 1, 1, "1: rewards less the mean of the prompt's", 0 },
    [NORMALISE] = { "normalise", 0, 1, 0, "1: over their standard deviation", 0 },
    [KL] = { "kl", 0, 1e3, 0, "how hard the reference holds", 0 },
    [PER_TOKEN] = { "per_token", 0, 1, 0, "1: of the mean over the tokens of an answer", 0 },
    [CLIP_RATIO] = { "clip_ratio", 0, 1, 0, "ratios from 1 less this to 1 and this count", 0 },
    { .name = NULL },
};
static const char *const asks[] = { "kl", "clip_ratio", NULL };

const struct tr_objective tr__objective_reward = {
    .name = "reward", .option = options, .reference = 1, .reference_if = asks, .rewards = 1,
    .weigh = reward,
};
