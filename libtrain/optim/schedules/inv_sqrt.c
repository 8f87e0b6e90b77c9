/* SPDX-License-Identifier: MIT
 *
 * A rate that falls with the root of the steps (Vaswani et al. 2017, "Attention is all you
 * need"; Zhai et al. 2022 with a time scale of its own): it does not depend on how long the
 * run is.
 */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stddef.h>

enum { TIMESCALE };

static double inv_sqrt(const struct tr_schedule_place *at, const double *option)
{
    double scale = option[TIMESCALE] > 0 ? option[TIMESCALE] : (double)at->warmup;
    scale = scale >= 1 ? scale : 1;
    return sqrt(scale / (scale + (double)(at->k - 1 - at->warmup)));
}

static const struct tr_option options[] = {
    [TIMESCALE] = { "timescale", 0, 1e9, 0, "steps after which it begins to fall; 0: the warm-up's", 0 },
    { .name = NULL },
};

const struct tr_schedule tr__schedule_inv_sqrt = {
    .name = "inv_sqrt",
    .option = options,
    .factor = inv_sqrt,
};
