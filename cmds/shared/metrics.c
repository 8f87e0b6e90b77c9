/* SPDX-License-Identifier: MIT
 *
 * The table of metrics (step-table.c).  Numbers have nine digits: they are for programs; the
 * line for people is in progress.c.
 */
#include "metrics.h"
#include "step-table.h"

#include <libtrain/machine.h>

#include <math.h>

#define COLUMNS                                                                          \
    "step\tloss\tperplexity\tlr\tgrad_norm\ttokens_per_s\trss_bytes\tseconds\ttokens\t"  \
    "val_loss\tval_perplexity\tval_every"

int cmd_metrics_open(struct cmd_metrics *t, const char *path, int64_t first_step,
                     struct tr_err *err)
{
    t->path = path;
    if (!path)
        return 0;
    char header[sizeof COLUMNS + 40];
    snprintf(header, sizeof header, "%s%s%s", COLUMNS, t->balance ? "\tbalance" : "",
             t->answers ? "\tmargin\taccuracy" : "");
    t->file = cmd_step_table_open(path, header, first_step, err);
    return t->file ? 0 : err->code;
}

void cmd_metrics_add(struct cmd_metrics *t, const struct tr_step_stats *s,
                     const struct tr_train_progress *p)
{
    if (!t->file)
        return;
    char val[80] = "-\t-\t-";
    if (!isnan(p->val_loss))
        snprintf(val, sizeof val, "%.9g\t%.9g\t%llu", p->val_loss, exp(p->val_loss),
                 (unsigned long long)p->val_every);
    fprintf(t->file, "%lld\t%.9g\t%.9g\t%.9g\t%.9g\t%.9g\t%lld\t%.9g\t%lld\t%s",
            (long long)s->step, s->loss, exp(s->loss), s->lr, s->grad_norm,
            p->tokens_per_s,
            (long long)tr_machine_resident(), p->seconds, (long long)s->n_token, val);
    if (t->balance)
        fprintf(t->file, "\t%.9g", s->balance);
    if (t->answers)
        fprintf(t->file, "\t%.9g\t%.9g", s->margin, s->accuracy);
    fputc('\n', t->file);
    cmd_step_table_flush(&t->file, t->path);
}

void cmd_metrics_close(struct cmd_metrics *t)
{
    cmd_step_table_close(&t->file);
}
