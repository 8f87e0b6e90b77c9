/* SPDX-License-Identifier: MIT
 *
 * Cells are looked for in place: a row is a line, and the header says which cell is whose.
 */
#include "series.h"

#include <libtrain/file.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = -1 };

static int find(const char *header, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; header; i++) {
        if (!strncmp(header, name, n) && (header[n] == '\t' || !header[n]))
            return i;
        header = strchr(header, '\t');
        header = header ? header + 1 : NULL;
    }
    return NONE;
}

/* NAN for what is no number. */
static double cell(const char *line, int i)
{
    char *end;
    for (; i > 0 && line; i--) {
        line = strchr(line, '\t');
        line = line ? line + 1 : NULL;
    }
    double v = line && i != NONE ? strtod(line, &end) : (double)NAN;
    return line && i != NONE && end != line && isfinite(v) ? v : (double)NAN;
}

static int parse(struct cmd_series *s, char *text, const char *path, const char *const *name,
                 struct tr_err *err)
{
    int at[CMD_SERIES_MAX];
    char *end = strchr(text, '\n');
    if (!end)
        return tr_err_set(err, TR_EFORMAT, "'%s' ends in line 1", path);
    *end = '\0';
    for (int i = 0; name[i]; i++)
        at[i] = find(text, name[i]);
    if (at[0] == NONE)
        return tr_err_set(err, TR_EFORMAT, "'%s' line 1 has no column '%s'", path, name[0]);
    for (text = end + 1; (end = strchr(text, '\n')); text = end + 1, s->n++) {
        *end = '\0';
        for (int i = 0; name[i]; i++)
            s->column[i][s->n] = cell(text, at[i]);
        if (isnan(s->column[0][s->n]))
            return tr_err_set(err, TR_EFORMAT, "'%s' line %zu is not what it should be", path,
                              s->n + 2);
    }
    return 0;
}

int cmd_series_read(struct cmd_series *s, const char *path, const char *const *name,
                    struct tr_err *err)
{
    char *text;
    size_t n, lines = 1;
    int rc = tr_read_all(path, &text, &n, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    for (int i = 0; name[i] && !rc; i++)
        if (!(s->column[i] = malloc(lines * sizeof *s->column[i])))
            rc = tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %zu rows", path, lines);
    if (!rc)
        rc = parse(s, text, path, name, err);
    free(text);
    return rc;
}

void cmd_series_release(struct cmd_series *s)
{
    for (int i = 0; i < CMD_SERIES_MAX; i++)
        free(s->column[i]);
    *s = (struct cmd_series){ 0 };
}
