/* SPDX-License-Identifier: MIT
 *
 * train - base and packed data to checkpoint.  See train.1
 */
#include "adapters.h"
#include "common.h"
#include "metrics.h"
#include "plan.h"
#include "progress.h"

#include <libtrain/checkpoint.h>
#include <libtrain/comm.h>
#include <libtrain/machine.h>
#include <libtrain/trainer.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

struct opts {
    const char *model, *data, *output, *val, *log, *dump_grads, *lora_out;
    int64_t lora_r, batch, grad_acc, global_batch, epochs, steps, eval_every, save_every, keep;
    int64_t seed, mem_limit;
    double lora_alpha, lr, warmup, beta1, beta2, eps, weight_decay, clip;
    int full, shuffle, resume, sched, optim, loss, precision, weights;
    int recompute, plan, fused_step;
    const char *lora_targets, *adapter_in;
};

/* With several ranks (libtrain/comm.h) each has all of it but saves and log: rank 0's. */
struct run {
    const struct opts *o;
    struct tr_model *m;
    struct tr_pack *data, *val;
    struct tr_trainer *t;
    struct tr_saves *saves;
    struct cmd_metrics log;
    double began;       /* of this process's first step */
    int64_t first_step; /* updates made before it */
    double val_loss;    /* NAN: not measured in this step */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ==== what is said ==== */

static void say_trained(const struct tr_trainer *t, const struct tr_model *m)
{
    int64_t all = 0, trained = 0;
    for (size_t i = 0; i < tr_gguf_n_tensor(tr_model_gguf(m)); i++) {
        const struct tr_gguf_tensor *g = tr_gguf_tensor(tr_model_gguf(m), i);
        all += g->dim[0] * g->dim[1] * g->dim[2] * g->dim[3];
    }
    const struct tr_params *p = tr_trainer_params(t);
    for (size_t i = 0; i < p->n; i++)
        trained += tr_tensor_count(p->tensor[i]);
    cmd_say("training %lld parameters in %zu tensors on a base of %lld; %lld steps",
            (long long)trained, p->n, (long long)all, (long long)tr_trainer_total(t));
}

static void say_ranks(int64_t batches)
{
    int n = tr_comm_size();
    if (n > 1)
        cmd_say("%d processes, %d on this machine, each of %d threads; %lld batches a step",
                n, tr_comm_local_size(), cmd_threads(), (long long)batches);
    if (batches < n && !tr_comm_rank())
        cmd_warn("%lld batches a step for %d processes: some have nothing to do",
                 (long long)batches, n);
}

static void pass_over(const char *why)
{
    cmd_warn("passed over: %s", why);
}

/* ==== saving ==== */

static int64_t checkpoint_bytes(const struct tr_trainer *t)
{
    return tr_trainer_plan(t)->params + tr_trainer_plan(t)->moments + (1 << 20);
}

/* Refuse now what would fail for want of disk space after hours. */
static int check_space(const struct run *r, struct tr_err *err)
{
    struct statvfs fs;
    char dir[4096];
    snprintf(dir, sizeof dir, "%s.d", r->o->output);
    int64_t files = 1 + (r->o->save_every ? r->o->keep + 1 : 1);
    if (statvfs(dir, &fs))
        return 0;
    double wanted = (double)(files * checkpoint_bytes(r->t));
    double there = (double)fs.f_bavail * (double)fs.f_frsize;
    if (wanted <= there)
        return 0;
    return tr_err_set(err, TR_EIO, "%s: checkpoints take %.1f MB, %.1f MB are free",
                      r->o->output, wanted / 1e6, there / 1e6);
}

/* A failed save on the way is a warning: the last good one is still there. */
static int save_now(struct run *r)
{
    struct tr_err err = {0};
    if (tr_comm_rank())
        return 0;
    if (tr_saves_write(r->saves, r->t, (int)r->o->keep, &err) ||
        (r->o->lora_out && tr_trainer_save_adapter(r->t, r->o->lora_out, &err)))
        cmd_warn("not saved: %s", err.text);
    return err.code;
}

static void save_and_die(struct run *r, int sig)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\n");
    if (!save_now(r))
        cmd_say("stopped after step %lld and saved; --resume goes on from there",
                (long long)tr_trainer_step_count(r->t));
    tr_saves_close(r->saves);
    tr_comm_stop();
    cmd_reraise(sig);
}

static int is_due(int64_t every, int64_t step)
{
    return every && step % every == 0;
}

