/* SPDX-License-Identifier: MIT */
#include "train-options.h"
#include "common.h"
#include "files.h"

#include <libtrain/comm.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct tr_train_args train_args(const struct train_opts *o)
{
    return (struct tr_train_args){
        .full = o->full,
        .lora_rank = (int)o->lora_r,
        .lora_alpha = (float)o->lora_alpha,
        .lora_targets = o->lora_targets,
        .adapter_in = o->adapter_in,
        .batch = o->batch,
        .grad_acc = o->global_batch ? o->global_batch / o->batch
                                    : o->grad_acc * tr_comm_size(),
        .epochs = o->epochs,
        .steps = o->steps,
        .lr = o->lr >= 0 ? o->lr : o->full ? 2e-5 : 2e-4,
        .warmup = o->warmup,
        .sched = tr_schedule_at(o->sched),
        .optim = tr_optim_at(o->optim),
        .beta1 = o->beta1,
        .beta2 = o->beta2,
        .eps = o->eps,
        .weight_decay = o->weight_decay,
        .clip = o->clip,
        .loss = tr_loss_at(o->loss),
        .shuffle = o->shuffle,
        .seed = (uint64_t)o->seed,
        .precision = tr_precision_at(o->precision),
        .bf16 = o->weights == 1,
        .fused_step = o->fused_step,
        .recompute = o->recompute ? INT64_MAX : TR_RECOMPUTE_AUTO,
        .mem_limit = o->mem_limit,
    };
}

/* An output that would lie among the saves; NULL if there is none. */
static const char *among_saves(const struct train_opts *o)
{
    const char *out[] = { o->log, o->dump_grads, o->lora_out };
    char saves[PATH_MAX];
    snprintf(saves, sizeof saves, "%s.d", o->output ? o->output : "");
    for (int i = 0; i < 3; i++)
        if (out[i] && cmd_is_in(out[i], saves))
            return out[i];
    return NULL;
}

/* What no single option says. */
static void check(const struct cmd *cmd, const struct train_opts *o)
{
    if (!o->model || !o->data || (!o->output && !o->plan))
        cmd_usage(cmd, "options --model, --data and --output (but for --plan) are required");
    if (o->full && (o->adapter_in || o->lora_out))
        cmd_usage(cmd, "--full trains no adapter");
    if (!o->full && o->weights)
        cmd_usage(cmd, "--weights is for --full: an adapter is f32");
    if (o->resume && o->restart)
        cmd_usage(cmd, "--resume goes on, --restart starts over: not both");
    if (o->global_batch && o->grad_acc > 1)
        cmd_usage(cmd, "--global-batch replaces --grad-acc");
    if (o->global_batch % o->batch)
        cmd_usage(cmd, "--global-batch is no multiple of --batch, %lld", (long long)o->batch);
    if (o->eval_every && !o->val)
        cmd_usage(cmd, "--eval-every goes with --val");
    if (o->fused_step && (o->grad_acc > 1 || o->global_batch > o->batch || o->dump_grads))
        cmd_usage(cmd, "--fused-step keeps no gradients: not with %s",
                  o->dump_grads ? "--dump-grads" : "--grad-acc or --global-batch");
    if (among_saves(o))
        cmd_usage(cmd, "output '%s' lies in '%s.d', where the saves are", among_saves(o),
                  o->output);
    if (o->output && !strcmp(o->output, "-"))
        cmd_usage(cmd, "a checkpoint cannot go to standard output");
}

