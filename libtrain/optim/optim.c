/* SPDX-License-Identifier: MIT */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <string.h>

static const struct tr_optim *const optims[] = {
#define TR_OPTIM(name) &tr__optim_##name,
#include <libtrain/optim/optims.def>
#undef TR_OPTIM
};

const struct tr_optim *tr_optim_at(int i)
{
    return i >= 0 && (size_t)i < sizeof optims / sizeof *optims ? optims[i] : NULL;
}

const struct tr_optim *tr_optim_by_name(const char *name)
{
    const struct tr_optim *o;
    for (int i = 0; (o = tr_optim_at(i)); i++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}

static double constant(double progress)
{
    (void)progress;
    return 1;
}

static double linear(double progress)
{
    return 1 - progress;
}

static double cosine(double progress)
{
    return 0.5 * (1 + cos(3.14159265358979323846 * progress));
}

static const struct tr_schedule schedules[] = {
    { "cosine", cosine },
    { "linear", linear },
    { "constant", constant },
};

const struct tr_schedule *tr_schedule_at(int i)
{
    return i >= 0 && (size_t)i < sizeof schedules / sizeof *schedules ? &schedules[i] : NULL;
}

const struct tr_schedule *tr_schedule_by_name(const char *name)
{
    const struct tr_schedule *s;
    for (int i = 0; (s = tr_schedule_at(i)); i++)
        if (!strcmp(s->name, name))
            return s;
    return NULL;
}

double tr_schedule_lr(const struct tr_schedule *s, double lr, int64_t warmup,
                      int64_t total, int64_t k)
{
    if (k <= warmup)
        return lr * (double)k / (double)warmup;
    return lr * s->factor((double)(k - 1 - warmup) / (double)(total - warmup));
}
