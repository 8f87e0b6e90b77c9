/* SPDX-License-Identifier: MIT
 *
 * A rate that stays what it is after the warm-up.
 */
#include <libtrain/optim/optim.h>

static double constant(double progress, const double *option)
{
    (void)progress, (void)option;
    return 1;
}

const struct tr_schedule tr__schedule_constant = { .name = "constant", .factor = constant };
