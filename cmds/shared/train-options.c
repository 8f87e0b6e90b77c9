/* SPDX-License-Identifier: MIT
 *
 * The options of `train`.  Most are arguments of a run, which the library lists with their
 * limits, defaults and help, and numbers that optimizers, schedules and losses bring; the
 * command adds its files.  All of them become one table (table.h) before argv is read; what
 * no single option says is checked behind.
 */
#include "train-options.h"
#include "common.h"
#include "files.h"
#include "help.h"
#include "options.h"

#include <libtrain/comm.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An option of a choice (--opt, --sched, …), by name: kinds share them. */
struct number {
    const struct tr_option *option;
    char name[48], help[300];
    double value; /* NAN: not given */
};

/* What is made while the table grows; it lives as long as the process. */
static struct {
    struct cmd_opt *opt;
    size_t n;
    int *choice; /* by number of the argument: which one */
    struct cmd_list *list; /* and of those that may be given again: the texts */
    struct number *number;
    size_t n_number;
    char (*help)[160]; /* by number of the argument, where a default is told in words */
    struct tr_setting *setting;
} made;

static size_t count_args(void)
{
    size_t n = 0;
    while (tr_train_arg_at((int)n))
        n++;
    return n;
}

/* Tables of options of all kinds that may be chosen: how many options there are. */
static size_t count_numbers(void)
{
    const struct tr_train_arg *x;
    size_t n = 0;
    for (int i = 0; (x = tr_train_arg_at(i)); i++)
        for (int j = 0; x->choice && x->choice->options_of && x->choice->at(j); j++)
            for (const struct tr_option *o = x->choice->options_of(x->choice->at(j));
                 o && o->name; o++)
                n++;
    return n;
}

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n + 1, size);
    if (p)
        return p;
    cmd_name("train", NULL);
    cmd_complain("out of memory for the table of options");
    exit(CMD_FAIL);
}

/* ==== numbers of what is chosen ==== */

/* What one name means to all that have it, those who mean the same together: "adamw,
 * adamw8: decay of the first moment (default 0.9); sgd: momentum (default 0.9)". */
static void describe_number(struct number *n, const struct tr_choice *c)
{
    const struct tr_option *last = NULL;
    for (int i = 0; c->at(i); i++) {
        const struct tr_option *o =
            tr_option_find(c->options_of(c->at(i)), n->option->name);
        if (!o)
            continue;
        if (last && (strcmp(last->help, o->help) || last->standard != o->standard))
            cmd_append(n->help, sizeof n->help, ": %s (default %g); %s", last->help,
                       last->standard, c->name_at(i));
        else
            cmd_append(n->help, sizeof n->help, "%s%s", last ? ", " : "", c->name_at(i));
        last = o;
    }
    cmd_append(n->help, sizeof n->help, ": %s (default %g)", last->help, last->standard);
}

static void add_number(const struct tr_option *o, const struct tr_choice *c)
{
    for (size_t i = 0; i < made.n_number; i++)
        if (!strcmp(made.number[i].option->name, o->name))
            return;
    struct number *n = &made.number[made.n_number++];
    n->option = o;
    n->value = NAN;
    snprintf(n->name, sizeof n->name, "%s", o->name);
    for (char *p = n->name; *p; p++)
        *p = *p == '_' ? '-' : *p;
    describe_number(n, c);
    made.opt[made.n++] = (struct cmd_opt)CMD_FLOAT(0, n->name, &n->value, o->least, o->most,
                                                   "X", n->help);
}

static void add_numbers(const struct tr_choice *c)
{
    for (int i = 0; c->options_of && c->at(i); i++)
        for (const struct tr_option *o = c->options_of(c->at(i)); o && o->name; o++)
            add_number(o, c);
}

/* ==== arguments of a run ==== */

static const enum cmd_kind kind_of[] = {
    [TR_ARG_FLAG] = CMD_KIND_FLAG,   [TR_ARG_INT] = CMD_KIND_INT,
    [TR_ARG_BYTES] = CMD_KIND_SIZE,  [TR_ARG_FLOAT] = CMD_KIND_FLOAT,
    [TR_ARG_TEXT] = CMD_KIND_TEXT,   [TR_ARG_LIST] = CMD_KIND_LIST,
    [TR_ARG_FILE] = CMD_KIND_TEXT,   [TR_ARG_CHOICE] = CMD_KIND_CHOICE,
};

