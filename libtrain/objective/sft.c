/* SPDX-License-Identifier: MIT
 *
 * Supervised training: the loss (--loss) is that of each token alone, and no answer is looked
 * at as a whole.
 */
#include <libtrain/objective/objective.h>

const struct tr_objective tr__objective_sft = { .name = "sft" };
