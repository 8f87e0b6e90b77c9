/* SPDX-License-Identifier: MIT
 *
 * One cycle (Smith, Topin 2018, "Super-convergence"): up along half a period of the cosine
 * from 1 / start_div of the rate in the warm-up, and down along another to 1 / end_div of
 * where it started.  The places are those of PyTorch's OneCycleLR, whose pct_start is the
 * share of the warm-up.
 */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stddef.h>

enum { START_DIV, END_DIV };

/* From a to b as x goes from 0 to 1. */
static double along(double a, double b, double x)
{
    return b + (a - b) * 0.5 * (1 + cos(3.14159265358979323846 * x));
}

static double one_cycle(const struct tr_schedule_place *at, const double *option)
{
    double start = 1 / option[START_DIV], end = start / option[END_DIV];
    if (at->k < at->warmup)
        return along(start, 1, (double)(at->k - 1) / (double)(at->warmup - 1));
    int64_t top = at->warmup > 0 ? at->warmup : 1; /* the update of the full rate */
    if (at->k == top)
        return 1;
    return along(1, end, (double)(at->k - top) / (double)(at->total - top));
}

static const struct tr_option options[] = {
    [START_DIV] = { "start_div", 1, 1e9, 25, "the rate starts at this part of --lr", 0 },
    [END_DIV] = { "end_div", 1, 1e12, 1e4, "and ends at this part of its start", 0 },
    { .name = NULL },
};

const struct tr_schedule tr__schedule_one_cycle = {
    .name = "one_cycle",
    .option = options,
    .factor = one_cycle,
    .warms = 1,
};