/* Argument number i.  One whose default depends on --full has none yet. */
static void add_arg(struct train_opts *o, int i)
{
    const struct tr_train_arg *x = tr_train_arg_at(i);
    void *field = (char *)&o->args + x->offset;
    struct cmd_opt opt = { .kind = kind_of[x->kind], .name = x->option, .value = field,
                           .arg = x->unit, .help = x->help, .min = x->least,
                           .max = x->most, .set = x->set };
    if (x->kind == TR_ARG_FILE)
        opt.role = CMD_INPUT;
    if (x->kind == TR_ARG_LIST)
        opt.value = &made.list[i];
    if (x->choice) {
        opt.name_at = x->choice->name_at;
        opt.value = &made.choice[i];
    }
    if (x->or_file) {
        opt.file = &o->sched_file;
        opt.role = CMD_INPUT;
    }
    if (x->standard_full > 0) {
        snprintf(made.help[i], sizeof made.help[i], "%s (default %g, with --full %g)",
                 x->help, x->standard, x->standard_full);
        opt.help = made.help[i];
        *(double *)field = NAN;
    }
    made.opt[made.n++] = opt;
    if (x->choice)
        add_numbers(x->choice);
}

static void add_group(struct train_opts *o, const char *group)
{
    const struct tr_train_arg *x;
    for (int i = 0; (x = tr_train_arg_at(i)); i++)
        if (x->option && !strcmp(x->group, group))
            add_arg(o, i);
}

/* The command's own options, and under each heading the arguments that belong there. */
static void make_table(struct train_opts *o, const struct cmd_opt *own)
{
    size_t n = 0, n_arg = count_args(), n_number = count_numbers();
    while (!cmd_is_end(&own[n]))
        n++;
    made.opt = zeroed(n + n_arg + n_number, sizeof *made.opt);
    made.choice = zeroed(n_arg, sizeof *made.choice);
    made.list = zeroed(n_arg, sizeof *made.list);
    made.help = zeroed(n_arg, sizeof *made.help);
    made.number = zeroed(n_number, sizeof *made.number);
    made.setting = zeroed(n_number, sizeof *made.setting);
    for (size_t i = 0; i < n; i++) {
        made.opt[made.n++] = own[i];
        if (own[i].kind == CMD_KIND_GROUP)
            add_group(o, own[i].help);
    }
    made.opt[made.n] = (struct cmd_opt)CMD_END;
}

/* Texts with commas between them; NULL: there are none. */
static const char *joined(const struct cmd_list *list)
{
    size_t size = 1;
    for (size_t i = 0; i < list->n; i++)
        size += strlen(list->item[i]) + 1;
    char *text = list->n ? zeroed(size, 1) : NULL;
    for (size_t i = 0; i < list->n; i++)
        cmd_append(text, size, "%s%s", i ? "," : "", list->item[i]);
    return text;
}

/* Bring into o->args what the table could not store there. */
static void take_values(struct train_opts *o)
{
    struct tr_train_args standard = tr_train_args_default(o->args.full);
    const struct tr_train_arg *x;
    size_t n = 0;
    for (int i = 0; (x = tr_train_arg_at(i)); i++) {
        char *field = (char *)&o->args + x->offset;
        const void *kind = x->choice ? x->choice->at(made.choice[i]) : NULL;
        const char *text = x->kind == TR_ARG_LIST ? joined(&made.list[i]) : NULL;
        if (x->choice)
            memcpy(field, &kind, sizeof kind);
        else if (text) { /* in place of what it was made of */
            memcpy(field, &text, sizeof text);
            made.list[i].item[0] = text;
        } else if (x->standard_full > 0 && isnan(*(double *)(void *)field))
            memcpy(field, (char *)&standard + x->offset, sizeof(double));
    }
    for (size_t i = 0; i < made.n_number; i++)
        if (!isnan(made.number[i].value))
            made.setting[n++] = (struct tr_setting){ made.number[i].option->name,
                                                     made.number[i].value };
    o->args.setting = made.setting;
    o->args.plan_only = o->plan;
    o->hooks.resume |= o->extra_epochs > 0;
    if (o->recompute)
        o->args.recompute = INT64_MAX;
    if (o->recompute_twice)
        o->args.recompute_group = TR_GROUP_LEAST;
}

/* ==== the command line ==== */

/* An output that would lie among the saves; NULL if there is none. */
static const char *among_saves(const struct train_opts *o)
{
    const char *out[] = { o->log, o->metrics, o->hooks.dump_grads, o->hooks.lora_out,
                          o->hooks.checkpoint_out, o->samples.path };
    char saves[PATH_MAX];
    snprintf(saves, sizeof saves, "%s.d", o->hooks.output ? o->hooks.output : "");
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (out[i] && cmd_is_in(out[i], saves))
            return out[i];
    return NULL;
}

/* An option that takes the place of others, or cannot be with them. */
static void apart(const struct cmd *cmd, const char *name, const char *const *others)
{
    for (; *others; others++)
        if (cmd_given(cmd, *others))
            cmd_usage(cmd, "--%s is not for --%s", name, *others);
}

