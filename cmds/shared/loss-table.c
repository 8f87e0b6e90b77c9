/* SPDX-License-Identifier: MIT
 *
 * What became of the tensors of a model, by kind, as quantize tells it at its end.
 */
#include "loss-table.h"
#include "message.h"
#include "tensor-kind.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = CMD_KIND_BYTES };

struct kind {
    char name[WIDTH];
    double bytes, numbers, square, power; /* sums */
    char types[WIDTH];
};

/* What nothing packs is one kind. */
static void kind_name(char name[WIDTH], const struct tr_recipe_entry *e)
{
    if (e->type->block == 1) {
        snprintf(name, WIDTH, "not packed");
        return;
    }
    cmd_tensor_kind(name, WIDTH, e->tensor->name);
}

static void add(struct kind *k, const struct tr_recipe_entry *e,
                const struct tr_quantize_error *error)
{
    double n = (double)tr_gguf_count(e->tensor);
    k->numbers += n;
    k->bytes += (double)e->bytes;
    k->square += error ? n * error->square : 0;
    k->power += error ? n * error->power : 0;
    cmd_add_word(k->types, WIDTH, e->type->name);
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
        add(cmd_kind_line(kind, sizeof *kind, &n, name), &r->entry[i], error ? &error[i] : NULL);
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
