/* SPDX-License-Identifier: MIT
 *
 * What a step is made of: how many rows it has at most, its sequences, the forward pass of
 * a micro-batch, the update.  Both kinds of step (step.c, step_fused.c) and the plan
 * (plan.c) are built on these.
 */
#include <libtrain/comm.h>
#include <libtrain/model/model.h>
#include <libtrain/rng.h>
#include <libtrain/train/run.h>

#include <string.h>

enum { ROUNDING_STREAM = 0x726f756e, NOISE_STREAM = 0x6e6f6973 }; /* far from the streams of adapters */

/* A number of attention's result costs two operations for each position before it, one of a
 * product two for each column: with a third of that it is worth computing again, as norms
 * are.  Results that wait as F16 take half as much, and would change. */
enum tr_recompute tr__recompute(const struct tr_trainer *t)
{
    int is_short = 3 * t->extent.longest <= t->m->config.n_embd;
    return is_short && !t->args.precision->keep_half ? TR_RECOMPUTE_SHORT
                                                     : TR_RECOMPUTE_CHEAP;
}

void tr__prepare_tape(const struct tr_trainer *t, struct tr_tape *tp)
{
    if (t->plan.recompute) /* and the embedding, which is the first segment */
        tr_tape_recompute_first(tp, (int)t->plan.recompute + 1);
    tr_tape_recompute_groups(tp, (int)t->plan.group);
    if (t->args.precision->keep_half)
        tr_tape_keep_half(tp);
}

int64_t tr__step_batches(const struct tr_trainer *t)
{
    return (t->args.grad_acc + tr_comm_size() - 1) / tr_comm_size();
}

/* At most 2^40 sequences (pack.h) and 2^20 epochs; steps are checked (args_check.c). */
uint64_t tr__run_samples(const struct tr_trainer *t)
{
    if (t->args.steps)
        return (uint64_t)t->args.steps * (uint64_t)(t->args.batch * t->args.grad_acc);
    return tr__run_sequences(t) * (uint64_t)t->args.epochs;
}

uint64_t tr__sequence_of(const struct tr_trainer *t, uint64_t sample)
{
    uint64_t n_seq = tr__run_sequences(t), at = sample % n_seq;
    uint64_t seed = t->args.shuffle_seed ? t->args.shuffle_seed : t->args.seed;
    return t->args.shuffle ? tr_pack_order(seed, sample / n_seq, n_seq, at) : at;
}

uint64_t tr_trainer_sequence(const struct tr_trainer *t, uint64_t sample)
{
    return tr__sequence_of(t, sample);
}

/* A run over whole epochs ends with what is left. */
int64_t tr__step_sequences(const struct tr_trainer *t)
{
    uint64_t n = (uint64_t)(t->args.batch * t->args.grad_acc);
    uint64_t left = tr__run_samples(t) - t->sample;
    return (int64_t)(left < n ? left : n);
}

/* Sequence i of the step becomes number `mine` of this rank. */
static int append_sequence(struct tr_trainer *t, int64_t i, int64_t mine,
                           struct tr__counted *sum, struct tr_err *err)
{
    struct tr_pack_seq seq;
    uint64_t i_seq = t->seq[mine] = tr__sequence_of(t, t->sample + (uint64_t)i);
    int64_t row = t->row[mine];
    int rc = tr_pack_read(t->pack, i_seq, &seq, err);
    if (!rc)
        rc = tr__asked_place(t, i_seq, &seq, row, err);
    if (rc)
        return rc;
    size_t bytes = (size_t)seq.n * sizeof(int32_t);
    memcpy(t->token + row, seq.token, bytes);
    memcpy(t->target + row, seq.target, bytes);
    memcpy(t->pos + row, seq.pos, bytes);
    for (int32_t j = 0; t->weight && j < seq.n; j++)
        t->weight[row + j] = seq.weight ? seq.weight[j] : 1;
    for (int32_t j = 0; j < seq.n; j++)
        sum->n += seq.target[j] >= 0;
    struct tr_batch batch = { seq.n, seq.token, seq.target, seq.pos, seq.weight };
    sum->weight += tr__batch_weight(&batch);
    t->row[mine + 1] = row + seq.n;
    return 0;
}

/* The micro-batches are dealt to the ranks in turn; a failure of any rank is one of all. */
int64_t tr__step_gather(struct tr_trainer *t, int64_t n, struct tr__counted *sum,
                        struct tr_err *err)
{
    int64_t mine = 0;
    int rc = 0;
    for (int64_t i = 0; i < n && !rc; i++)
        if (i / t->args.batch % tr_comm_size() == tr_comm_rank())
            rc = append_sequence(t, i, mine++, sum, err);
    rc = tr_comm_agree(rc, err);
    return rc ? rc : mine;
}

/* Of micro-batch number `batch` of the step, whichever rank has it. */
static struct tr__noise noise_of(const struct tr_trainer *t, int64_t batch)
{
    struct tr_rng r = tr_rng_init(t->args.seed, NOISE_STREAM);
    r.counter = (uint64_t)t->step;
    r = (struct tr_rng){ .key = tr_rng_u64(&r), .counter = (uint64_t)batch };
    return (struct tr__noise){ (float)t->args.lora_dropout, (float)t->args.neftune,
                               tr_rng_u64(&r) };
}

struct tr_tensor *tr__step_forward(struct tr_trainer *t, int64_t i, int64_t end,
                                   double scale, double *sum)
{
    int64_t row = t->row[i];
    struct tr_batch batch = { t->row[end] - row, t->token + row, t->target + row,
                              t->pos + row, t->weight ? t->weight + row : NULL };
    struct tr_loss loss = { .kind = t->args.loss, .scale = (float)scale, .sum = sum,
                            .max_rows = t->plan.chunk, .option = t->loss_option };
    struct tr_tops top = t->asked.top;
    if (t->args.objective->teacher) {
        top.at = t->asked.at + row;
        loss.kind = t->args.objective->teacher;
        loss.option = t->objective_option;
        loss.top = &top;
    }
    tr_tape_reset(t->tape);
    t->m->noise = noise_of(t, i / t->args.batch * tr_comm_size() + tr_comm_rank());
    struct tr_tensor *result = tr_model_loss(t->m, t->tape, &batch, &loss);
    t->m->noise = (struct tr__noise){ 0 };
    if (t->args.balance > 0)
        t->balance += tr_model_balance_loss(t->m) * scale * tr__batch_weight(&batch);
    return result;
}

struct tr_optim_step tr__step_update(const struct tr_trainer *t, double lr, double norm)
{
    const struct tr_train_args *a = &t->args;
    /* the small number is PyTorch's, so that norms compare to the last digit */
    double clip = a->clip > 0 ? a->clip / (norm + 1e-6) : 1;
    struct tr_rng random = tr_rng_init(a->seed, ROUNDING_STREAM);
    random.counter = (uint64_t)t->step;
    return (struct tr_optim_step){ .lr = lr,
                                   .option = t->optim_option,
                                   .weight_decay = a->weight_decay,
                                   .grad_scale = clip < 1 ? clip : 1,
                                   .t = t->step + 1,
                                   .key = (uint32_t)tr_rng_u64(&random) };
}
