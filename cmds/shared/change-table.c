/* SPDX-License-Identifier: MIT
 *
 * What became of the changes that a merge made.  Below a ratio of 1 most of what was learnt
 * is noise in the file: the reader is told where, and which types are fine enough.
 */
#include "change-table.h"
#include "message.h"
#include "tensor-kind.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = CMD_KIND_BYTES };

struct kind {
    char name[WIDTH], types[WIDTH];
    double change, kept, lost;
};

static void add(struct kind *k, const struct tr_recipe_entry *e,
                const struct tr_merge_change *c)
{
    k->change += c->change;
    k->kept += c->kept;
    k->lost += c->lost;
    cmd_add_word(k->types, WIDTH, e->type->name);
}

static void say(const struct kind *k, int width)
{
    char ratio[32] = "-";
    if (k->lost > 0)
        snprintf(ratio, sizeof ratio, "%.3g", sqrt(k->change / k->lost));
    cmd_say("%-*s  %11.1f %%  %17s  %s", width, k->name, 100 * k->kept / k->change, ratio,
            k->types);
}

static int drowned(const struct tr_merge_change *c)
{
    return c->change < c->lost;
}

/* Is every drowned change larger than what rounding to type i would do to it? */
static int keeps_all(const struct tr_merge_change *c, size_t n, int i)
{
    for (size_t k = 0; k < n; k++)
        if (drowned(&c[k]) && !(c[k].in_type[i] < c[k].tried))
            return 0;
    return 1;
}

static void warn(const struct tr_merge_change *c, size_t n, size_t n_changed)
{
    char types[WIDTH] = "";
    size_t n_drowned = 0;
    for (size_t k = 0; k < n; k++)
        n_drowned += (size_t)drowned(&c[k]);
    for (int i = 0; i < TR_MERGE_N_TYPE; i++)
        if (keeps_all(c, n, i))
            cmd_add_word(types, sizeof types, tr_merge_type(i)->name);
    if (n_drowned)
        cmd_warn("in %zu of %zu tensors rounding to the type of the file is larger than the "
                 "change: %s%s", n_drowned, n_changed,
                 *types ? "types for -t that keep it: " : "no type keeps it", types);
}

void cmd_say_changes(const struct tr_recipe *r, const struct tr_merge_change *change)
{
    size_t n = 0, n_changed = 0;
    int width = 4;
    struct kind *kind = calloc(r->n + 1, sizeof *kind);
    for (size_t i = 0; kind && i < r->n; i++) {
        char name[WIDTH];
        if (!(change[i].change > 0))
            continue;
        n_changed++;
        cmd_tensor_kind(name, sizeof name, r->entry[i].tensor->name);
        add(cmd_kind_line(kind, sizeof *kind, &n, name), &r->entry[i], &change[i]);
        if ((int)strlen(name) > width)
            width = (int)strlen(name);
    }
    if (n)
        cmd_say("%-*s    change kept  change / rounding  types", width, "kind");
    for (size_t i = 0; i < n; i++)
        say(&kind[i], width);
    free(kind);
    warn(change, r->n, n_changed);
}
