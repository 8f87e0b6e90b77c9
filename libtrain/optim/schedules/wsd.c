/* SPDX-License-Identifier: MIT
 *
 * Warm-up, stable, decay (Hu et al. 2024, "MiniCPM"): the rate stays, and in the last
 * `decay_share` of the run falls evenly to min_lr_ratio of what it was.
 */
#include <libtrain/optim/optim.h>

#include <stddef.h>

enum { DECAY_SHARE = TR__MIN_LR_RATIO + 1 };

static double wsd(const struct tr_schedule_place *at, const double *option)
{
    double low = option[TR__MIN_LR_RATIO], left = 1 - at->progress;
    if (left >= option[DECAY_SHARE])
        return 1;
    return low + (1 - low) * left / option[DECAY_SHARE];
}

static const struct tr_option options[] = {
    [TR__MIN_LR_RATIO] = TR__MIN_LR_RATIO_OPTION,
    [DECAY_SHARE] = { "decay_share", 0, 1, 0.2, "share of the run at its end in which it falls", 0 },
    { .name = NULL },
};

const struct tr_schedule tr__schedule_wsd = {
    .name = "wsd",
    .option = options,
    .factor = wsd,
};
