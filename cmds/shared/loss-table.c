/* SPDX-License-Identifier: MIT
 *
 * What became of the tensors of a model, by kind, as quantize tells it at its end.
 */
#include "loss-table.h"
#include "message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 64 };

struct kind {
    char name[WIDTH];
    double bytes, numbers, square, power; /* sums */
    char types[WIDTH];
};

/* "blk.3.attn_q.weight" is "attn_q"; what nothing packs is "not packed". */
static void kind_name(char name[WIDTH], const struct tr_recipe_entry *e)
{
    const char *rest = e->tensor->name;
    if (e->type->block == 1) {
        snprintf(name, WIDTH, "not packed");
        return;
    }
    tr_gguf_block(e->tensor->name, &rest);
    size_t n = strlen(rest);
    if (n > 7 && !strcmp(rest + n - 7, ".weight"))
        n -= 7;
    snprintf(name, WIDTH, "%.*s", (int)n, rest);
}

static struct kind *find(struct kind *kind, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (!strcmp(kind[i].name, name))
            return &kind[i];
    snprintf(kind[*n].name, WIDTH, "%s", name);
    return &kind[(*n)++];
}

static void add_type(char types[WIDTH], const char *name)
{
    size_t used = strlen(types), n = strlen(name);
    for (const char *p = types; (p = strstr(p, name)); p += n)
        if ((p == types || p[-1] == ' ') && (!p[n] || p[n] == ' '))
            return;
    snprintf(types + used, WIDTH - used, "%s%s", used ? " " : "", name);
}

static void add(struct kind *k, const struct tr_recipe_entry *e,
                const struct tr_quantize_error *error)
{
    double n = (double)tr_gguf_count(e->tensor);
    k->numbers += n;
    k->bytes += (double)e->bytes;
    k->square += error ? n * error->square : 0;
    k->power += error ? n * error->power : 0;
    add_type(k->types, e->type->name);
}

static void say(const struct kind *k, int width, int with_error)
{
    char error[48] = "";
    if (with_error && k->power > 0)
        snprintf(error, sizeof error, "  %9.3g  %6.2f %%", sqrt(k->square / k->numbers),
                 100 * sqrt(k->square / k->power));
    else if (with_error)
        snprintf(error, sizeof error, "  %9s", "-");
    cmd_say("%-*s %10.2f  %5.2f%s  %s", width, k->name, k->bytes / 0x1p20,
            8 * k->bytes / k->numbers, error, k->types);
}

void cmd_say_losses(const struct tr_recipe *r, const struct tr_quantize_error *error)
{
    size_t n = 0;
    int width = 4;
    struct kind *kind = calloc(r->n + 1, sizeof *kind);
    for (size_t i = 0; kind && i < r->n; i++) {
        char name[WIDTH];
        kind_name(name, &r->entry[i]);
        add(find(kind, &n, name), &r->entry[i], error ? &error[i] : NULL);
        if ((int)strlen(name) > width)
            width = (int)strlen(name);
    }
    if (n > 1)
        cmd_say("%-*s        MiB   bits%s  types", width, "kind",
                error ? "       RMSE   of size" : "");
    for (size_t i = 0; n > 1 && i < n; i++)
        say(&kind[i], width, error != NULL);
    free(kind);
}
