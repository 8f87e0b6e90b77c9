/* SPDX-License-Identifier: MIT
 *
 * What becomes of a run of which a step is not finite.  Next: bad_steps.c, rewind.c.
 */
#include <libtrain/train_args.h>

static const struct tr_on_divergence kinds[] = {
    { .name = "stop", .in_a_row = 1 },
    { .name = "skip", .in_a_row = 5 },
    { .name = "rewind", .in_a_row = 4, .rewinds = 3 },
};

const struct tr_on_divergence *tr_on_divergence_at(int i)
{
    return i >= 0 && (size_t)i < sizeof kinds / sizeof *kinds ? &kinds[i] : NULL;
}