void train_options(struct train_opts *o, int argc, char **argv)
{
    *o = (struct train_opts){
        .lora_r = 8, .lora_alpha = 16, .lora_targets = "all-linear", .batch = 4,
        .grad_acc = 1, .epochs = 1, .keep = 2, .seed = 42, .lr = -1, .warmup = 0.05,
        .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01, .clip = 1,
        .shuffle = 1,
    };
    const char *sched[CMD_MAX_CHOICE] = {0}, *optim[CMD_MAX_CHOICE] = {0};
    const char *loss[CMD_MAX_CHOICE], *precision[CMD_MAX_CHOICE];
    const char *const weights[] = { "f32", "bf16", NULL };
    for (int i = 0; tr_schedule_at(i); i++)
        sched[i] = tr_schedule_at(i)->name;
    for (int i = 0; tr_optim_at(i); i++)
        optim[i] = tr_optim_at(i)->name;
    cmd_loss_names(loss);
    cmd_precision_names(precision);
    const struct cmd_opt table[] = {
        CMD_GROUP("Files"),
        CMD_IN('m', "model", &o->model, "FILE", "GGUF to start from"),
        CMD_IN('d', "data", &o->data, "FILE", "packed training data"),
        CMD_OUT('o', "output", &o->output, "FILE",
                 "checkpoint, written when the run is complete; saves on the way go to FILE.d/"),
        CMD_IN(0, "val", &o->val, "FILE", "packed data to measure the loss on"),
        CMD_OUT(0, "log", &o->log, "FILE", "table of metrics, a row a step (TSV)"),
        CMD_GROUP("What is trained"),
        CMD_FLAG(0, "full", &o->full, "all weights, instead of a LoRA adapter"),
        CMD_INT(0, "lora-r", &o->lora_r, 1, 65536, "N", "rank of the adapter"),
        CMD_FLOAT(0, "lora-alpha", &o->lora_alpha, 1e-6, 1e9, "X",
                  "the adapter is scaled by alpha / rank"),
        CMD_TEXT(0, "lora-targets", &o->lora_targets, "LIST",
                 "patterns of linear layers, with commas: attn_q,ffn_*"),
        CMD_IN(0, "adapter-in", &o->adapter_in, "FILE",
                 "start from this adapter: rank, alpha and targets are its"),
        CMD_OUT(0, "lora-out", &o->lora_out, "FILE", "also write the adapter at every save"),
        CMD_GROUP("How long"),
        CMD_INT(0, "batch", &o->batch, 1, 1 << 20, "N", "sequences in one forward and backward"),
        CMD_INT(0, "grad-acc", &o->grad_acc, 1, 1 << 20, "N",
                "batches in a step, of each process"),
        CMD_INT(0, "global-batch", &o->global_batch, 1, 1 << 30, "N",
                "instead of --grad-acc: sequences in a step, of all processes together"),
        CMD_INT(0, "epochs", &o->epochs, 1, 1 << 20, "N", "passes over the data"),
        CMD_INT(0, "steps", &o->steps, 1, 1e12, "N", "steps, however many passes that takes"),
        CMD_GROUP("How"),
        CMD_FLOAT(0, "lr", &o->lr, 0, 1e38, "X", "learning rate (2e-4, with --full 2e-5)"),
        CMD_CHOICE(0, "sched", &o->sched, sched, "NAME", "learning rate after the warm-up"),
        CMD_FLOAT(0, "warmup", &o->warmup, 0, 1e12, "X",
                  "steps of warm-up, below 1 a share of all steps"),
        CMD_CHOICE(0, "opt", &o->optim, optim, "NAME", "optimizer"),
        CMD_FLOAT(0, "beta1", &o->beta1, 0, 0.9999999, "X", "decay of the first moment"),
        CMD_FLOAT(0, "beta2", &o->beta2, 0, 0.9999999, "X", "decay of the second moment"),
        CMD_FLOAT(0, "eps", &o->eps, 1e-30, 1, "X", "AdamW's epsilon"),
        CMD_FLOAT(0, "weight-decay", &o->weight_decay, 0, 1e3, "X",
                  "decay of matrices and tables"),
        CMD_FLOAT(0, "clip", &o->clip, 0, 1e9, "X", "largest norm of the gradient, 0: any"),
        CMD_CHOICE(0, "precision", &o->precision, precision, "NAME", "of the matrix products"),
        CMD_CHOICE(0, "loss", &o->loss, loss, "NAME", "what is minimised"),
        CMD_UNFLAG(0, "no-shuffle", &o->shuffle, "take the data in the order of the pack"),
        CMD_INT(0, "seed", &o->seed, 0, 9e15, "N", "of the adapter and the shuffling"),
        CMD_GROUP("Memory"),
        CMD_FLAG(0, "plan", &o->plan,
                 "print bytes and time of a step as a table, and do nothing"),
        CMD_SIZE(0, "mem-limit", &o->mem_limit, "SIZE",
                 "most memory to plan for, as in 400M (default: what there is)"),
        CMD_FLAG(0, "recompute", &o->recompute,
                 "compute every block twice, not only as many as the memory asks for"),
        CMD_CHOICE(0, "weights", &o->weights, weights, "TYPE",
                   "with --full: how matrices and tables are kept"),
        CMD_FLAG(0, "fused-step", &o->fused_step,
                 "update block by block in the backward pass (two of them if --clip)"),
        CMD_GROUP("On the way"),
        CMD_INT(0, "eval-every", &o->eval_every, 1, 1e12, "N",
                "measure --val every N steps, not only at the end"),
        CMD_INT(0, "save-every", &o->save_every, 1, 1e12, "N", "save every N steps"),
        CMD_INT(0, "keep", &o->keep, 1, 1 << 20, "N", "newest saves to keep"),
        CMD_FLAG(0, "resume", &o->resume,
                 "go on from the newest valid save, or from a finished FILE"),
        CMD_FLAG(0, "restart", &o->restart,
                 "start over: remove the saves of an earlier run in FILE.d/, and replace FILE"),
        CMD_OUT(0, "dump-grads", &o->dump_grads, "FILE",
                 "gradients of the first step, before clipping, as GGUF"),
        CMD_END
    };
    const struct cmd cmd = { "train", "-m BASE.gguf -d DATA.pack -o RUN.ckpt [OPTION…]",
                             "fine-tune a model on packed data", table, 0, 0 };
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    check(&cmd, o);
}
