/* SPDX-License-Identifier: MIT
 *
 * Tables of what PyTorch computed, a key and numbers in each line.
 */
#include "reference_table.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *line;
static size_t line_size;
static FILE *table;

void open_table_named(const char *of)
{
    char name[128];
    snprintf(name, sizeof name, "tests/golden/reference/%s.tsv", of);
    table = fopen(name, "r");
    ck_assert_msg(table != NULL, "cannot read %s (run from the top of the sources)", name);
}

void close_table(void)
{
    fclose(table);
    free(line);
}

void row(const char *key, double *v, int n)
{
    size_t len = strlen(key);
    rewind(table);
    while (getline(&line, &line_size, table) > 0) {
        if (strncmp(line, key, len) || line[len] != '\t')
            continue;
        char *p = line + len;
        for (int i = 0; i < n; i++) {
            char *end;
            v[i] = strtod(p, &end);
            ck_assert_msg(end != p, "row '%s' has %d numbers, wanted %d", key, i, n);
            p = end;
        }
        ck_assert_msg(*p == '\n', "row '%s' has more than %d numbers", key, n);
        return;
    }
    ck_abort_msg("no row '%s'", key);
}

int rows_that_begin_with(const char *key)
{
    int n = 0;
    rewind(table);
    while (getline(&line, &line_size, table) > 0)
        n += !strncmp(line, key, strlen(key));
    return n;
}

void near(const char *what, int i, double got, double want, double limit)
{
    ck_assert_msg(fabs(got - want) <= limit,
                  "%s[%d]: %.9g, wanted %.9g, off by %.2g > %.2g", what, i, got, want,
                  fabs(got - want), limit);
}
