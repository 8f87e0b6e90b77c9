/* SPDX-License-Identifier: MIT
 *
 * A rate that falls along half a period of the cosine (Loshchilov, Hutter 2016, "SGDR",
 * without restarts), to min_lr_ratio of what it was.
 */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stddef.h>

static double cosine(const struct tr_schedule_place *at, const double *option)
{
    double low = option[TR__MIN_LR_RATIO];
    return low + (1 - low) * (0.5 * (1 + cos(3.14159265358979323846 * at->progress)));
}

const struct tr_option tr__falling_options[] = {
    [TR__MIN_LR_RATIO] = TR__MIN_LR_RATIO_OPTION,
    { .name = NULL },
};

const struct tr_schedule tr__schedule_cosine = {
    .name = "cosine",
    .option = tr__falling_options,
    .factor = cosine,
};
