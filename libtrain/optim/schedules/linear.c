/* SPDX-License-Identifier: MIT
 *
 * A rate that falls evenly, to min_lr_ratio of what it was.
 */
#include <libtrain/optim/optim.h>

static double linear(const struct tr_schedule_place *at, const double *option)
{
    double low = option[TR__MIN_LR_RATIO];
    return low + (1 - low) * (1 - at->progress);
}

const struct tr_schedule tr__schedule_linear = {
    .name = "linear",
    .option = tr__falling_options,
    .factor = linear,
};
