/* SPDX-License-Identifier: MIT
 *
 * What is odd about a run and no reason to refuse it.  The library does not print: a line
 * is kept for whoever asks.
 */
#include <libtrain/base/base.h>
#include <libtrain/comm.h>
#include <libtrain/train/args.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void tr__warn(struct tr_trainer *t, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (tr__grow(&t->warning, &t->cap_warning, t->n_warning + 1, sizeof *t->warning))
        return;
    t->warning[t->n_warning] = strdup(line);
    t->n_warning += t->warning[t->n_warning] != NULL;
}

const char *tr_trainer_warning(const struct tr_trainer *t, size_t i)
{
    if (i < t->n_warning)
        return t->warning[i];
    return i == t->n_warning && *t->warmup_note ? t->warmup_note : NULL;
}

void tr__note_warmup(struct tr_trainer *t)
{
    const struct tr_train_args *a = &t->args;
    char *note = t->warmup_note;
    *note = '\0';
    if (t->old_warmup)
        snprintf(note, sizeof t->warmup_note,
                 "this run began with a warm-up of %lld steps, cut to the length of the "
                 "run, and goes on so", (long long)t->warmup);
    else if (t->warmup > t->total)
        snprintf(note, sizeof t->warmup_note,
                 "a warm-up of %lld steps in a run of %lld: the learning rate ends at %g",
                 (long long)t->warmup, (long long)t->total,
                 tr_schedule_lr(a->sched, t->sched_option, a->lr, t->warmup, t->total,
                                t->total));
}

void tr__warn_of_run(struct tr_trainer *t)
{
    const struct tr_train_args *a = &t->args;
    for (const struct tr_setting *s = a->setting; s && s->name; s++)
        if (!tr__arg_option(a, s->name))
            tr__warn(t, "'%s' is set, which means nothing to %s, %s and %s", s->name,
                     a->optim->name, a->sched->name, a->loss->name);
    if (a->optim->minimise)
        tr__warn(t, "optimizer '%s' finds how far it goes by itself: lr, sched, warmup, clip and "
                 "weight_decay mean nothing to it", a->optim->name);
    if (a->grad_acc < tr_comm_size())
        tr__warn(t, "%lld micro-batches a step for %d processes: some have nothing to do",
                 (long long)a->grad_acc, tr_comm_size());
    tr__note_warmup(t);
}
