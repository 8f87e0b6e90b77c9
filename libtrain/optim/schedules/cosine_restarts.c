/* SPDX-License-Identifier: MIT
 *
 * Cosines one after the other, each beginning anew at the full rate (Loshchilov, Hutter 2016,
 * "SGDR"): `cycles` of them fill the run, each `cycle_growth` times as long as the one before.
 * With `cycle_steps` that is the length of the first, and there are as many as fit.
 */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stddef.h>

enum { CYCLES = TR__MIN_LR_RATIO + 1, CYCLE_GROWTH, CYCLE_STEPS };

double tr__within_cycle(double x, double growth)
{
    double n, length;
    if (growth == 1)
        return x - floor(x);
    /* cycles that are over: the sum of the first n lengths is (g^n - 1) / (g - 1) */
    n = floor(log1p(x * (growth - 1)) / log(growth) + 1e-9);
    length = pow(growth, n);
    x -= (length - 1) / (growth - 1);
    return x > 0 ? x / length : 0;
}

double tr__cosine_fall(double x, double low)
{
    return low + (1 - low) * 0.5 * (1 + cos(3.14159265358979323846 * x));
}

static double cosine_restarts(const struct tr_schedule_place *at, const double *option)
{
    double low = option[TR__MIN_LR_RATIO], growth = option[CYCLE_GROWTH];
    double n = option[CYCLES], x;
    if (option[CYCLE_STEPS] > 0)
        x = (double)(at->k - 1 - at->warmup) / option[CYCLE_STEPS];
    else
        x = at->progress * (growth == 1 ? n : (pow(growth, n) - 1) / (growth - 1));
    return tr__cosine_fall(tr__within_cycle(x, growth), low);
}

static const struct tr_option options[] = {
    [TR__MIN_LR_RATIO] = TR__MIN_LR_RATIO_OPTION,
    [CYCLES] = { "cycles", 1, 10000, 4, "how often the rate falls in the run", 0 },
    [CYCLE_GROWTH] = { "cycle_growth", 1, 10, 1, "each cycle so many times as long as the last", 0 },
    [CYCLE_STEPS] = { "cycle_steps", 0, 1e9, 0, "steps of the first cycle; 0: by their number", 0 },
    { .name = NULL },
};

const struct tr_schedule tr__schedule_cosine_restarts = {
    .name = "cosine_restarts",
    .option = options,
    .factor = cosine_restarts,
};
