/* SPDX-License-Identifier: MIT
 *
 * personalize - an adapter by linear algebra, from a teacher or from answers.
 * See personalize.1
 *
 * The work is libtrain/personalize.h's; here are the options and what is said about it.
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/job.h"

#include <libtrain/peft.h>
#include <libtrain/personalize.h>
#include <libtrain/printable.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *model, *teacher, *output, *held, *peft, *npy, *base_name;
    struct tr_personalize_args args;
    int64_t rank, passes;
    int form, force, precision;
    int archives; /* the teacher is one */
};

struct models {
    struct tr_model *base, *teacher;
    struct cmd_adapters adapters; /* on the teacher */
};

static const char *form_name(int i)
{
    const struct tr_personalize_form *f = tr_personalize_form_at(i);
    return f ? tr_personalize_form_name(f) : NULL;
}

/* ==== models ==== */

/* 1 if FILE[:SCALE] is an adapter, 0 if it is not, or an error. */
static int is_adapter(const char *text, struct tr_err *err)
{
    char *path = strdup(text);
    struct tr_gguf *g;
    if (!path)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its name", text);
    cmd_cut_number(path);
    g = tr_gguf_open(path, err);
    free(path);
    if (!g)
        return err->code;
    int is = !strcmp(tr_gguf_purpose(g), "an adapter");
    tr_gguf_close(g);
    return is;
}

static int open_teacher(struct models *m, const struct opts *o, struct tr_err *err)
{
    const struct cmd_list one = { (const char **)(uintptr_t)&o->teacher, 1 };
    int is = is_adapter(o->teacher, err);
    if (is < 0 || !(m->teacher = cmd_open_model(is ? o->model : o->teacher, err)))
        return err->code;
    int rc = tr_gguf_check(tr_model_gguf(m->teacher), err);
    return !rc && is ? cmd_adapters_attach(&m->adapters, &one, m->teacher, o->force, err) : rc;
}

static int open_models(struct models *m, const struct opts *o, struct tr_err *err)
{
    const struct tr_precision *p = cmd_precision(o->precision, err);
    if (!p || !(m->base = cmd_open_model(o->model, err)))
        return err->code;
    int rc = tr_gguf_check(tr_model_gguf(m->base), err);
    if (!rc && o->teacher && !o->archives)
        rc = open_teacher(m, o, err);
    if (rc)
        return rc;
    tr_model_set_precision(m->base, p);
    if (m->teacher)
        tr_model_set_precision(m->teacher, p);
    return 0;
}

/* ==== what is said ==== */

static void say_losses(const struct tr_personal *p, const char *unit)
{
    double gain = p->base - p->personal, wanted = p->base - p->teacher;
    cmd_say("%zu layers, rank %d, from %llu %s; held out: %llu", p->n_part, p->rank,
            (unsigned long long)p->n_train, unit, (unsigned long long)p->n_held);
    if (isnan(p->base))
        return;
    cmd_say("held-out loss: base %.4f, personalised %.4f", p->base, p->personal);
    if (wanted > 0)
        cmd_say("teacher %.4f: %.1f %% of what it gains", p->teacher, 100 * gain / wanted);
    else if (!isnan(p->teacher))
        cmd_say("teacher %.4f: no better than the base on these rows", p->teacher);
    else if (p->step > 0)
        cmd_say("lambda %g, passes: %d, the last step %g long", p->lambda, p->passes, p->step);
    if (p->personal > p->base)
        cmd_warn("the adapter makes held-out rows less likely than the base alone");
}

static void say_raised(const struct tr_personal *p)
{
    size_t n = 0;
    double most = 0;
    for (size_t i = 0; i < p->n_part; i++) {
        n += p->part[i].raised != 0;
        if (p->part[i].raised && p->part[i].lambda > most)
            most = p->part[i].lambda;
    }
    if (n)
        cmd_say("lambda was raised in %zu layers, up to %g: their inputs leave directions open",
                n, most);
}

static void print(FILE *f, const struct tr_personal *p)
{
    fputs("layer\trank\tlambda\tshare\n", f);
    for (size_t i = 0; i < p->n_part; i++) {
        const struct tr_personal_part *x = &p->part[i];
        tr_print_escaped(f, x->weight, strlen(x->weight));
        fprintf(f, "\t%d\t%g\t", x->rank, x->lambda);
        if (isnan(x->share))
            fputs("-\n", f);
        else
            fprintf(f, "%.6g\n", x->share);
    }
}

/* ==== the work ==== */

static int is_archive(const char *path)
{
    size_t n = path ? strlen(path) : 0;
    return n > 4 && !strcmp(path + n - 4, ".npz");
}

static int save(const struct opts *o, const struct tr_lora *l, const struct tr_model *base,
                struct tr_err *err)
{
    struct tr_peft_export_args args = { .base_name = o->base_name };
    int rc = o->peft ? tr_peft_export(l, base, &args, o->peft, err) : 0;
    if (!rc && o->npy)
        rc = tr_lora_save_npy(l, o->npy, err);
    return rc ? rc : tr_lora_save(l, base, o->output, err);
}

