/* SPDX-License-Identifier: MIT
 *
 * The line of a step.  On a terminal it stands in one place and is written over; anywhere else
 * it is a message like any other.
 */
#include "progress.h"
#include "common.h"

#include <libtrain/machine.h>

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static void format_time(double s, char *text, size_t size)
{
    long long v = (long long)(s + 0.5);
    if (v >= 3600)
        snprintf(text, size, "%lld:%02lld:%02lld", v / 3600, v / 60 % 60, v % 60);
    else
        snprintf(text, size, "%lld:%02lld", v / 60, v % 60);
}

void cmd_progress(const struct tr_trainer *t, const struct tr_step_stats *s,
                  double val_loss, double tokens_per_s, double seconds_left)
{
    if (cmd_quiet())
        return;
    char left[32], line[256], val[48] = "";
    int64_t total = tr_trainer_total(t);
    format_time(seconds_left, left, sizeof left);
    if (!isnan(val_loss))
        snprintf(val, sizeof val, "  val %.4f", val_loss);
    snprintf(line, sizeof line,
             "step %lld/%lld  loss %.4f  ppl %.2f%s  lr %.2e  norm %.3f  %.0f tok/s  "
             "%.0f MB  +dW %.1f MB  left %s%s",
             (long long)s->step, (long long)total, s->loss, exp(s->loss), val, s->lr,
             s->grad_norm, tokens_per_s, (double)tr_machine_resident() / 1e6,
             (double)tr_trainer_plan(t)->params / 1e6, left,
             s->skipped ? "  SKIPPED: not finite" : "");
    if (!isatty(STDERR_FILENO))
        cmd_say("%s", line);
    else
        fprintf(stderr, "\r\033[K%s%s", line, s->step == total ? "\n" : "");
}