static void check_files(const struct cmd *cmd, const struct train_opts *o)
{
    const char *output = o->hooks.output;
    if (o->hooks.eval_every > 0 && !o->val)
        cmd_usage(cmd, "--eval-every goes with --val");
    if (o->hooks.patience && !(o->hooks.eval_every > 0))
        cmd_usage(cmd, "--patience goes with --eval-every");
    if (o->hooks.eval_cost > 0 && !(o->hooks.eval_every > 0))
        cmd_usage(cmd, "--eval-cost goes with --eval-every");
    if (!o->samples.prompt_file != !o->samples.path ||
        ((o->samples.every || o->samples.ask) && !o->samples.path))
        cmd_usage(cmd, "--prompts, --samples, --sample-every and --ask go together");
    if (o->samples.template && !o->samples.ask)
        cmd_usage(cmd, "a chat template is for --ask");
    if (among_saves(o))
        cmd_usage(cmd, "output '%s' lies in '%s.d', where the saves are", among_saves(o),
                  output);
    if (output && !strcmp(output, "-"))
        cmd_usage(cmd, "a checkpoint cannot go to standard output");
}

/* What no single option says. */
static void check(const struct cmd *cmd, const struct train_opts *o)
{
    const struct tr_train_args *a = &o->args;
    check_files(cmd, o);
    if (a->full && (a->adapter_in || o->hooks.lora_out))
        cmd_usage(cmd, "--full trains no adapter");
    if (o->beneath.n && (a->full || a->train_rows))
        cmd_usage(cmd, "--adapter is beneath another adapter: not with %s, whose model would be "
                  "without it", a->full ? "--full" : "--train-rows");
    if (a->train_rows && (a->full || o->hooks.lora_out))
        cmd_usage(cmd, "--train-rows trains rows beside an adapter, and what comes of it is a "
                  "model: it does not go with --full and --lora-out");
    if (a->full_targets && (a->full || o->hooks.lora_out || o->beneath.n))
        cmd_usage(cmd, "--full-targets trains weights beside an adapter, and what comes of it is a "
                  "model: it does not go with --full, --lora-out and --adapter");
    if (a->dora && o->hooks.lora_out)
        cmd_usage(cmd, "--dora trains magnitudes beside an adapter, and what comes of it is a "
                  "model: it does not go with --lora-out");
    if (!a->full && a->weights != &tr_f32)
        cmd_usage(cmd, "--weights is for --full: an adapter is f32");
    if (o->hooks.from && (o->hooks.resume || o->hooks.restart || o->extra_epochs))
        cmd_usage(cmd, "--resume-from names a checkpoint: not with --resume, --restart and "
                  "--extra-epochs");
    if (o->hooks.latest_word && !o->hooks.step_word)
        cmd_usage(cmd, "--latest-word goes with --step-word");
    if (o->hooks.resume && o->hooks.restart)
        cmd_usage(cmd, "--resume goes on, --restart starts over: not both");
    if (o->extra_epochs)
        apart(cmd, "extra-epochs", (const char *[]){ "steps", "epochs", "restart", "plan",
                                                     NULL });
    if (o->lora_config)
        apart(cmd, "lora-config", (const char *[]){ "lora-r", "lora-alpha", "lora-targets",
                                                    "lora-rank-of", "lora-alpha-of", "adapter-in", "full", NULL });
    if (o->global_batch && a->grad_acc > 1)
        cmd_usage(cmd, "--global-batch replaces --grad-acc");
    if (o->global_batch % a->batch)
        cmd_usage(cmd, "--global-batch is no multiple of --batch, %lld",
                  (long long)a->batch);
    if (a->fused_step &&
        (a->grad_acc > 1 || o->global_batch > a->batch || o->hooks.dump_grads))
        cmd_usage(cmd, "--fused-step keeps no gradients: not with %s",
                  o->hooks.dump_grads ? "--dump-grads" : "--grad-acc or --global-batch");
}

void train_share(struct train_opts *o)
{
    struct tr_train_args *a = &o->args;
    a->grad_acc = o->global_batch ? o->global_batch / a->batch
                                  : a->grad_acc * tr_comm_size();
}

