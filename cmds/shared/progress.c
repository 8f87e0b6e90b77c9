/* SPDX-License-Identifier: MIT
 *
 * The line of a step, for people: whatever the numbers are, it stays a line.  On a
 * terminal it stands in one place and is written over, and has as many fields as there is
 * room for; anywhere else it is a message like any other.
 */
#include "progress.h"
#include "common.h"
#include "fields.h"
#include "job.h"
#include "status.h"

#include <libtrain/machine.h>

#include <math.h>
#include <stdio.h>

/* A number that may be anything, in ten characters at most: what is too large for its
 * digits is written with an exponent. */
struct figure {
    char text[16];
};

static struct figure figure(double v, int decimals)
{
    struct figure f;
    snprintf(f.text, sizeof f.text, fabs(v) < 1e5 ? "%.*f" : "%.*e",
             fabs(v) < 1e5 ? decimals : 2, v);
    return f;
}

static double megabytes(int64_t bytes)
{
    return (double)bytes / 1e6;
}

/* ==== a message ==== */

static void say_step(const struct tr_trainer *t, const struct tr_step_stats *s,
                     const struct tr_train_progress *p)
{
    char val[48] = "";
    struct cmd_field left;
    cmd_field_left(&left, 0, p->seconds_left);
    if (!isnan(p->val_loss))
        snprintf(val, sizeof val, "  val %s", figure(p->val_loss, 4).text);
    cmd_say("step %lld/%lld  loss %s  ppl %s%s  lr %.2e  norm %s  %.0f tok/s  "
            "%.0f MB  +dW %.1f MB  %s%s",
            (long long)s->step, (long long)tr_trainer_total(t), figure(s->loss, 4).text,
            figure(exp(s->loss), 2).text, val, s->lr, figure(s->grad_norm, 3).text,
            p->tokens_per_s, megabytes((int64_t)tr_machine_resident()),
            megabytes(tr_trainer_plan(t)->params), left.text,
            s->skipped ? "  SKIPPED: not finite" : "");
}

/* ==== a line of a terminal ==== */

/* Measured now and then, wanted longer than for a step. */
static double last_val = NAN;

/* Fields as they stand; a rank is how long each stays when there is less room. */
static size_t fill(struct cmd_field *f, const struct tr_trainer *t,
                   const struct tr_step_stats *s, const struct tr_train_progress *p)
{
    struct cmd_field *first = f;
    long long step = (long long)s->step, total = (long long)tr_trainer_total(t);
    double part = (double)step / (double)total;
    cmd_field_bar(f++, 7, part);
    cmd_field_set(f++, 0, "%3.0f %%", floor(100 * part));
    cmd_field_set(f++, 1, "step %lld/%lld", step, total);
    cmd_field_left(f++, 2, p->seconds_left);
    cmd_field_set(f++, 4, "loss %s", figure(s->loss, 4).text);
    cmd_field_set(f++, 5, isnan(last_val) ? "" : "val %s", figure(last_val, 4).text);
    cmd_field_set(f++, 6, "%.0f tok/s", p->tokens_per_s);
    cmd_field_set(f++, 8, "lr %.2e", s->lr);
    cmd_field_set(f++, 9, "%.0f MB", megabytes((int64_t)tr_machine_resident()));
    cmd_field_set(f++, 10, "ppl %s", figure(exp(s->loss), 2).text);
    cmd_field_set(f++, 11, "+dW %.1f MB", megabytes(tr_trainer_plan(t)->params));
    cmd_field_set(f++, 12, "norm %s", figure(s->grad_norm, 3).text);
    cmd_field_set(f++, 3, s->skipped ? "SKIPPED: not finite" : "");
    return (size_t)(f - first);
}

static void show_step(const struct tr_trainer *t, const struct tr_step_stats *s,
                      const struct tr_train_progress *p)
{
    static struct cmd_pace pace;
    struct cmd_field field[CMD_MAX_FIELDS];
    char line[512];
    int last = s->step == tr_trainer_total(t);
    if (!isnan(p->val_loss))
        last_val = p->val_loss;
    if (!cmd_pace_due(&pace) && !last)
        return;
    cmd_fields_line(field, fill(field, t, s, p), cmd_status_width(), line, sizeof line);
    cmd_status_show(line);
    if (last)
        cmd_status_keep();
}

void cmd_progress(const struct tr_trainer *t, const struct tr_step_stats *s,
                  const struct tr_train_progress *p)
{
    if (cmd_quiet())
        return;
    if (cmd_status_possible())
        show_step(t, s, p);
    else
        say_step(t, s, p);
}
