/* SPDX-License-Identifier: MIT
 *
 * A rate that stays what it is after the warm-up.
 */
#include <libtrain/optim/optim.h>

static double constant(const struct tr_schedule_place *at, const double *option)
{
    (void)at, (void)option;
    return 1;
}

const struct tr_schedule tr__schedule_constant = { .name = "constant", .factor = constant };
