/* SPDX-License-Identifier: MIT
 *
 * Several adapters to one.  Next: libtrain/edit/join.c.
 */
#include "merge-adapters.h"
#include "adapters.h"
#include "job.h"
#include "tensor-kind.h"

#include <libtrain/join.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct adapters {
    size_t n;
    struct tr_gguf **file; // (n)
    double *scale;         // (n)
};

static int open_one(struct adapters *a, const char *text, struct tr_err *err)
{
    char *path = strdup(text);
    if (!path)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its name", text);
    const char *scale = cmd_cut_number(path);
    a->scale[a->n] = scale ? strtod(scale, NULL) : 1;
    if (a->scale[a->n] == 0)
        tr_err_set(err, TR_EINVAL, "adapter '%s': a scale of 0 leaves nothing of it", path);
    else if ((a->file[a->n] = tr_gguf_open(path, err)))
        a->n++;
    free(path);
    return err->code;
}

/* ==== what is said, by kind of tensor ==== */

enum { WIDTH = CMD_KIND_BYTES };

struct kind {
    char name[WIDTH];
    double change, lost;
    int rank; /* the largest */
};

static void say(const struct kind *k)
{
    if (k->change > 0)
        cmd_say("%-16s  %6d  %11.3g %%", k->name, k->rank, 100 * sqrt(k->lost / k->change));
    else
        cmd_say("%-16s  %6d  %13s", k->name, k->rank, "-");
}

static void say_losses(const struct tr_join_loss *loss, size_t n_pair)
{
    size_t n = 0;
    struct kind *kind = calloc(n_pair + 1, sizeof *kind);
    for (size_t i = 0; kind && i < n_pair; i++) {
        char name[WIDTH];
        cmd_tensor_kind(name, sizeof name, loss[i].name);
        struct kind *k = cmd_kind_line(kind, sizeof *kind, &n, name);
        k->change += loss[i].change;
        k->lost += loss[i].lost;
        k->rank = loss[i].rank > k->rank ? loss[i].rank : k->rank;
    }
    cmd_say("%-16s    rank  lost / change", "kind");
    for (size_t i = 0; i < n; i++)
        say(&kind[i]);
    free(kind);
}

/* ==== the work ==== */

static int join(const struct adapters *a, const struct cmd_join *o, struct tr_err *err)
{
    struct tr_join_loss *loss = NULL;
    size_t n_pair = 0;
    struct tr_join_args args = { a->n, (const struct tr_gguf *const *)a->file, a->scale,
                                 (int)o->rank, o->force, o->name, o->history, cmd_job("B") };
    int rc = tr_join(&args, o->output, &loss, &n_pair, err);
    cmd_job_end();
    if (!rc) {
        cmd_say("joined %zu adapter%s to %zu pairs", a->n, a->n == 1 ? "" : "s", n_pair);
        say_losses(loss, n_pair);
    }
    free(loss);
    return rc;
}

int cmd_join_adapters(const struct cmd_join *o, struct tr_err *err)
{
    const struct cmd_list *list = &o->adapters;
    struct adapters a = { 0, calloc(list->n, sizeof *a.file), calloc(list->n, sizeof *a.scale) };
    int rc = a.file && a.scale ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for %zu "
                                                "adapters", list->n);
    for (size_t i = 0; !rc && i < list->n; i++)
        rc = open_one(&a, list->item[i], err);
    if (!rc)
        rc = join(&a, o, err);
    for (size_t i = 0; i < a.n; i++)
        tr_gguf_close(a.file[i]);
    free(a.file);
    free(a.scale);
    return rc;
}
