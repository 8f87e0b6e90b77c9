/* SPDX-License-Identifier: MIT
 *
 * lora-extract - the difference of two models as an adapter.  See lora-extract.1
 *
 * The work is libtrain/extract.h's; here are the options and what is said about it.
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/job.h"
#include "shared/tensor-kind.h"

#include <libtrain/extract.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = CMD_KIND_BYTES };

struct opts {
    const char *model, *output;
    int64_t rank;
};

/* ==== what is said, by kind of tensor ==== */

struct kind {
    char name[WIDTH];
    double base, change, lost;
    int least, most; /* ranks; 0: no pairs */
};

static void add(struct kind *k, const struct tr_extract_loss *loss)
{
    k->base += loss->base;
    k->change += loss->change;
    k->lost += loss->lost;
    if (!k->least || loss->rank < k->least)
        k->least = loss->rank;
    if (loss->rank > k->most)
        k->most = loss->rank;
}

static void say(const struct kind *k, int width)
{
    char rank[32] = "-";
    if (k->most)
        snprintf(rank, sizeof rank, k->least < k->most ? "%d-%d" : "%d", k->least, k->most);
    cmd_say("%-*s  %9s  %11.3g %%  %11.3g %%", width, k->name, rank,
            100 * sqrt(k->change / k->base), 100 * sqrt(k->lost / k->change));
}

/* Kinds that no pair is for and that differ: the adapter is not all there is to it. */
static void warn_rest(const struct kind *kind, size_t n)
{
    char names[4 * WIDTH] = "";
    for (size_t i = 0; i < n; i++)
        if (!kind[i].most)
            cmd_add_word(names, sizeof names, kind[i].name);
    if (*names)
        cmd_warn("the adapter has nothing of what changed in: %s", names);
}

static void say_losses(const struct tr_extract_loss *loss, size_t n_tensor)
{
    size_t n = 0;
    int width = 4;
    struct kind *kind = calloc(n_tensor + 1, sizeof *kind);
    for (size_t i = 0; kind && i < n_tensor; i++) {
        char name[WIDTH];
        if (!(loss[i].change > 0))
            continue;
        cmd_tensor_kind(name, sizeof name, loss[i].tensor->name);
        add(cmd_kind_line(kind, sizeof *kind, &n, name), &loss[i]);
        if ((int)strlen(name) > width)
            width = (int)strlen(name);
    }
    if (n)
        cmd_say("%-*s       rank  change / base  lost / change", width, "kind");
    for (size_t i = 0; i < n; i++)
        say(&kind[i], width);
    if (n)
        warn_rest(kind, n);
    free(kind);
}

/* ==== the work ==== */

static int extract(const struct opts *o, const char *path, struct tr_extract_args *args,
                   struct tr_err *err)
{
    struct tr_extract_loss *loss = NULL;
    struct tr_lora *l = NULL;
    struct tr_model *base = cmd_open_model(o->model, err);
    struct tr_gguf *tuned = base ? tr_gguf_open(path, err) : NULL;
    args->rank = (int)o->rank;
    args->progress = cmd_job("");
    if (tuned)
        l = tr_extract(base, tuned, args, &loss, err);
    cmd_job_end();
    if (l && !tr_lora_save(l, base, o->output, err)) {
        cmd_say("%zu pairs", l->n);
        say_losses(loss, tr_gguf_n_tensor(tr_model_gguf(base)));
    }
    free(loss);
    tr_lora_free(l);
    tr_gguf_close(tuned);
    tr_model_close(base);
    return err->code;
}

int main(int argc, char **argv)
{
    struct opts o = { 0 };
    struct tr_extract_args args = { 0 };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "base GGUF"),
        CMD_OUT('o', "output", &o.output, "FILE", "adapter to write"),
        CMD_INT('r', "rank", &o.rank, 1, 65536, "N", "rank of each pair"),
        CMD_FLOAT(0, "energy", &args.energy, 1e-6, 1, "X",
                  "the least rank with this share of the change"),
        CMD_TEXT(0, "targets", &args.targets, "LIST",
                 "tensors by name or kind, with commas (default: all-linear)"),
        CMD_END
    };
    const struct cmd cmd = {
        "lora-extract", "-m BASE.gguf -r N -o ADAPTER.gguf TUNED.gguf",
        "write what a model has learnt as an adapter for its base", table, 1, 1,
        (const char *const[]){ "model", "output", "rank|energy", NULL }
    };
    struct tr_err err = { 0 };
    int n;
    char **file = cmd_parse(&cmd, argc, argv, &n);
    if (o.rank && args.energy > 0)
        cmd_usage(&cmd, "--rank and --energy exclude each other");
    int rc = extract(&o, *file, &args, &err);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
