/* SPDX-License-Identifier: MIT
 *
 * model-card - a README.md for what came of a run.  See model-card.1
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/next-steps.h"
#include "shared/run-tables.h"

#include <libtrain/file.h>
#include <libtrain/publish.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LOSSES = 16 };

struct opts {
    const char *base_id, *licence, *name, *output;
    int force;
    struct cmd_run run;
};

struct card {
    struct tr_card c;
    struct tr_card_loss loss[MOST_LOSSES];
    const char *on; /* of the rows that are read */
    char *training;
};

/* ---- what the run has ------------------------------------------------------------- */

static void add_loss(void *ctx, const char *label, double loss, double perplexity)
{
    struct card *d = ctx;
    char *copy = d->c.n_loss < MOST_LOSSES ? strdup(label) : NULL;
    if (copy)
        d->loss[d->c.n_loss++] = (struct tr_card_loss){ d->on, copy, loss, perplexity };
}

static int read_losses(struct card *d, const struct cmd_run *run, const char *name,
                       const char *on, struct tr_err *err)
{
    char path[PATH_MAX];
    d->on = on;
    return cmd_run_file(run, name, path) ? cmd_eval_each(path, add_loss, d, err) : 0;
}

/* Steps, time and memory, as report says them. */
static int read_metrics(struct card *d, const struct cmd_run *run, struct tr_err *err)
{
    char path[PATH_MAX];
    size_t n;
    if (!cmd_run_file(run, "metrics.tsv", path))
        return 0;
    FILE *f = open_memstream(&d->training, &n);
    if (!f)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a sentence");
    int rc = cmd_metrics_print(f, path, err);
    fclose(f);
    while (!rc && n && strchr("\n", d->training[n - 1]))
        d->training[--n] = '\0';
    d->c.training = rc ? NULL : d->training;
    return rc;
}

static int is_model(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return *e->d_name != '.' && n > 5 && !strcmp(e->d_name + n - 5, ".gguf");
}

static int list_files(struct card *d, const struct cmd_run *run, struct dirent ***entry,
                      struct tr_err *err)
{
    int n = scandir(run->folder, entry, is_model, alphasort);
    const char **name = n < 0 ? NULL : calloc((size_t)n + 1, sizeof *name);
    if (!name)
        return tr_err_sys(err, "cannot open '%s'", run->folder);
    for (int i = 0; i < n; i++)
        name[i] = (*entry)[i]->d_name;
    d->c.file = name;
    d->c.n_file = (size_t)n;
    return 0;
}

static const struct tr_gguf *open_run(const struct cmd_run *run, struct tr_gguf **g,
                                      struct tr_err *err)
{
    char path[PATH_MAX];
    *g = cmd_run_file(run, "model.ckpt", path) ? tr_gguf_open(path, err) : NULL;
    return *g;
}

/* ---- the command ------------------------------------------------------------------ */

static int read_all(struct card *d, const struct cmd_run *run, struct tr_gguf **ckpt,
                    struct dirent ***entry, struct tr_err *err)
{
    d->c.run = open_run(run, ckpt, err);
    int rc = err->code ? err->code : read_losses(d, run, "eval.tsv", "held out", err);
    if (!rc)
        rc = read_losses(d, run, "test.tsv", "test", err);
    if (!rc)
        rc = read_metrics(d, run, err);
    if (!rc)
        rc = list_files(d, run, entry, err);
    if (!rc && !d->c.run && !d->c.n_loss && !d->c.n_file)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' holds nothing of a run", run->folder);
    return rc;
}

static int write_card(const char *path, const struct tr_card *c, struct tr_err *err)
{
    struct tr_out *out = tr_out_open(path, err);
    int rc = out ? tr_card_write(tr_out_stream(out), c, err) : TR_EIO;
    return tr_out_finish(out, rc, err);
}

static void release(struct card *d, struct dirent **entry)
{
    for (size_t i = 0; i < d->c.n_loss; i++)
        free((char *)(uintptr_t)d->loss[i].label);
    for (size_t i = 0; i < d->c.n_file; i++)
        free(entry[i]);
    free(entry);
    free((void *)(uintptr_t)d->c.file);
    free(d->training);
}

/* What of the run says which base it is of. */
static int check_base(const struct opts *o, const struct tr_gguf *base, struct tr_err *err)
{
    static const char *const name[] = { "model.ckpt", "adapter.gguf" };
    char path[PATH_MAX];
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof name / sizeof *name; i++)
        if (cmd_run_file(&o->run, name[i], path))
            rc = cmd_check_file(path, base, o->force, err);
    return rc;
}

static int run_card(const struct opts *o, struct tr_err *err)
{
    struct card d = { .c = { .name = o->name ? o->name : cmd_last_part(o->run.folder),
                             .base_id = o->base_id, .licence = o->licence } };
    struct dirent **entry = NULL;
    struct tr_gguf *ckpt = NULL, *base = tr_gguf_open(o->run.model, err);
    d.c.base = base;
    d.c.loss = d.loss;
    int rc = base && !tr_gguf_expect_model(base, err)
                 ? read_all(&d, &o->run, &ckpt, &entry, err) : err->code;
    if (!rc)
        rc = check_base(o, base, err);
    if (!rc && !tr_gguf_find_kv(base, "general.license") && !o->licence)
        cmd_warn("the metadata of '%s' name no licence: --license says which it is",
                 o->run.model);
    if (!rc)
        rc = write_card(o->output, &d.c, err);
    release(&d, entry);
    tr_gguf_close(ckpt);
    tr_gguf_close(base);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .output = "-" };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.run.model, "FILE", "GGUF that the training started from"),
        CMD_TEXT(0, "name", &o.name, "TEXT", "title (default: the name of the run)"),
        CMD_TEXT(0, "base-model", &o.base_id, "ORG/NAME", "where the base is on Hugging Face"),
        CMD_TEXT(0, "license", &o.licence, "ID", "licence, in place of the base's"),
        CMD_FLAG(0, "force", &o.force, "also a run that was on another base"),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write it"),
        CMD_END
    };
    const struct cmd cmd = { "model-card", "-m BASE.gguf [-o README.md] RUN",
                             "write a README.md for what came of a run", table, 1, 1,
                             (const char *const[]){ "model", NULL } };
    struct tr_err err = { 0 };
    int n_operand;
    char **operand = cmd_parse(&cmd, argc, argv, &n_operand);
    size_t n = strlen(operand[0]);
    while (n > 1 && operand[0][n - 1] == '/')
        operand[0][--n] = '\0';
    o.run.folder = operand[0];
    return cmd_end(run_card(&o, &err) ? CMD_FAIL : CMD_OK, &err);
}
