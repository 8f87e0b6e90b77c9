/* SPDX-License-Identifier: MIT
 *
 * A rate that rises from `range_from` times --lr to --lr, by the same factor with each step (Smith
 * 2015, "Cyclical learning rates"): the loss over it shows which rates a run bears.
 */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stddef.h>

enum { RANGE_FROM };

static double range(const struct tr_schedule_place *at, const double *option)
{
    int64_t steps = at->total - at->warmup - 1;
    double place = steps > 0 ? (double)(at->k - 1 - at->warmup) / (double)steps : 1;
    return pow(option[RANGE_FROM], 1 - place);
}

static const struct tr_option options[] = {
    [RANGE_FROM] = { "range_from", 1e-12, 1, 1e-5, "what the rate starts at, as a share of --lr", 0 },
    { .name = NULL },
};

const struct tr_schedule tr__schedule_range = {
    .name = "range",
    .option = options,
    .factor = range,
};
