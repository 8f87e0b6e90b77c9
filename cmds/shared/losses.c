/* SPDX-License-Identifier: MIT
 *
 * Losses of sequences as TSV: what they weigh and their mean, a dash where nothing counts.
 * Next: libtrain/train/compare.c, which says what two such tables tell.
 */
#include "losses.h"

#include <libtrain/file.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "tokens\tloss"

void cmd_losses_print(FILE *f, const struct tr_sequence_loss *seq, uint64_t n)
{
    fputs(HEADER "\n", f);
    for (uint64_t i = 0; i < n; i++)
        if (seq[i].weight > 0)
            fprintf(f, "%.9g\t%.9g\n", seq[i].weight, seq[i].loss);
        else
            fputs("0\t-\n", f);
}

/* One row, whose line end is gone; 0 if it is none. */
static int parse_row(const char *line, struct tr_sequence_loss *s)
{
    char *end;
    s->weight = strtod(line, &end);
    s->loss = 0;
    if (end == line || *end != '\t' || !isfinite(s->weight) || s->weight < 0)
        return 0;
    const char *loss = end + 1;
    if (!strcmp(loss, "-"))
        return s->weight == 0;
    s->loss = strtod(loss, &end);
    return end != loss && !*end && isfinite(s->loss);
}

static int parse(struct cmd_losses *t, char *text, size_t n, const char *path,
                 struct tr_err *err)
{
    const char *all = text + n;
    unsigned long long line = 0;
    for (char *end; (end = strchr(text, '\n')); text = end + 1, line++) {
        *end = '\0';
        int ok = line ? parse_row(text, &t->seq[t->n]) : !strcmp(text, HEADER);
        if (!ok)
            return tr_err_set(err, TR_EFORMAT, "'%s' line %llu: not a row of a table of "
                              "losses", path, line + 1);
        t->n += line > 0;
    }
    if (text != all || !line)
        return tr_err_set(err, TR_EFORMAT, "'%s' ends inside line %llu", path, line + 1);
    return 0;
}

int cmd_losses_read(struct cmd_losses *t, const char *path, struct tr_err *err)
{
    char *text;
    size_t n, lines = 1;
    int rc = tr_read_all(path, &text, &n, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    t->seq = calloc(lines, sizeof *t->seq);
    rc = t->seq ? parse(t, text, n, path, err)
                : tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %zu rows", path,
                             lines);
    free(text);
    return rc;
}

void cmd_losses_release(struct cmd_losses *t)
{
    free(t->seq);
    *t = (struct cmd_losses){ 0 };
}
