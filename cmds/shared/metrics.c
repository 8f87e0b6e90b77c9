/* SPDX-License-Identifier: MIT
 *
 * The table of metrics (step-table.c).  Numbers have nine digits: they are for programs; the
 * line for people is in progress.c.  A row is made once, and its cells are what both forms hold.
 */
#include "metrics.h"
#include "step-table.h"

#include <libtrain/machine.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                          \
    "step\tloss\tperplexity\tlr\tgrad_norm\ttokens_per_s\trss_bytes\tseconds\ttokens\t"  \
    "val_loss\tval_perplexity\tval_every\ttotal_steps"

enum { ROW = 512 };

int cmd_metrics_open(struct cmd_metrics *t, const char *path, const char *json,
                     int64_t first_step, struct tr_err *err)
{
    char header[sizeof t->columns + 1];
    t->path = path;
    t->json_path = json;
    snprintf(t->columns, sizeof t->columns, "%s%s%s", COLUMNS, t->balance ? "\tbalance" : "",
             t->answers ? "\tval_margin\tval_accuracy\tmargin\taccuracy" : "");
    snprintf(header, sizeof header, "%s\n", t->columns);
    if (path && !(t->file = cmd_step_table_open(path, header, first_step, err)))
        return err->code;
    if (json && !(t->json = cmd_step_table_open(json, "", first_step, err)))
        return err->code;
    return 0;
}

/* The cells of a row, with tabs between them as in the header. */
static void make_row(const struct cmd_metrics *t, const struct tr_step_stats *s,
                     const struct tr_train_progress *p, int64_t total, char *row)
{
    char val[80] = "-\t-\t-";
    if (!isnan(p->val_loss))
        snprintf(val, sizeof val, "%.9g\t%.9g\t%llu", p->val_loss, exp(p->val_loss),
                 (unsigned long long)p->val_every);
    size_t n = (size_t)snprintf(
        row, ROW, "%lld\t%.9g\t%.9g\t%.9g\t%.9g\t%.9g\t%lld\t%.9g\t%lld\t%s\t%lld",
        (long long)s->step, s->loss, exp(s->loss), s->lr, s->grad_norm, p->tokens_per_s,
        (long long)tr_machine_resident(), p->seconds, (long long)s->n_token, val,
        (long long)total);
    if (t->balance)
        n += (size_t)snprintf(row + n, ROW - n, "\t%.9g", s->balance);
    if (t->answers && isnan(p->val_margin))
        n += (size_t)snprintf(row + n, ROW - n, "\t-\t-");
    else if (t->answers)
        n += (size_t)snprintf(row + n, ROW - n, "\t%.9g\t%.9g", p->val_margin,
                              p->val_accuracy);
    if (t->answers)
        snprintf(row + n, ROW - n, "\t%.9g\t%.9g", s->margin, s->accuracy);
}

/* What is no number, "-" or nan, is null: JSON has no other word. */
static void print_object(FILE *f, const char *columns, const char *row)
{
    const char *between = "{";
    for (; *columns; between = ", ") {
        int name = (int)strcspn(columns, "\t"), cell = (int)strcspn(row, "\t");
        int finite = cell > 0 && strcspn(row, "in\t") == (size_t)cell && strncmp(row, "-\t", 2);
        fprintf(f, "%s\"%.*s\": %.*s", between, name, columns, finite ? cell : 4,
                finite ? row : "null");
        columns += name + (columns[name] == '\t');
        row += cell + (row[cell] == '\t');
    }
    fputs("}\n", f);
}

void cmd_metrics_add(struct cmd_metrics *t, const struct tr_step_stats *s,
                     const struct tr_train_progress *p, int64_t total)
{
    char row[ROW];
    if (!t->file && !t->json)
        return;
    make_row(t, s, p, total, row);
    if (t->file) {
        fprintf(t->file, "%s\n", row);
        cmd_step_table_flush(&t->file, t->path);
    }
    if (t->json) {
        print_object(t->json, t->columns, row);
        cmd_step_table_flush(&t->json, t->json_path);
    }
}

void cmd_metrics_close(struct cmd_metrics *t)
{
    cmd_step_table_close(&t->file);
    cmd_step_table_close(&t->json);
}
