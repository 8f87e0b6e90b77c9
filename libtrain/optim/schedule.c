/* SPDX-License-Identifier: MIT
 *
 * Learning rates: a linear warm-up, the same for all but those that bring their own, then
 * what the schedule says (optim/schedules/, a file each; schedule_file.c).
 */
#include <libtrain/optim/optim.h>

#include <string.h>

static const struct tr_schedule *const schedules[] = {
#define TR_SCHEDULE(name) &tr__schedule_##name,
#include <libtrain/optim/schedules/schedules.def>
#undef TR_SCHEDULE
};

const struct tr_schedule *tr_schedule_at(int i)
{
    return i >= 0 && (size_t)i < sizeof schedules / sizeof *schedules ? schedules[i] : NULL;
}

const struct tr_schedule *tr_schedule_by_name(const char *name)
{
    const struct tr_schedule *s;
    for (int i = 0; (s = tr_schedule_at(i)); i++)
        if (!strcmp(s->name, name))
            return s;
    return NULL;
}

double tr_schedule_lr(const struct tr_schedule *s, const double *option, double lr,
                      int64_t warmup, int64_t total, int64_t k)
{
    struct tr_schedule_place at = { .k = k, .warmup = warmup, .total = total,
                                      .table = s->table };
    if (k <= warmup && !s->warms)
        return lr * (double)k / (double)warmup;
    if (k > warmup)
        at.progress = (double)(k - 1 - warmup) / (double)(total - warmup);
    double factor = s->factor(&at, option);
    return tr__schedule_is_rate(s->table) ? factor : lr * factor;
}
