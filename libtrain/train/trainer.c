/* SPDX-License-Identifier: MIT
 *
 * The life of a run: what it needs is checked, the model is taken (parameters.c), its
 * memory is planned (plan.c) and then had; and in the end the model is given back.
 * Everything that can be refused is refused before the first parameter has memory.
 */
#include <libtrain/generate.h>
#include <libtrain/model/model.h>
#include <libtrain/train/args.h>
#include <libtrain/train/eval.h>

#include <math.h>
#include <stdlib.h>

/* ---- checks ----------------------------------------------------------------------- */

static int check_data(struct tr_pack *pack, const struct tr_model *m, struct tr_err *err)
{
    int rc = tr_pack_fits(pack, m, err);
    if (!rc && !tr_pack_info(pack)->n_counted)
        rc = tr_err_set(err, TR_EFORMAT, "%s: no position counts towards the loss",
                        tr_pack_path(pack));
    return rc;
}

static int check_all(const struct tr_model *m, struct tr_pack *pack,
                     const struct tr_train_args *a, struct tr_err *err)
{
    int rc = tr_train_args_check(a, err);
    if (!rc && (!m || !pack))
        rc = tr_err_set(err, TR_EINVAL, "a run needs a %s", m ? "pack" : "model");
    if (!rc)
        rc = tr_precision_open(tr_precision_choose(a->precision, NULL, 0), err);
    if (!rc)
        rc = tr_gguf_check(tr_model_gguf(m), err);
    if (!rc)
        rc = check_data(pack, m, err);
    if (!rc && tr_pack_info(pack)->is_signed && !a->objective->weigh)
        rc = tr_err_set(err, TR_EUNSUPPORTED, "%s: has answers that are not wanted "
                        "(tokenize --preference), which objective '%s' would learn",
                        tr_pack_path(pack), a->objective->name);
    if (!rc && a->objective->weigh && !a->objective->rewards && !tr_pack_info(pack)->is_signed)
        rc = tr_err_set(err, TR_EFORMAT, "%s: has no answers that are not wanted, which "
                        "objective '%s' compares with (tokenize --preference)",
                        tr_pack_path(pack), a->objective->name);
    if (!rc && a->val)
        rc = check_data(a->val, m, err);
    return rc;
}

int tr__check_runs(const struct tr_trainer *t, struct tr_err *err)
{
    return t->tape ? 0
                   : tr_err_set(err, TR_EINVAL,
                                "the run is only planned (training argument 'plan_only')");
}

/* ---- length ----------------------------------------------------------------------- */

int64_t tr__warmup_steps(const struct tr_train_args *a, int64_t total)
{
    return (int64_t)(a->warmup < 1 ? ceil(a->warmup * (double)total) : a->warmup);
}

static void set_length(struct tr_trainer *t)
{
    uint64_t per_step = (uint64_t)(t->args.batch * t->args.grad_acc);
    t->total = (int64_t)((tr__run_samples(t) + per_step - 1) / per_step);
    t->warmup = tr__warmup_steps(&t->args, t->total);
}

static void set_options(struct tr_trainer *t)
{
    const struct tr_train_args *a = &t->args;
    tr_option_values(a->optim->option, a->setting, t->optim_option);
    tr_option_values(a->sched->option, a->setting, t->sched_option);
    tr_option_values(a->loss->option, a->setting, t->loss_option);
    tr_option_values(a->objective->option, a->setting, t->objective_option);
}

/* ---- memory ----------------------------------------------------------------------- */

static int init_eval(struct tr_trainer *t, struct tr_err *err)
{
    if (t->args.eval_rows < t->extent.val_rows)
        t->args.eval_rows = t->extent.val_rows;
    if (t->args.objective->weigh && t->args.eval_rows < t->extent.batch_rows)
        t->args.eval_rows = t->extent.batch_rows;
    if (!t->args.eval_rows)
        return 0;
    t->eval = tr_eval_new(t->m, t->args.eval_rows, t->args.loss, err);
    if (!t->eval)
        return err ? err->code : TR_ENOMEM;
    if (!t->args.loss->while_training)
        tr__eval_options(t->eval, t->loss_option);
    return 0;
}

static int init_samples(struct tr_trainer *t, struct tr_err *err)
{
    const struct tr_train_args *a = &t->args;
    return a->sample_new ? tr_generator_bytes(t->m, a->sample_prompt, a->sample_new,
                                              &t->sample_bytes, err)
                         : 0;
}

