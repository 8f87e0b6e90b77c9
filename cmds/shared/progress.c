/* SPDX-License-Identifier: MIT
 *
 * The line of a step, for people: whatever the numbers are, it stays a line.  On a
 * terminal it stands in one place and is written over; anywhere else it is a message like
 * any other.
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

static int line_open; /* on a terminal */

void cmd_progress_end(void)
{
    if (line_open)
        fputc('\n', stderr);
    line_open = 0;
}

void cmd_progress(const struct tr_trainer *t, const struct tr_step_stats *s,
                  const struct tr_train_progress *p)
{
    if (cmd_quiet())
        return;
    char left[32], line[256], val[48] = "";
    int64_t total = tr_trainer_total(t);
    format_time(p->seconds_left, left, sizeof left);
    if (!isnan(p->val_loss))
        snprintf(val, sizeof val, "  val %s", figure(p->val_loss, 4).text);
    snprintf(line, sizeof line,
             "step %lld/%lld  loss %s  ppl %s%s  lr %.2e  norm %s  %.0f tok/s  "
             "%.0f MB  +dW %.1f MB  left %s%s",
             (long long)s->step, (long long)total, figure(s->loss, 4).text,
             figure(exp(s->loss), 2).text, val, s->lr, figure(s->grad_norm, 3).text,
             p->tokens_per_s, (double)tr_machine_resident() / 1e6,
             (double)tr_trainer_plan(t)->params / 1e6, left,
             s->skipped ? "  SKIPPED: not finite" : "");
    if (!isatty(STDERR_FILENO)) {
        cmd_say("%s", line);
        return;
    }
    fprintf(stderr, "\r\033[K%s", line);
    line_open = 1;
    if (s->step == total)
        cmd_progress_end();
}
