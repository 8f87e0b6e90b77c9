/* SPDX-License-Identifier: MIT
 *
 * Rows are out at once, so that they can be watched, and a run that goes on keeps those up to
 * its save.  Next: metrics.c, samples.c.
 */
#include "step-table.h"
#include "message.h"

#include <libtrain/file.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The step of a row, of TSV or of JSON; -1: it is none. */
static int64_t step_of(const char *line)
{
    static const char object[] = "{\"step\": ";
    if (!strncmp(line, object, sizeof object - 1))
        line += sizeof object - 1;
    return line[0] >= '0' && line[0] <= '9' ? strtoll(line, NULL, 10) : -1;
}

/* Copy the rows of an older table up to the step from which the run goes on. */
static void copy_rows(FILE *in, int64_t step, FILE *out)
{
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, in) > 0)
        if (step_of(line) >= 0 && step_of(line) <= step && strchr(line, '\n'))
            fputs(line, out);
    free(line);
}

/* Leave of an older table what stays: it is whole, as it was or as it is to be, at any
 * time. */
static int cut(const char *path, const char *header, int64_t step, struct tr_err *err)
{
    FILE *in = tr_in_open(path, err);
    struct tr_out *out = in ? tr_out_open(path, err) : NULL;
    if (out) {
        fputs(header, tr_out_stream(out));
        copy_rows(in, step, tr_out_stream(out));
    }
    if (out && ferror(in))
        tr_err_sys(err, "cannot read '%s'", path);
    if (in)
        fclose(in);
    return tr_out_finish(out, err->code, err);
}

FILE *cmd_step_table_open(const char *path, const char *header, int64_t first_step,
                          struct tr_err *err)
{
    struct stat st;
    int std = !strcmp(path, "-");
    int goes_on = first_step && !std && !stat(path, &st) && S_ISREG(st.st_mode);
    if (goes_on && cut(path, header, first_step, err))
        return NULL;
    FILE *f = std ? stdout : fopen(path, goes_on ? "ae" : "we");
    if (f && (goes_on || fputs(header, f) >= 0) && !fflush(f))
        return f;
    tr_err_sys(err, "cannot write '%s'", path);
    if (f && !std)
        fclose(f);
    return NULL;
}

void cmd_step_table_flush(FILE **f, const char *path)
{
    if (!fflush(*f))
        return;
    cmd_warn("cannot write '%s' any more: the table ends here", path);
    cmd_step_table_close(f);
}

void cmd_step_table_close(FILE **f)
{
    if (*f && *f != stdout)
        fclose(*f);
    *f = NULL;
}
