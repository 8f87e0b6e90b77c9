/* SPDX-License-Identifier: MIT
 *
 * The table of metrics: a row a step, out at once, so that it can be watched.  A run that
 * goes on keeps the rows up to its save and adds to them.  Numbers have nine digits: they
 * are for programs; the line for people is in progress.c.
 */
#include "metrics.h"
#include "common.h"

#include <libtrain/file.h>
#include <libtrain/machine.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int write_header(const struct cmd_metrics *t, FILE *f)
{
    fputs("step\tloss\tperplexity\tlr\tgrad_norm\ttokens_per_s\trss_bytes\tseconds\ttokens\t"
          "val_loss\tval_perplexity", f);
    return fputs(t->balance ? "\tbalance\n" : "\n", f);
}

/* Copy the rows of an older log up to the step from which the run goes on. */
static void copy_rows(FILE *in, int64_t step, FILE *out)
{
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, in) > 0)
        if (line[0] >= '0' && line[0] <= '9' && strtoll(line, NULL, 10) <= step &&
            strchr(line, '\n'))
            fputs(line, out);
    free(line);
}

/* Leave of an older log what stays: it is whole, as it was or as it is to be, at any
 * time. */
static int cut_log(const struct cmd_metrics *t, int64_t step, struct tr_err *err)
{
    const char *path = t->path;
    FILE *in = tr_in_open(path, err);
    struct tr_out *out = in ? tr_out_open(path, err) : NULL;
    if (out) {
        write_header(t, tr_out_stream(out));
        copy_rows(in, step, tr_out_stream(out));
    }
    if (out && ferror(in))
        tr_err_sys(err, "cannot read '%s'", path);
    if (in)
        fclose(in);
    return tr_out_finish(out, err->code, err);
}

int cmd_metrics_open(struct cmd_metrics *t, const char *path, int64_t first_step,
                     struct tr_err *err)
{
    struct stat st;
    t->path = path;
    if (!path)
        return 0;
    int goes_on = first_step && strcmp(path, "-") && !stat(path, &st) &&
                  S_ISREG(st.st_mode);
    if (goes_on && cut_log(t, first_step, err))
        return err->code;
    t->file = strcmp(path, "-") ? fopen(path, goes_on ? "ae" : "we") : stdout;
    if (!t->file || (!goes_on && write_header(t, t->file) < 0) || fflush(t->file))
        tr_err_sys(err, "cannot write '%s'", path);
    return err->code;
}

void cmd_metrics_add(struct cmd_metrics *t, const struct tr_step_stats *s,
                     const struct tr_train_progress *p)
{
    if (!t->file)
        return;
    char val[64] = "-\t-";
    if (!isnan(p->val_loss))
        snprintf(val, sizeof val, "%.9g\t%.9g", p->val_loss, exp(p->val_loss));
    fprintf(t->file, "%lld\t%.9g\t%.9g\t%.9g\t%.9g\t%.9g\t%lld\t%.9g\t%lld\t%s",
            (long long)s->step, s->loss, exp(s->loss), s->lr, s->grad_norm,
            p->tokens_per_s,
            (long long)tr_machine_resident(), p->seconds, (long long)s->n_token, val);
    if (t->balance)
        fprintf(t->file, "\t%.9g", s->balance);
    fputc('\n', t->file);
    if (fflush(t->file)) {
        cmd_warn("cannot write '%s' any more: the log ends here", t->path);
        cmd_metrics_close(t);
    }
}

void cmd_metrics_close(struct cmd_metrics *t)
{
    if (t->file && t->file != stdout)
        fclose(t->file);
    t->file = NULL;
}