static int after_step(struct run *r, const struct tr_step_stats *s, double seconds,
                      struct tr_err *err)
{
    int last = s->step == tr_trainer_total(r->t);
    double rate = (double)s->n_token / seconds;
    r->val_loss = NAN;
    if (r->val && (last || is_due(r->o->eval_every, s->step)) &&
        tr_trainer_eval(r->t, r->val, &r->val_loss, err))
        return err->code;
    cmd_metrics_add(&r->log, s, r->val_loss, rate, now() - r->began);
    double left = (now() - r->began) / (double)(s->step - r->first_step) *
                  (double)(tr_trainer_total(r->t) - s->step);
    cmd_progress(r->t, s, r->val_loss, rate, left);
    int rc = 0;
    if (s->step == 1 && r->o->dump_grads && !tr_comm_rank())
        rc = tr_trainer_dump_grads(r->t, r->o->dump_grads, err);
    int save = !last && is_due(r->o->save_every, s->step);
    if (save && tr_trainer_align(r->t))
        cmd_say("processes had drifted apart, as machines of different kinds may: all go on "
                "from the parameters of rank 0");
    if (save || cmd_save_requested())
        save_now(r);
    return rc; /* not before align, which is collective */
}

static int train(struct run *r, struct tr_err *err)
{
    r->began = now();
    while (tr_trainer_step_count(r->t) < tr_trainer_total(r->t)) {
        struct tr_step_stats s;
        double start = now();
        int rc = tr_trainer_step(r->t, &s, err) || after_step(r, &s, now() - start, err);
        if (tr_comm_agree(rc ? err->code : 0, err)) {
            if (err->code != TR_EDIVERGED) /* a bad block of data, say: keep what there is */
                save_now(r);
            return err->code;
        }
        int sig = tr_comm_max(cmd_signalled()); /* it may have reached only one */
        if (sig && s.step < tr_trainer_total(r->t))
            save_and_die(r, sig);
    }
    return 0;
}

/* ==== the command ==== */

static struct tr_train_args train_args(const struct opts *o)
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

static struct tr_pack *open_pack(const char *path, const struct tr_model *m,
                                 struct tr_err *err)
{
    struct tr_pack *p = tr_pack_open(path, err);
    if (p && tr_pack_fits(p, path, m, err)) {
        tr_pack_close(p);
        return NULL;
    }
    return p;
}

static int check_outputs(const struct opts *o, struct tr_err *err)
{
    const char *out[] = { o->output, o->log, o->dump_grads, o->lora_out };
    const char *in[] = { o->model, o->data, o->val, o->adapter_in };
    if (cmd_none_same(out, 4, in, 4, err) || cmd_writable(o->output, err) ||
        cmd_writable(o->dump_grads, err) || cmd_writable(o->lora_out, err))
        return err->code;
    return 0;
}

/* A name that two outputs have; NULL if there is none. */
static const char *named_twice(const struct opts *o)
{
    const char *out[] = { o->output, o->log, o->dump_grads, o->lora_out };
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            if (out[i] && out[j] && !strcmp(out[i], out[j]))
                return out[i];
    return NULL;
}

/* The checkpoint comes last: where it is, all is there.  If it cannot be written, what was
 * trained is kept among the saves. */
static int finish(struct run *r, struct tr_err *err)
{
    const struct opts *o = r->o;
    if (tr_comm_rank())
        return 0;
    if (!(o->lora_out && tr_trainer_save_adapter(r->t, o->lora_out, err)) &&
        !tr_trainer_save(r->t, o->output, err))
        return 0;
    if (err->code != TR_EDIVERGED)
        save_now(r);
    return err->code;
}

static int resume(struct run *r, struct tr_err *err)
{
    char from[4096];
    if (!r->o->resume)
        return 0;
    int rc = tr_saves_resume(r->saves, r->t, pass_over, from, sizeof from, err);
    if (rc < 0)
        return rc;
    r->first_step = tr_trainer_step_count(r->t);
    if (rc)
        cmd_say("going on from '%s', step %lld", from, (long long)r->first_step);
    return 0;
}

static int open_run(struct run *r, struct tr_err *err)
{
    const struct opts *o = r->o;
    struct tr_train_args args = train_args(o);
    if (!tr_comm_rank() && !o->plan && check_outputs(o, err))
        return err->code;
    r->m = cmd_open_model(o->model, err);
    if (!r->m || tr_gguf_check(tr_model_gguf(r->m), err) ||
        !(r->data = open_pack(o->data, r->m, err)) ||
        (o->val && !(r->val = open_pack(o->val, r->m, err))))
        return err->code;
    if (r->val)
        args.eval_rows = tr_pack_info(r->val)->ctx;
    if (!tr_pack_info(r->data)->n_counted)
        return tr_err_set(err, TR_EFORMAT, "%s: no position counts towards the loss",
                          o->data);
    r->t = (o->plan ? tr_trainer_new_planning : tr_trainer_new)(r->m, r->data, &args, err);
    if (!r->t)
        return err->code;
    say_trained(r->t, r->m);
    say_ranks(args.grad_acc);
    return 0;
}

