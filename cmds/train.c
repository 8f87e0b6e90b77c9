/* SPDX-License-Identifier: MIT
 *
 * train - base and packed data to checkpoint.  See train.1
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/metrics.h"
#include "shared/plan.h"
#include "shared/progress.h"
#include "shared/train-options.h"

#include <libtrain/checkpoint.h>
#include <libtrain/comm.h>
#include <libtrain/machine.h>
#include <libtrain/trainer.h>

#include <math.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* With several ranks (libtrain/comm.h) each has all of it but saves and log: rank 0's. */
struct run {
    const struct train_opts *o;
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
    for (size_t i = 0; i < tr_gguf_n_tensor(tr_model_gguf(m)); i++)
        all += tr_gguf_count(tr_gguf_tensor(tr_model_gguf(m), i));
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

static void warn(void *ctx, const char *line)
{
    (void)ctx;
    cmd_warn("%s", line);
}

static void say(void *ctx, const char *line)
{
    (void)ctx;
    cmd_say("%s", line);
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
    int rc = tr_saves_write(r->saves, r->t, (int)r->o->keep, &err);
    if (rc || (r->o->lora_out && tr_trainer_save_adapter(r->t, r->o->lora_out, &err)))
        cmd_warn("not saved: %s", err.text);
    return rc;
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

static int check_outputs(const struct train_opts *o, struct tr_err *err)
{
    if (cmd_writable(o->output, err) || cmd_writable(o->dump_grads, err) ||
        cmd_writable(o->lora_out, err))
        return err->code;
    return 0;
}

/* The checkpoint comes last: where it is, all is there.  If it cannot be written, what was
 * trained is kept among the saves. */
static int finish(struct run *r, struct tr_err *err)
{
    const struct train_opts *o = r->o;
    if (tr_comm_rank())
        return 0;
    if (!(o->lora_out && tr_trainer_save_adapter(r->t, o->lora_out, err)) &&
        !tr_trainer_save(r->t, o->output, err))
        return 0;
    if (err->code != TR_EDIVERGED && !save_now(r))
        cmd_warn("what was trained is kept as '%s.d/%lld.gguf': when the outputs can be written, "
                 "--resume writes them", o->output, (long long)tr_trainer_step_count(r->t));
    return err->code;
}

static int resume(struct run *r, struct tr_err *err)
{
    char from[4096];
    if (!r->o->resume)
        return tr_saves_begin(r->saves, r->t, r->o->restart, say, NULL, err);
    int rc = tr_saves_resume(r->saves, r->t, warn, NULL, from, sizeof from, err);
    if (rc < 0)
        return rc;
    r->first_step = tr_trainer_step_count(r->t);
    if (rc)
        cmd_say("going on from '%s', step %lld", from, (long long)r->first_step);
    return 0;
}

static int open_run(struct run *r, struct tr_err *err)
{
    const struct train_opts *o = r->o;
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

static int run_all(const struct train_opts *o, struct tr_err *err)
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
static int run_with_others(const struct train_opts *o, struct tr_err *err)
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
    struct train_opts o;
    struct tr_err err = {0};
    train_options(&o, argc, argv);
    return run_with_others(&o, &err);
}