void train_options(struct train_opts *o, int argc, char **argv)
{
    *o = (struct train_opts){ .args = tr_train_args_default(0), .hooks = { .keep = 2 },
                              .samples = { .n = 40 } };
    struct tr_train_hooks *h = &o->hooks;
    const struct cmd_opt own[] = {
        CMD_GROUP("Files"),
        CMD_IN('m', "model", &o->model, "FILE", "GGUF to start from"),
        CMD_IN('d', "data", &o->data, "FILE", "packed training data"),
        CMD_OUT('o', "output", &h->output, "FILE",
                "checkpoint, written when the run is complete; saves on the way go to "
                "FILE.d/"),
        CMD_IN(0, "val", &o->val, "FILE", "packed data to measure the loss on"),
        CMD_OUT(0, "log", &o->log, "FILE", "table of metrics, a row a step (TSV)"),
        CMD_OUT(0, "metrics", &o->metrics, "FILE", "the same numbers as objects (JSONL)"),
        CMD_GROUP("What is trained"),
        CMD_INS('a', "adapter", &o->beneath, "FILE[:SCALE]",
                "an adapter that stays as it is, beneath what is trained; may be given again"),
        CMD_IN(0, "lora-config", &o->lora_config, "FILE",
               "rank, alpha and targets from an adapter_config.json of PEFT"),
        CMD_OUT(0, "lora-out", &h->lora_out, "FILE",
                "also write the adapter at every save"),
        CMD_OUT(0, "checkpoint-out", &h->checkpoint_out, "FILE",
                "also write a checkpoint at every save"),
        CMD_TEXT(0, "step-word", &h->step_word, "WORD",
                 "in these two names WORD becomes the number of steps"),
        CMD_TEXT(0, "latest-word", &h->latest_word, "WORD",
                 "and this word, in a second file"),
        CMD_GROUP("How long"),
        CMD_INT(0, "global-batch", &o->global_batch, 1, 1 << 24, "N",
                "instead of --grad-acc: sequences in a step, of all processes together"),
        CMD_INT(0, "extra-epochs", &o->extra_epochs, 1, 1 << 20, "N",
                "go on from a finished FILE for so many more passes"),
        CMD_GROUP("How"),
        CMD_ROPE_BASE(&o->rope),
        CMD_ROPE_SCALE(&o->rope),
        CMD_FLOAT(0, "norm-rms-eps", &o->norm_eps, 1e-12, 1, "X",
                  "epsilon of norms, instead of the model's"),
        CMD_GROUP("Memory"),
        CMD_FLAG(0, "plan", &o->plan,
                 "print bytes and time of a step as a table, and do nothing"),
        CMD_FLAG(0, "recompute", &o->recompute,
                 "compute every block twice, not only as many as the memory asks for"),
        CMD_FLAG(0, "recompute-twice", &o->recompute_twice,
                 "compute every block three times, so that fewer results wait"),
        CMD_GROUP("On the way"),
        CMD_FLOAT(0, "eval-every", &h->eval_every, 1e-6, 1e9, "N",
                  "measure --val every N steps, below 1 a share of all, not only at the end"),
        CMD_FLOAT(0, "eval-cost", &h->eval_cost, 1e-6, 1, "X",
                  "and of it only as much as takes this share of the training"),
        CMD_INT(0, "patience", &h->patience, 1, 1e9, "N",
                "end the run after N of these without a lower loss"),
        CMD_IN(0, "prompts", &o->samples.prompt_file, "FILE",
               "texts for the model to continue on the way, one a line"),
        CMD_FLAG(0, "ask", &o->samples.ask, CMD_ASK_HELP),
        CMD_TEXT(0, "chat-template", &o->samples.template, "NAME|FILE", CMD_TEMPLATE_HELP),
        CMD_OUT(0, "samples", &o->samples.path, "FILE",
                "table of what it says to them, before, on the way and at the end (TSV)"),
        CMD_INT(0, "sample-every", &o->samples.every, 1, 1e9, "N", "let it every N steps"),
        CMD_INT(0, "sample-tokens", &o->samples.n, 1, 1 << 20, "N",
                "tokens of a sample at most"),
        CMD_INT(0, "save-every", &h->save_every, 1, 1e9, "N", "save every N steps"),
        CMD_INT(0, "keep", &h->keep, 1, 1 << 20, "N", "newest saves to keep"),
        CMD_FLAG(0, "resume", &h->resume,
                 "go on from the newest valid save, or from a finished FILE"),
        CMD_IN(0, "resume-from", &h->from, "FILE", "go on from this checkpoint"),
        CMD_FLAG(0, "restart", &h->restart,
                 "start over: remove the saves of an earlier run in FILE.d/, and replace "
                 "FILE"),
        CMD_OUT(0, "dump-grads", &h->dump_grads, "FILE",
                "gradients of the first step, before clipping, as GGUF"),
        CMD_END
    };
    make_table(o, own);
    const struct cmd cmd = { "train", "-m BASE.gguf -d DATA.pack -o RUN.ckpt [OPTION…]",
                             "fine-tune a model on packed data", made.opt, 0, 0,
                             (const char *const[]){ "model", "data", "output|plan|checkpoint-out",
                                                    NULL } };
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    take_values(o);
    if (o->args.teacher && !cmd_given(&cmd, "objective"))
        o->args.objective = tr_objective_by_name("distill");
    check(&cmd, o);
}