/* What only rank 0 has: the files that are written, and the save to go on from. */
static int open_saves(struct run *r, struct tr_err *err)
{
    if (tr_comm_rank())
        return 0;
    if (!(r->saves = tr_saves_open(r->o->output, err)))
        return err->code;
    cmd_plan_say(tr_trainer_plan(r->t));
    if (resume(r, err) || check_space(r, err) ||
        cmd_metrics_open(&r->log, r->o->log, r->first_step, err))
        return err->code;
    return 0;
}

static void train_all(struct run *r, struct tr_err *err)
{
    cmd_catch_signals();
    if (tr_comm_agree(open_saves(r, err), err) || tr_trainer_join(r->t, err) ||
        train(r, err) || tr_comm_agree(finish(r, err), err))
        return;
    cmd_say("wrote '%s'; peak memory %.1f MB, planned %.1f MB", r->o->output,
            (double)tr_machine_resident_peak() / 1e6,
            (double)tr_trainer_plan(r->t)->total / 1e6);
}

static int run_all(const struct opts *o, struct tr_err *err)
{
    struct run r = { .o = o, .val_loss = NAN };
    if (!tr_comm_agree(open_run(&r, err), err)) {
        if (!o->plan)
            train_all(&r, err);
        else if (!tr_comm_rank())
            cmd_plan_print(r.t);
    }
    cmd_metrics_close(&r.log);
    tr_saves_close(r.saves);
    tr_trainer_free(r.t);
    tr_pack_close(r.val);
    tr_pack_close(r.data);
    tr_model_close(r.m);
    return err->code ? cmd_code(err) : CMD_OK;
}

