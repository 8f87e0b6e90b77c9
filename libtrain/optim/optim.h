/* SPDX-License-Identifier: MIT
 *
 * The lists of optimizers and schedules, for the files that define them, and the tables of
 * options that several of them have.
 */
#ifndef LIBTRAIN_OPTIM_OPTIM_H
#define LIBTRAIN_OPTIM_OPTIM_H

#include <libtrain/optim.h>

#define TR_OPTIM(name) extern const struct tr_optim tr__optim_##name;
#include <libtrain/optim/optims.def>
#undef TR_OPTIM

#define TR_SCHEDULE(name) extern const struct tr_schedule tr__schedule_##name;
#include <libtrain/optim/schedules/schedules.def>
#undef TR_SCHEDULE

/* Of adamw and adamw8: places in it. */
enum { TR__BETA1, TR__BETA2, TR__EPS };
extern const struct tr_option tr__adam_options[];

/* Of schedules that fall. */
enum { TR__MIN_LR_RATIO };
extern const struct tr_option tr__falling_options[];

#endif
