/* SPDX-License-Identifier: MIT
 *
 * A rate that falls with a power of what is left of the run, to min_lr_ratio of what it was;
 * power 1 is the linear one.
 */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stddef.h>

enum { POWER = TR__MIN_LR_RATIO + 1 };

static double polynomial(const struct tr_schedule_place *at, const double *option)
{
    double low = option[TR__MIN_LR_RATIO];
    return low + (1 - low) * pow(1 - at->progress, option[POWER]);
}

static const struct tr_option options[] = {
    [TR__MIN_LR_RATIO] = TR__MIN_LR_RATIO_OPTION,
    [POWER] = { "power", 0.01, 100, 2, "of what is left of the run", 0 },
    { .name = NULL },
};

const struct tr_schedule tr__schedule_polynomial = {
    .name = "polynomial",
    .option = options,
    .factor = polynomial,
};