/* All ranks end with the same status; rank 0 says why, before any of them ends. */
static int run_with_others(const struct opts *o, struct tr_err *err)
{
    if (tr_comm_start(err))
        return cmd_end(CMD_FAIL, err);
    if (tr_comm_rank())
        cmd_hush();
    int rc = cmd_end(run_all(o, err), tr_comm_rank() ? NULL : err);
    tr_comm_stop();
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = {
        .lora_r = 8, .lora_alpha = 16, .lora_targets = "all-linear", .batch = 4,
        .grad_acc = 1, .epochs = 1, .keep = 2, .seed = 42, .lr = -1, .warmup = 0.05,
        .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01, .clip = 1,
        .shuffle = 1,
    };
    const char *sched[8] = {0}, *optim[8] = {0}, *loss[8] = {0};
    const char *precision[8] = {0};
    const char *const weights[] = { "f32", "bf16", NULL };
    for (int i = 0; tr_schedule_at(i); i++)
        sched[i] = tr_schedule_at(i)->name;
    for (int i = 0; tr_optim_at(i); i++)
        optim[i] = tr_optim_at(i)->name;
    for (int i = 0; tr_precision_at(i); i++)
        precision[i] = tr_precision_at(i)->name;
    for (int i = 0; tr_loss_at(i); i++)
        loss[i] = tr_loss_name(tr_loss_at(i));
    const struct cmd_opt table[] = {
        CMD_GROUP("Files"),
        CMD_TEXT('m', "model", &o.model, "FILE", "GGUF to start from"),
        CMD_TEXT('d', "data", &o.data, "FILE", "packed training data"),
        CMD_TEXT('o', "output", &o.output, "FILE",
                 "checkpoint, written when the run is complete; saves on the way go to FILE.d/"),
        CMD_TEXT(0, "val", &o.val, "FILE", "packed data to measure the loss on"),
        CMD_TEXT(0, "log", &o.log, "FILE", "table of metrics, a row a step (TSV)"),
        CMD_GROUP("What is trained"),
        CMD_FLAG(0, "full", &o.full, "all weights, instead of a LoRA adapter"),
        CMD_INT(0, "lora-r", &o.lora_r, 1, 65536, "N", "rank of the adapter"),
        CMD_FLOAT(0, "lora-alpha", &o.lora_alpha, 1e-6, 1e9, "X",
                  "the adapter is scaled by alpha / rank"),
        CMD_TEXT(0, "lora-targets", &o.lora_targets, "LIST",
                 "patterns of linear layers, with commas: attn_q,ffn_*"),
        CMD_TEXT(0, "adapter-in", &o.adapter_in, "FILE",
                 "start from this adapter: rank, alpha and targets are its"),
        CMD_TEXT(0, "lora-out", &o.lora_out, "FILE", "also write the adapter at every save"),
        CMD_GROUP("How long"),
        CMD_INT(0, "batch", &o.batch, 1, 1 << 20, "N", "sequences in one forward and backward"),
        CMD_INT(0, "grad-acc", &o.grad_acc, 1, 1 << 20, "N",
                "batches in a step, of each process"),
        CMD_INT(0, "global-batch", &o.global_batch, 1, 1 << 30, "N",
                "instead of --grad-acc: sequences in a step, of all processes together"),
        CMD_INT(0, "epochs", &o.epochs, 1, 1 << 20, "N", "passes over the data"),
        CMD_INT(0, "steps", &o.steps, 1, 1e12, "N", "steps, however many passes that takes"),
        CMD_GROUP("How"),
        CMD_FLOAT(0, "lr", &o.lr, 0, 1e38, "X", "learning rate (2e-4, with --full 2e-5)"),
        CMD_CHOICE(0, "sched", &o.sched, sched, "NAME", "learning rate after the warm-up"),
        CMD_FLOAT(0, "warmup", &o.warmup, 0, 1e12, "X",
                  "steps of warm-up, below 1 a share of all steps"),
        CMD_CHOICE(0, "opt", &o.optim, optim, "NAME", "optimizer"),
        CMD_FLOAT(0, "beta1", &o.beta1, 0, 0.9999999, "X", "decay of the first moment"),
        CMD_FLOAT(0, "beta2", &o.beta2, 0, 0.9999999, "X", "decay of the second moment"),
        CMD_FLOAT(0, "eps", &o.eps, 1e-30, 1, "X", "AdamW's epsilon"),
        CMD_FLOAT(0, "weight-decay", &o.weight_decay, 0, 1e3, "X",
                  "decay of matrices and tables"),
        CMD_FLOAT(0, "clip", &o.clip, 0, 1e9, "X", "largest norm of the gradient, 0: any"),
        CMD_CHOICE(0, "precision", &o.precision, precision, "NAME", "of the matrix products"),
        CMD_CHOICE(0, "loss", &o.loss, loss, "NAME", "what is minimised"),
        CMD_UNFLAG(0, "no-shuffle", &o.shuffle, "take the data in the order of the pack"),
        CMD_INT(0, "seed", &o.seed, 0, 9e15, "N", "of the adapter and the shuffling"),
        CMD_GROUP("Memory"),
        CMD_FLAG(0, "plan", &o.plan,
                 "print bytes and time of a step as a table, and do nothing"),
        CMD_SIZE(0, "mem-limit", &o.mem_limit, "SIZE",
                 "most memory to plan for, as in 400M (default: what there is)"),
        CMD_FLAG(0, "recompute", &o.recompute,
                 "compute every block twice, not only as many as the memory asks for"),
        CMD_CHOICE(0, "weights", &o.weights, weights, "TYPE",
                   "with --full: how matrices and tables are kept"),
        CMD_FLAG(0, "fused-step", &o.fused_step,
                 "update block by block in the backward pass (two of them if --clip)"),
        CMD_GROUP("On the way"),
        CMD_INT(0, "eval-every", &o.eval_every, 1, 1e12, "N",
                "measure --val every N steps, not only at the end"),
        CMD_INT(0, "save-every", &o.save_every, 1, 1e12, "N", "save every N steps"),
        CMD_INT(0, "keep", &o.keep, 1, 1 << 20, "N", "newest saves to keep"),
        CMD_FLAG(0, "resume", &o.resume,
                 "go on from the newest valid save, or from a finished FILE"),
        CMD_TEXT(0, "dump-grads", &o.dump_grads, "FILE",
                 "gradients of the first step, before clipping, as GGUF"),
        CMD_END
    };
    const struct cmd cmd = { "train", "-m BASE.gguf -d DATA.pack -o RUN.ckpt [OPTION…]",
                             "fine-tune a model on packed data", table, 0, 0 };
    struct tr_err err = {0};
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    if (!o.model || !o.data || (!o.output && !o.plan))
        cmd_usage(&cmd, "options --model, --data and --output (but for --plan) are required");
    if (o.full && (o.adapter_in || o.lora_out))
        cmd_usage(&cmd, "--full trains no adapter");
    if (!o.full && o.weights)
        cmd_usage(&cmd, "--weights is for --full: an adapter is f32");
    if (o.global_batch && o.grad_acc > 1)
        cmd_usage(&cmd, "--global-batch replaces --grad-acc");
    if (o.global_batch % o.batch)
        cmd_usage(&cmd, "--global-batch is no multiple of --batch, %lld", (long long)o.batch);
    if (o.fused_step && (o.grad_acc > 1 || o.global_batch > o.batch || o.dump_grads))
        cmd_usage(&cmd, "--fused-step keeps no gradients: not with %s",
                  o.dump_grads ? "--dump-grads" : "--grad-acc or --global-batch");
    if (named_twice(&o))
        cmd_usage(&cmd, "two outputs are named '%s'", named_twice(&o));
    if (o.output && !strcmp(o.output, "-"))
        cmd_usage(&cmd, "a checkpoint cannot go to standard output");
    return run_with_others(&o, &err);
}
