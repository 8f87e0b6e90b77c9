/* SPDX-License-Identifier: MIT
 *
 * Distillation (Hinton et al. 2015): the student's distribution of each token comes near
 * the teacher's, of which the k likeliest ids are known and what all others have
 * together.  So there are k + 1 probabilities on either side, p and q.  At a temperature T
 * both are p^(1/T) over their sum, and the divergence counts T^2 times, so that gradients
 * stay as large. Forward, KL(p|q), the student covers all that the teacher would say; in
 * reverse, KL(q|p) (Gu et al. 2024, "MiniLLM"), it keeps to what the teacher finds likely.
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>

enum { MIX, TEMPERATURE, REVERSE };
static const float TINY = 1e-25f;
static const double LEAST = -100; /* a logarithm for a probability that is none */

struct sides {
    int64_t n;                                          /* k + 1, or k where k is all ids */
    double p[TR_MAX_TOP + 1], q[TR_MAX_TOP + 1];        /* logarithms */
    double slope[TR_MAX_TOP + 1];                       /* by those of q, before T */
};

/* Logarithms of probabilities become those at temperature T. */
static void temper(double *x, int64_t n, double t)
{
    double max = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (int64_t i = 0; i < n; i++)
        sum += exp((x[i] - max) / t);
    for (int64_t i = 0; i < n; i++)
        x[i] = (x[i] - max) / t - log(sum);
}

/* With u = log(q) / T before it is made to sum to 1, and Q and P behind that: of forward
 * T^2 sum P (log P - log Q) the derivative by u is T^2 (Q - P), in reverse
 * T^2 Q (log Q - log P - KL). */
static double divergence(struct sides *s, double t, double reverse)
{
    double forward = 0, back = 0;
    temper(s->p, s->n, t);
    temper(s->q, s->n, t);
    for (int64_t i = 0; i < s->n; i++) {
        forward += exp(s->p[i]) * (s->p[i] - s->q[i]);
        back += exp(s->q[i]) * (s->q[i] - s->p[i]);
    }
    for (int64_t i = 0; i < s->n; i++) {
        double q = exp(s->q[i]);
        s->slope[i] = t * ((1 - reverse) * (q - exp(s->p[i])) +
                           reverse * q * (s->q[i] - s->p[i] - back));
    }
    return t * t * ((1 - reverse) * forward + reverse * back);
}

/* Slopes sum to 0, so that by the logit of one of the k ids is its slope, and by another that
 * of all others in the share that it has of them. */
static double distill_row(float *z, int64_t n, int32_t target, float scale,
                          const double *option, const struct tr_top *top)
{
    struct sides s = { .n = top->k + (top->k < n) };
    double mix = option[MIX], at_target = (double)z[target];
    float max = tr__row_max(z, n), of_top[TR_MAX_TOP];
    for (int64_t i = 0; i < top->k; i++)
        s.q[i] = (double)z[top->id[i]] - (double)max;
    double sum = tr__row_exp(z, n, max);
    for (int64_t i = 0; i < top->k; i++) {
        of_top[i] = z[top->id[i]];
        s.q[i] -= log(sum);
    }
    for (int64_t i = 0; i < top->k; i++)
        z[top->id[i]] = 0;
    double rest = tr__row_sum(z, n);
    s.q[top->k] = rest > 0 ? log(rest / sum) : LEAST;
    for (int64_t i = 0; i < s.n; i++)
        s.p[i] = (double)top->log_p[i];
    double loss = divergence(&s, option[TEMPERATURE], option[REVERSE]);
    double by = rest > 0 ? (1 - mix) * s.slope[top->k] / rest : 0;
    float factor = (float)((double)scale * (by + mix / sum));
    for (int64_t j = 0; j < n; j++)
        z[j] = z[j] < TINY ? 0 : z[j] * factor;
    for (int64_t i = 0; i < top->k; i++)
        z[top->id[i]] = (float)((double)scale * ((1 - mix) * s.slope[i] +
                                                 mix * (double)of_top[i] / sum));
    z[target] -= (float)((double)scale * mix);
    return (1 - mix) * loss + mix * (log(sum) + (double)max - at_target);
}

static const struct tr_option options[] = {
    [MIX] = { "distill_mix", 0, 1, 0, "share of the cross-entropy with the data", 0 },
    [TEMPERATURE] = { "temperature", 0.01, 100, 1, "of both distributions", 0 },
    [REVERSE] = { "reverse_kl", 0, 1, 0, "share of the divergence that is in reverse", 0 },
    { .name = NULL },
};

const struct tr_loss_kind tr__loss_distill = {
    .name = "distill", .option = options, .row_top = distill_row,
};

const struct tr_objective tr__objective_distill = {
    .name = "distill", .option = options, .teacher = &tr__loss_distill,
};
