/* SPDX-License-Identifier: MIT
 *
 * train - base and packed data to checkpoint.  See train.1
 *
 * Options become arguments of a run; the run itself, with its saves and their order, is the
 * library's (libtrain/checkpoint.h).  Here is what is said about it, and what stops it.
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/metrics.h"
#include "shared/plan.h"
#include "shared/progress.h"
#include "shared/spike.h"
#include "shared/train-options.h"

#include <libtrain/checkpoint.h>
#include <libtrain/comm.h>
#include <libtrain/machine.h>
#include <libtrain/trainer.h>

#include <stdlib.h>

/* With several ranks (libtrain/comm.h) each has all of it but saves and log: rank 0's. */
struct run {
    struct train_opts *o;
    struct tr_model *m;
    struct tr_pack *data, *val;
    struct tr_trainer *t;
    struct cmd_metrics log;
    struct cmd_adapters beneath;
    struct tr_lora_config config;
    const struct tr_schedule *schedule; /* of a file; NULL: of the list */
};

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
        cmd_say("%d processes, %d on this machine, each of %d threads; %lld micro-batches a "
                "step", n, tr_comm_local_size(), cmd_threads(), (long long)batches);
}

static void say(void *ctx, int warning, const char *line)
{
    (void)ctx;
    if (warning)
        cmd_warn("%s", line);
    else
        cmd_say("%s", line);
}

static int begin(void *ctx, const struct tr_trainer *t, struct tr_err *err)
{
    struct run *r = ctx;
    int64_t first = tr_trainer_step_count(t);
    r->log.balance = r->o->args.balance > 0;
    r->log.answers = r->o->args.objective->weigh != NULL;
    if (cmd_metrics_open(&r->log, r->o->log, r->o->metrics, first, err) ||
        cmd_samples_open(&r->o->samples, r->m, first, err))
        return err->code;
    if (!first)
        cmd_samples_take(&r->o->samples, 0);
    return 0;
}

static void step(void *ctx, const struct tr_trainer *t, const struct tr_step_stats *s,
                 const struct tr_train_progress *p)
{
    struct run *r = ctx;
    cmd_metrics_add(&r->log, s, p, tr_trainer_total(t));
    cmd_progress(t, s, p);
    cmd_spike_say(t, s, r->data, r->m);
    if (s->step == tr_trainer_total(t) ||
        (r->o->samples.every && s->step % r->o->samples.every == 0))
        cmd_samples_take(&r->o->samples, s->step);
}

static int save_wanted(void *ctx)
{
    (void)ctx;
    return cmd_save_requested();
}

static int stop_wanted(void *ctx)
{
    (void)ctx;
    return cmd_signalled();
}

/* ==== the command ==== */

static int check_outputs(const struct tr_train_hooks *h, struct tr_err *err)
{
    if (cmd_writable(h->output, err) || cmd_writable(h->dump_grads, err) ||
        cmd_writable(h->lora_out, err) || cmd_writable(h->checkpoint_out, err))
        return err->code;
    return 0;
}

static int read_config(struct run *r, struct tr_err *err)
{
    struct tr_train_args *a = &r->o->args;
    if (!r->o->lora_config)
        return 0;
    if (tr_lora_config_read(&r->config, r->o->lora_config, r->m, err))
        return err->code;
    a->lora_rank = r->config.rank;
    a->lora_alpha = r->config.alpha;
    a->lora_targets = r->config.targets;
    return 0;
}

static int read_schedule(struct run *r, struct tr_err *err)
{
    const char *path = r->o->sched_file;
    if (!path)
        return 0;
    r->schedule = r->o->args.sched = tr_schedule_open(path, err);
    return r->schedule ? 0 : err->code;
}

static int open_inputs(struct run *r, struct tr_err *err)
{
    struct train_opts *o = r->o;
    train_share(o);
    if (!tr_comm_rank() && !o->plan && check_outputs(&o->hooks, err))
        return err->code;
    if (!(r->m = cmd_open_model(o->model, err)) ||
        tr_model_set_rope(r->m, o->rope.base, o->rope.scale, err) ||
        tr_model_set_norm_eps(r->m, o->norm_eps, err) ||
        !(r->data = tr_pack_open(o->data, err)) ||
        (o->val && !(r->val = tr_pack_open(o->val, err))))
        return err->code;
    if (cmd_adapters_attach(&r->beneath, &o->beneath, r->m, 0, err))
        return err->code;
    if (r->beneath.n && o->hooks.lora_out)
        cmd_say("'%s' will be an adapter for the base with %s beneath it", o->hooks.lora_out,
                r->beneath.n == 1 ? "that" : "those");
    o->args.val = r->val;
    if (read_config(r, err) || read_schedule(r, err))
        return err->code;
    return cmd_samples_prepare(&o->samples, r->m, &o->args, err);
}

