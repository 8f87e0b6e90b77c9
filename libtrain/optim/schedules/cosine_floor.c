/* SPDX-License-Identifier: MIT
 *
 * A cosine over so many steps, whatever the length of the run, above a floor from which the
 * warm-up rises too: the schedule of trainers whose runs have no length.  Behind its end the
 * rate stays low, or with `restarts` it begins anew, as cosine_restarts.c has it.
 */
#include <libtrain/optim/optim.h>

#include <stddef.h>

enum { FLOOR_RATIO = TR__MIN_LR_RATIO + 1, CYCLE_STEPS, CYCLE_GROWTH, RESTARTS };

static double cosine_floor(const struct tr_schedule_place *at, const double *option)
{
    double floor = option[FLOOR_RATIO], share;
    double x = (double)(at->k - 1 - at->warmup) / option[CYCLE_STEPS];
    if (at->k <= at->warmup)
        share = (double)at->k / (double)at->warmup;
    else
        share = tr__cosine_fall(option[RESTARTS] > 0 ? tr__within_cycle(x, option[CYCLE_GROWTH])
                                : x < 1              ? x
                                                     : 1,
                                option[TR__MIN_LR_RATIO]);
    return floor + (1 - floor) * share;
}

static const struct tr_option options[] = {
    [TR__MIN_LR_RATIO] = TR__MIN_LR_RATIO_OPTION,
    [FLOOR_RATIO] = { "floor_ratio", 0, 1, 0,
                      "share of --lr that is there from the first step on, below all else", 0 },
    [CYCLE_STEPS] = { "cycle_steps", 1, 1e9, 1000, "steps of the first cycle", 0 },
    [CYCLE_GROWTH] = { "cycle_growth", 1, 10, 1,
                       "each cycle so many times as long as the last", 0 },
    [RESTARTS] = { "restarts", 0, 1, 0, "1: it begins anew behind its end", 0 },
    { .name = NULL },
};

const struct tr_schedule tr__schedule_cosine_floor = {
    .name = "cosine_floor",
    .option = options,
    .factor = cosine_floor,
    .warms = 1,
};