static int init_data(struct tr_trainer *t, struct tr_err *err)
{
    int rc = tr__measure_extent(t, err);
    if (rc)
        return rc;
    size_t rows = (size_t)t->extent.step_rows;
    t->extent.weighted |= t->args.objective->weigh != NULL;
    t->token = calloc(rows, sizeof *t->token);
    t->target = calloc(rows, sizeof *t->target);
    t->pos = calloc(rows, sizeof *t->pos);
    t->row = calloc((size_t)(t->args.batch * tr__step_batches(t) + 1), sizeof *t->row);
    t->seq = calloc((size_t)(t->args.batch * tr__step_batches(t) + 1), sizeof *t->seq);
    t->asked.at = t->args.teacher ? calloc(rows, sizeof *t->asked.at) : NULL;
    t->weight = t->extent.weighted ? calloc(rows, sizeof *t->weight) : NULL;
    if (!t->token || !t->target || !t->pos || !t->row || !t->seq ||
        (t->extent.weighted && !t->weight) || (t->args.teacher && !t->asked.at))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu positions a step", rows);
    rc = init_eval(t, err);
    if (!rc && t->args.objective->weigh)
        rc = tr__answers_new(t, err);
    if (!rc)
        rc = tr__check_held_out(t, err);
    return rc ? rc : init_samples(t, err);
}

/* All up to the plan. */
static int plan(struct tr_trainer *t, struct tr_err *err)
{
    int rc = tr__take_model(t, err);
    if (!rc)
        rc = tr__declare_parameters(t, err);
    if (!rc)
        rc = init_data(t, err);
    if (!rc)
        rc = tr__trainer_plan(t, err);
    if (!rc)
        rc = tr__describe_run(t, err);
    if (!rc)
        tr__warn_of_run(t);
    /* they are the caller's */
    t->args.lora_targets = t->args.adapter_in = t->args.train_rows = NULL;
    t->args.full_targets = t->args.lora_rank_of = t->args.lora_alpha_of = NULL;
    t->args.loftq_from = t->args.reference = t->args.teacher = NULL;
    t->args.setting = NULL;
    return rc;
}

static int take_memory(struct tr_trainer *t, struct tr_err *err)
{
    tr_gguf_forget_metadata(t->m->g);
    int rc = tr_params_allocate(&t->params, err);
    if (!rc)
        rc = tr__fill_parameters(t, err);
    if (!rc)
        tr_params_begin_average(&t->params);
    if (!rc)
        rc = tr__stop_init(t, err);
    if (rc)
        return rc;
    t->tape = tr_tape_new(TR_TAPE_TRAIN, tr__recompute(t), &t->tape_plan, err);
    if (!t->tape)
        return err ? err->code : TR_ENOMEM;
    tr__prepare_tape(t, t->tape);
    if (t->eval)
        tr__eval_lend(t->eval, t->tape);
    return 0;
}

/* ---- life ------------------------------------------------------------------------- */

struct tr_trainer *tr_trainer_new(struct tr_model *m, struct tr_pack *pack,
                                  const struct tr_train_args *args, struct tr_err *err)
{
    if (check_all(m, pack, args, err))
        return NULL;
    struct tr_trainer *t = calloc(1, sizeof *t);
    if (!t) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a trainer");
        return NULL;
    }
    t->args = *args;
    t->args.precision = tr_precision_choose(args->precision, NULL, 0);
    t->m = m;
    t->pack = pack;
    t->base_hash = tr_model_hash(m);
    set_options(t);
    t->asks_reference = tr__asks_reference(&t->args);
    int rc = tr__asked_open(t, err);
    if (!rc && t->args.objective->rewards)
        rc = tr__groups_open(t, err);
    if (!rc)
        set_length(t);
    if (rc || plan(t, err) || (!args->plan_only && take_memory(t, err))) {
        tr_trainer_free(t);
        return NULL;
    }
    if (args->plan_only)
        tr__give_back_model(t);
    return t;
}

void tr_trainer_free(struct tr_trainer *t)
{
    if (!t)
        return;
    tr__answers_free(t->answers);
    tr__asked_close(&t->asked);
    tr__groups_close(&t->groups);
    tr_eval_free(t->eval); /* while there is the tape that it was lent */
    tr_tape_free(t->tape);
    tr_params_release(&t->params); /* while the tensors are theirs */
    tr__give_back_model(t);
    tr_lora_free(t->lora);
    tr_gguf_close(t->source);
    for (size_t i = 0; i < t->n_warning; i++)
        free(t->warning[i]);
    free(t->warning);
    free(t->text);
    free(t->stop.loss);
    free(t->token);
    free(t->target);
    free(t->weight);
    free(t->pos);
    free(t->row);
    free(t->seq);
    free(t);
}

const struct tr_plan *tr_trainer_plan(const struct tr_trainer *t)
{
    return &t->plan;
}

const struct tr_params *tr_trainer_params(const struct tr_trainer *t)
{
    return &t->params;
}

int64_t tr_trainer_step_count(const struct tr_trainer *t)
{
    return t->step;
}

int64_t tr_trainer_total(const struct tr_trainer *t)
{
    return t->total;
}
