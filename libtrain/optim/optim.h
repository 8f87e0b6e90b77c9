/* SPDX-License-Identifier: MIT
 *
 * The lists of optimizers and schedules, for the files that define them, and the tables of
 * options that several of them have.
 */
#ifndef LIBTRAIN_OPTIM_OPTIM_H
#define LIBTRAIN_OPTIM_OPTIM_H

#include <libtrain/optim.h>
#include <libtrain/params.h>

#define TR_OPTIM(name) extern const struct tr_optim tr__optim_##name;
#include <libtrain/optim/optims.def>
#undef TR_OPTIM

#define TR_SCHEDULE(name) extern const struct tr_schedule tr__schedule_##name;
#include <libtrain/optim/schedules/schedules.def>
#undef TR_SCHEDULE

/* Of adamw, adamw8 and, for what is no linear map, muon: places in it. */
enum { TR__BETA1, TR__BETA2, TR__EPS, TR__N_ADAM };
#define TR__ADAM_OPTIONS                                                                 \
    [TR__BETA1] = { "beta1", 0, 0.9999999, 0.9, "decay of the first moment", 1 },        \
    [TR__BETA2] = { "beta2", 0, 0.9999999, 0.999, "decay of the second moment", 1 },     \
    [TR__EPS] = { "eps", 1e-30, 1, 1e-8, "AdamW's epsilon", 1 }
extern const struct tr_option tr__adam_options[];
void tr__adamw_step(const struct tr_optim_step *s, int64_t n, float *param,
                    const float *grad, void *const *state);

/* In f64, over fixed pieces in fixed order: the same bits for any number of threads. */
double tr__sum_of_squares(const float *v, int64_t n);
double tr__dot(const float *a, const float *b, int64_t n);

/* What parameter i is to an optimizer, whether that updates it as matrices, and whether an
 * update sees all of it at once. */
struct tr_optim_shape tr__optim_shape(const struct tr_params *p, size_t i);
int tr__optim_by_matrix(const struct tr_params *p, size_t i);
int tr__optim_is_whole(const struct tr_params *p, size_t i);

/* Numbers of the changes and the scratch that updating the largest tensor takes. */
int64_t tr__optim_room(const struct tr_params *p);

/* Are the values of a table rates, not factors?  NULL: no. */
int tr__schedule_is_rate(const struct tr_schedule_table *t);

/* Of schedules that fall: the first of their options, and a table of it alone. */
enum { TR__MIN_LR_RATIO };
#define TR__MIN_LR_RATIO_OPTION \
    { .name = "min_lr_ratio", .most = 1, .help = "what the rate falls to, as a share of --lr" }
extern const struct tr_option tr__falling_options[];

/* Where in its cycle, from 0 to 1, a place is that lies x lengths of the first cycle behind the
 * start, if each is `growth` times as long as the last; half a cosine from 1 to `low`. */
double tr__within_cycle(double x, double growth);
double tr__cosine_fall(double x, double low);

#endif
