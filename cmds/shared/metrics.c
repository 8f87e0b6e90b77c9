/* SPDX-License-Identifier: MIT */
#include "metrics.h"
#include "common.h"

#include <libtrain/machine.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char header[] =
    "step\tloss\tperplexity\tlr\tgrad_norm\ttokens_per_s\trss_bytes\tseconds\ttokens\t"
    "val_loss\tval_perplexity\n";

/* Keep the rows of an older log up to the step from which the run goes on. */
static char *rows_until(const char *path, int64_t step)
{
    char *kept = NULL, *line = NULL;
    size_t size = 0, cap = 0;
    FILE *in = fopen(path, "re"), *out = open_memstream(&kept, &size);
    while (in && out && getline(&line, &cap, in) > 0)
        if (line[0] >= '0' && line[0] <= '9' && strtoll(line, NULL, 10) <= step &&
            strchr(line, '\n'))
            fputs(line, out);
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    free(line);
    return kept;
}

int cmd_metrics_open(struct cmd_metrics *t, const char *path, int64_t first_step,
                     struct tr_err *err)
{
    t->path = path;
    if (!path)
        return 0;
    char *kept = first_step && strcmp(path, "-") ? rows_until(path, first_step) : NULL;
    t->file = strcmp(path, "-") ? fopen(path, "we") : stdout;
    if (!t->file || fputs(header, t->file) < 0 || (kept && fputs(kept, t->file) < 0) ||
        fflush(t->file))
        tr_err_sys(err, "cannot write '%s'", path);
    free(kept);
    return err->code;
}

void cmd_metrics_add(struct cmd_metrics *t, const struct tr_step_stats *s, double val_loss,
                     double tokens_per_s, double seconds)
{
    if (!t->file)
        return;
    char val[64] = "-\t-";
    if (!isnan(val_loss))
        snprintf(val, sizeof val, "%.9g\t%.9g", val_loss, exp(val_loss));
    fprintf(t->file, "%lld\t%.9g\t%.9g\t%.9g\t%.9g\t%.9g\t%lld\t%.9g\t%lld\t%s\n",
            (long long)s->step, s->loss, exp(s->loss), s->lr, s->grad_norm, tokens_per_s,
            (long long)tr_machine_resident(), seconds, (long long)s->n_token, val);
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