/* Archives: data is the base's, or NULL. */
static int personalize(const struct opts *o, struct models *m, const char *data,
                       struct tr_err *err)
{
    struct tr_personal p = { 0 };
    struct tr_personalize_args args = o->args;
    const struct tr_personal_archives archives = { o->teacher, data };
    struct tr_pack *pack = o->archives ? NULL : tr_pack_open(data, err), *held = NULL;
    int rc = pack || o->archives ? 0 : err->code;
    if (!rc && o->held && !(held = tr_pack_open(o->held, err)))
        rc = err->code;
    args.form = tr_personalize_form_at(o->form);
    args.rank = (int)o->rank;
    args.passes = (int)o->passes;
    args.progress = cmd_job("layers");
    if (!rc)
        rc = o->archives
                 ? tr_personalize_archives(m->base, &archives, held, &args, &p, err)
                 : tr_personalize(m->base, m->teacher, pack, held, &args, &p, err);
    cmd_job_end();
    if (!rc)
        rc = save(o, p.lora, m->base, err);
    if (!rc) {
        print(stdout, &p);
        say_raised(&p);
        say_losses(&p, o->archives ? "documents" : "sequences");
    }
    tr_personal_release(&p);
    tr_pack_close(held);
    tr_pack_close(pack);
    return rc;
}

static int run(const struct opts *o, const char *data, struct tr_err *err)
{
    struct models m = { 0 };
    int rc = cmd_writable(o->output, err);
    if (!rc)
        rc = open_models(&m, o, err);
    if (!rc)
        rc = personalize(o, &m, data, err);
    tr_model_close(m.teacher);
    tr_model_close(m.base);
    cmd_adapters_release(&m.adapters);
    return rc;
}

/* What goes together; n files are given. */
static void check_usage(const struct cmd *cmd, const struct opts *o, int n)
{
    const struct tr_personalize_form *f = tr_personalize_form_at(o->form);
    int with = tr_personalize_form_with_teacher(f);
    int wanted = o->archives ? tr_personalize_form_archives(f) - 1 : 1;
    if (with && !o->teacher)
        cmd_usage(cmd, "--teacher is missing; without one there is '--form answers'");
    if (!with && o->teacher)
        cmd_usage(cmd, "'--form %s' has no teacher", form_name(o->form));
    if (n < wanted)
        cmd_usage(cmd, "%s is missing", o->archives ? "the archive of the base" : "DATA.pack");
    if (n > wanted)
        cmd_usage(cmd, "'--form %s' takes the teacher's archive alone", form_name(o->form));
    if (o->base_name && !o->peft)
        cmd_usage(cmd, "'--base-name' goes with '--peft'");
}

int main(int argc, char **argv)
{
    struct opts o = { 0 };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "base GGUF"),
        CMD_IN(0, "teacher", &o.teacher, "FILE[:SCALE]",
               "an adapter of the base, a tuned model, or its .npz"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_OUT('o', "output", &o.output, "FILE", "adapter to write"),
        CMD_CHOICE(0, "form", &o.form, form_name, "NAME", "what the adapter is fitted to"),
        CMD_INT('r', "rank", &o.rank, 1, 65536, "N",
                "rank of each pair; by default found on held-out rows"),
        CMD_FLOAT(0, "lambda", &o.args.lambda, 1e-12, 1e6, "X",
                  "of the ridge, relative; by default found on held-out rows"),
        CMD_IN(0, "held", &o.held, "FILE", "held-out data; by default the last tenth"),
        CMD_TEXT(0, "targets", &o.args.targets, "LIST",
                 "tensors by name or kind, with commas (default: all-linear)"),
        CMD_INT(0, "passes", &o.passes, 1, 64, "N",
                "groups of layers of stream (4), steps of answers at most (8)"),
        CMD_SIZE(0, "memory", &o.args.memory, "BYTES", "of sums at once; 1G"),
        CMD_TEXT(0, "peft", &o.peft, "FOLDER", "also write it as PEFT loads it"),
        CMD_TEXT(0, "base-name", &o.base_name, "TEXT", "where PEFT finds the base"),
        CMD_TEXT(0, "npy", &o.npy, "FOLDER", "also write its matrices for NumPy"),
        CMD_CHOICE(0, "precision", &o.precision, cmd_precision_name, "NAME",
                   "of the matrix products"),
        CMD_END
    };
    const struct cmd cmd = {
        "personalize", "-m BASE.gguf [--teacher FILE] -o ADAPTER.gguf [DATA.pack]",
        "an adapter by linear algebra, from a teacher or from answers", table, 0, 1,
        (const char *const[]){ "model", "output", NULL }
    };
    struct tr_err err = { 0 };
    int n;
    char **file = cmd_parse(&cmd, argc, argv, &n);
    o.archives = is_archive(o.teacher);
    check_usage(&cmd, &o, n);
    int rc = run(&o, n ? *file : NULL, &err);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