static int begin_run(struct run *r, struct tr_err *err)
{
    struct train_opts *o = r->o;
    r->t = tr_trainer_new(r->m, r->data, &o->args, err);
    if (!r->t)
        return err->code;
    say_trained(r->t, r->m);
    say_ranks(o->args.grad_acc);
    return 0;
}

/* Collective. */
static int extend(struct run *r, struct tr_err *err)
{
    struct train_opts *o = r->o;
    return o->extra_epochs ? tr_train_args_extend(&o->args, o->hooks.output, r->data,
                                                  o->extra_epochs, err)
                           : 0;
}

/* The signal that stopped it, or 0. */
static int train(struct run *r, struct tr_err *err)
{
    struct tr_train_hooks *h = &r->o->hooks;
    h->ctx = r;
    h->say = say;
    h->begin = begin;
    h->step = step;
    h->save_wanted = save_wanted;
    h->stop_wanted = stop_wanted;
    cmd_plan_say(tr_trainer_plan(r->t));
    cmd_catch_signals();
    int why = tr_train_run(r->t, h, err);
    if (!why)
        cmd_say("%s%s%s; peak memory %.1f MB, planned %.1f MB",
                h->output ? "wrote '" : "complete", h->output ? h->output : "",
                h->output ? "'" : "",
                (double)tr_machine_resident_peak() / 1e6,
                (double)tr_trainer_plan(r->t)->total / 1e6);
    return why > 0 ? why : 0;
}

static void print_plan(const struct run *r)
{
    const char *line;
    for (size_t i = 0; (line = tr_trainer_warning(r->t, i)); i++)
        cmd_warn("%s", line);
    cmd_plan_print(r->t);
}

/* Collective. */
static int choose(struct run *r, struct tr_err *err)
{
    struct train_opts *o = r->o;
    char why[4400];
    const char *from = o->hooks.from     ? o->hooks.from
                       : o->hooks.resume ? o->hooks.output : NULL;
    int rc = tr_train_args_choose(&o->args, from, why, sizeof why, err);
    if (!rc)
        cmd_precision_say(o->args.precision, why);
    return rc;
}

static int run_all(struct train_opts *o, int *sig, struct tr_err *err)
{
    struct run r = { .o = o };
    if (!tr_comm_agree(open_inputs(&r, err), err) && !extend(&r, err) &&
        !choose(&r, err) && !tr_comm_agree(begin_run(&r, err), err)) {
        if (!o->plan)
            *sig = train(&r, err);
        else if (!tr_comm_rank())
            print_plan(&r);
    }
    cmd_metrics_close(&r.log);
    cmd_samples_close(&o->samples);
    tr_lora_config_release(&r.config);
    tr_trainer_free(r.t);
    tr_schedule_close(r.schedule);
    tr_pack_close(r.val);
    tr_pack_close(r.data);
    tr_model_close(r.m);
    cmd_adapters_release(&r.beneath);
    return err->code ? cmd_code(err) : CMD_OK;
}

/* All ranks end with the same status; rank 0 says why, before any of them ends. */
static int run_with_others(struct train_opts *o, struct tr_err *err)
{
    int sig = 0;
    if (tr_comm_start(err))
        return cmd_end(CMD_FAIL, err);
    if (tr_comm_rank())
        cmd_hush();
    int rc = run_all(o, &sig, err);
    if (!sig)
        rc = cmd_end(rc, tr_comm_rank() ? NULL : err);
    tr_comm_stop();
    if (sig)
        cmd_reraise(sig);
    return rc;
}

int main(int argc, char **argv)
{
    struct train_opts o;
    struct tr_err err = {0};
    train_options(&o, argc, argv);
    int rc = run_with_others(&o, &err);
    free(o.beneath.item);
    return rc;
}
