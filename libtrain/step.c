/* SPDX-License-Identifier: MIT
 *
 * One step: gather sequences, run the micro-batches, clip, update.  With several ranks
 * each has its share of the micro-batches, and the gradients are summed before the norm is
 * taken.  The variant that never has all gradients is in step_fused.c.
 */
#include <libtrain/comm.h>
#include <libtrain/internal/trainer.h>
#include <libtrain/rng.h>

#include <math.h>
#include <string.h>

enum { MAX_BAD_STEPS = 3 };
enum { ROUNDING_STREAM = 0x726f756e }; /* far from the streams of adapters */

/* Sequences of the next step, of all ranks.  A run over whole epochs ends with what is
 * left. */
static int64_t n_sequence(const struct tr_trainer *t)
{
    int64_t n = t->args.batch * t->args.grad_acc;
    if (t->args.steps)
        return n;
    int64_t left = (int64_t)tr_pack_info(t->pack)->n_seq * t->args.epochs -
                   (int64_t)t->sample;
    return left < n ? left : n;
}

/* Sequence i of the step becomes number `mine` of this rank. */
static int append_sequence(struct tr_trainer *t, int64_t i, int64_t mine,
                           int64_t *n_counted, struct tr_err *err)
{
    uint64_t n_seq = tr_pack_info(t->pack)->n_seq, sample = t->sample + (uint64_t)i;
    uint64_t epoch = sample / n_seq, at = sample % n_seq;
    struct tr_pack_seq seq;
    if (t->args.shuffle)
        at = tr_pack_order(t->args.seed, epoch, n_seq, at);
    int rc = tr_pack_read(t->pack, at, &seq, err);
    if (rc)
        return rc;
    int64_t row = t->row[mine];
    size_t bytes = (size_t)seq.n * sizeof(int32_t);
    memcpy(t->token + row, seq.token, bytes);
    memcpy(t->target + row, seq.target, bytes);
    memcpy(t->pos + row, seq.pos, bytes);
    for (int32_t j = 0; j < seq.n; j++)
        *n_counted += seq.target[j] >= 0;
    t->row[mine + 1] = row + seq.n;
    return 0;
}

/* The micro-batches of the step are dealt to the ranks in turn.  Returns the number of
 * sequences that are this rank's; a failure of any rank is one of all. */
static int64_t gather(struct tr_trainer *t, int64_t n, int64_t *n_counted,
                      struct tr_err *err)
{
    int64_t mine = 0;
    int rc = 0;
    for (int64_t i = 0; i < n && !rc; i++)
        if (i / t->args.batch % tr_comm_size() == tr_comm_rank())
            rc = append_sequence(t, i, mine++, n_counted, err);
    rc = tr_comm_agree(rc, err);
    return rc ? rc : mine;
}

struct tr_tensor *tr__step_forward(struct tr_trainer *t, int64_t i, int64_t end,
                                   double scale, double *sum)
{
    int64_t row = t->row[i];
    struct tr_batch batch = { t->row[end] - row, t->token + row, t->target + row,
                              t->pos + row };
    struct tr_loss loss = { .kind = t->args.loss, .scale = (float)scale, .sum = sum,
                            .max_rows = t->plan.chunk };
    tr_tape_reset(t->tape);
    return tr_model_loss(t->m, t->tape, &batch, &loss);
}

struct tr_optim_step tr__step_update(const struct tr_trainer *t, double lr, double norm)
{
    const struct tr_train_args *a = &t->args;
    /* the small number is PyTorch's, so that norms compare to the last digit */
    double clip = a->clip > 0 ? a->clip / (norm + 1e-6) : 1;
    struct tr_rng random = tr_rng_init(a->seed, ROUNDING_STREAM);
    random.counter = (uint64_t)t->step;
    return (struct tr_optim_step){ .lr = lr,
                                   .beta1 = a->beta1,
                                   .beta2 = a->beta2,
                                   .eps = a->eps,
                                   .weight_decay = a->weight_decay,
                                   .grad_scale = clip < 1 ? clip : 1,
                                   .t = t->step + 1,
                                   .key = (uint32_t)tr_rng_u64(&random) };
}

/* All gradients of the step, of which n sequences are this rank's, then the update. */
static void whole_step(struct tr_trainer *t, int64_t n, double scale,
                       struct tr_step_stats *s)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i += t->args.batch) {
        int64_t end = i + t->args.batch < n ? i + t->args.batch : n;
        tr_tape_backward(t->tape, tr__step_forward(t, i, end, scale, &sum));
    }
    tr_params_settle_grads(&t->params);
    tr_comm_sum_f64(&sum, 1);
    tr_comm_sum_f32(t->params.grad, t->params.count);
    s->loss = sum * scale;
    s->grad_norm = tr_params_grad_norm(&t->params);
    s->skipped = !isfinite(s->loss) || !isfinite(s->grad_norm);
    if (s->skipped)
        return;
    struct tr_optim_step update = tr__step_update(t, s->lr, s->grad_norm);
    tr_params_update(&t->params, &update);
}

/* Steps without a finite loss and gradient change nothing; several in a row end the run. */
static int count_bad(struct tr_trainer *t, const struct tr_step_stats *s, struct tr_err *err)
{
    t->n_bad = s->skipped ? t->n_bad + 1 : 0;
    if (t->n_bad < MAX_BAD_STEPS)
        return 0;
    return tr_err_set(err, TR_EDIVERGED,
                      "diverged at step %lld: loss %g, gradient norm %g, %d steps in a row",
                      (long long)s->step, s->loss, s->grad_norm, t->n_bad);
}

int tr_trainer_step(struct tr_trainer *t, struct tr_step_stats *s, struct tr_err *err)
{
    const struct tr_train_args *a = &t->args;
    int64_t n = n_sequence(t), n_counted = 0, mine = gather(t, n, &n_counted, err);
    if (mine < 0)
        return (int)mine;
    double count[2] = { (double)n_counted, (double)t->row[mine] }; /* exact up to 2^53 */
    tr_comm_sum_f64(count, 2);
    double scale = count[0] > 0 ? 1 / count[0] : 0;
    *s = (struct tr_step_stats){
        .step = t->step + 1,
        .lr = tr_schedule_lr(a->sched, a->lr, t->warmup, t->total, t->step + 1),
        .n_token = (int64_t)count[1],
        .n_counted = (int64_t)count[0],
    };
    tr_params_empty_grads(&t->params);
    (a->fused_step ? tr__fused_step : whole_step)(t, mine, scale, s);
    t->step++;
    t->sample += (uint64_t)n;
    return count_bad(t, s, err);
}

int tr_trainer_eval(struct tr_trainer *t, struct tr_pack *pack, double *loss,
                    struct tr_err *err)
{
    uint64_t n_counted;
    if (!t->eval || tr_pack_info(pack)->ctx > t->args.eval_rows)
        tr_fatal("trainer: sequences of %u positions to measure, %lld were announced",
                 tr_pack_info(pack)->ctx, (long long)t->args.eval_rows);
    return tr_eval_pack(t->eval, pack, loss, &n_counted, err);
}
