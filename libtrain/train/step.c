/* SPDX-License-Identifier: MIT
 *
 * One step: gather sequences, run the micro-batches, clip, update (batch.c has the parts).
 * With several ranks each has its share of the micro-batches, and the gradients are summed
 * before the norm is taken.  The variant that never has all gradients is in step_fused.c.
 */
#include <libtrain/comm.h>
#include <libtrain/train/run.h>

#include <math.h>

/* The gradients of the step, of which n sequences are this rank's, and its loss. */
static int all_gradients(struct tr_trainer *t, int64_t n, double scale, double *loss,
                         struct tr_err *err)
{
    double sum = 0;
    int rc = 0;
    for (int64_t i = 0; i < n && !rc; i += t->args.batch) {
        int64_t end = i + t->args.batch < n ? i + t->args.batch : n;
        tr_tape_backward(t->tape, tr__step_forward(t, i, end, scale, &sum));
        rc = tr_tape_error(t->tape, err);
    }
    if ((rc = tr_comm_agree(rc, err)))
        return rc;
    tr_params_settle_grads(&t->params);
    tr_comm_sum_f64(&sum, 1);
    tr_comm_sum_f32(t->params.grad, t->params.count);
    *loss = tr__step_loss(t, sum * scale);
    return 0;
}

static double scale_of(const struct tr_step_stats *s)
{
    return s->weight > 0 ? 1 / s->weight : 0;
}

/* ---- by an optimizer that asks for the loss itself -------------------------------- */

struct again {
    struct tr_trainer *t;
    int64_t n;
    struct tr_step_stats s;
    struct tr_err *err;
    int rc;
};

/* The same batch where the parameters are now. */
static double ask_again(void *ctx)
{
    struct again *a = ctx;
    struct tr_trainer *t = a->t;
    tr_tape_reset(t->tape);
    if (!a->rc && t->args.objective->weigh)
        a->rc = tr__weigh_answers(t, a->n, &a->s, a->err);
    tr_params_empty_grads(&t->params);
    if (!a->rc)
        a->rc = all_gradients(t, a->n, scale_of(&a->s), &a->s.loss, a->err);
    return a->rc || !isfinite(tr_params_grad_norm(&t->params)) ? (double)NAN : a->s.loss;
}

static int minimise(struct tr_trainer *t, int64_t n, const struct tr_step_stats *s,
                    struct tr_err *err)
{
    struct again a = { t, n, *s, err, 0 };
    tr_params_minimise(&t->params, s->loss, &(struct tr_optim_ask){ ask_again, &a });
    return a.rc;
}

/* ---- a step ----------------------------------------------------------------------- */

/* All gradients, of which n sequences are this rank's, then the update. */
static int whole_step(struct tr_trainer *t, int64_t n, double scale,
                      struct tr_step_stats *s, struct tr_err *err)
{
    int rc = all_gradients(t, n, scale, &s->loss, err);
    if (rc)
        return rc;
    s->grad_norm = tr_params_grad_norm(&t->params);
    s->skipped = !isfinite(s->loss) || !isfinite(s->grad_norm);
    if (s->skipped)
        return 0;
    if (t->args.optim->minimise)
        return minimise(t, n, s, err);
    struct tr_optim_step update = tr__step_update(t, s->lr, s->grad_norm);
    tr_params_update(&t->params, &update);
    return 0;
}

static int check_step(const struct tr_trainer *t, struct tr_err *err)
{
    int rc = tr__check_runs(t, err);
    if (!rc && t->step >= t->total)
        rc = tr_err_set(err, TR_EINVAL, "the run is over: all of its %lld steps are made",
                        (long long)t->total);
    return rc;
}

/* What is known of a step before it is made, from what this rank's share of it holds. */
static struct tr_step_stats announce(const struct tr_trainer *t,
                                     const struct tr__counted *c, int64_t n_token)
{
    const struct tr_train_args *a = &t->args;
    /* exact up to 2^53, but for weights */
    double count[3] = { (double)c->n, (double)n_token, c->weight };
    tr_comm_sum_f64(count, 3);
    return (struct tr_step_stats){
        .step = t->step + 1,
        .lr = tr_schedule_lr(a->sched, t->sched_option, a->lr, t->warmup, t->total,
                             t->step + 1),
        .n_token = (int64_t)count[1],
        .n_counted = (int64_t)count[0],
        .weight = count[2],
        .first_sample = t->sample,
        .n_seq = tr__step_sequences(t),
    };
}

static int step_failed(const struct tr_trainer *t, const struct tr_step_stats *s, int rc,
                       struct tr_err *err)
{
    tr_err_prefix(err, "%s: step %lld", tr_gguf_path(tr_model_gguf(t->m)),
                  (long long)s->step);
    return rc;
}

int tr_trainer_step(struct tr_trainer *t, struct tr_step_stats *s, struct tr_err *err)
{
    int rc = check_step(t, err);
    if (rc)
        return rc;
    struct tr__counted counted = { 0 };
    int64_t n = tr__step_sequences(t);
    int64_t mine = tr__step_gather(t, n, &counted, err);
    if (mine < 0)
        return (int)mine;
    *s = announce(t, &counted, t->row[mine]);
    tr_trainer_use_average(t, 0); /* answers are weighed by what is trained */
    if (t->args.objective->weigh && (rc = tr__weigh_answers(t, mine, s, err)))
        return step_failed(t, s, rc, err);
    double scale = scale_of(s);
    tr_tape_reset(t->tape); /* what a step that failed left there */
    tr_params_empty_grads(&t->params);
    t->balance = 0;
    rc = (t->args.fused_step ? tr__fused_step : whole_step)(t, mine, scale, s, err);
    if (rc)
        return step_failed(t, s, rc, err);
    if (t->args.balance > 0)
        tr_comm_sum_f64(&t->balance, 1);
    s->balance = t->balance;
    if (!s->skipped)
        tr_params_move_average(&t->params, t->args.ema);
    t->step++;
    t->sample += (uint64_t)n;
    tr__watch_loss(t, s);
    return tr__count_bad(t, s, err);
}

void tr_trainer_use_average(struct tr_trainer *t, int use)
{
    tr_params_use_average(&t->params, use);
}

int tr_trainer_eval(struct tr_trainer *t, struct tr_pack *pack, double *loss,
                    struct tr_err *err)
{
    uint64_t n_counted;
    int rc = tr__check_runs(t, err);
    if (!rc && !t->eval)
        rc = tr_err_set(err, TR_EINVAL, "nothing can be measured in this run: training "
                        "arguments 'val' and 'eval_rows' are not set");
    return rc ? rc : tr_eval_pack(t->eval, pack, loss, &n_counted, err);
}
