/* SPDX-License-Identifier: MIT
 *
 * Inside of a run, shared by its set-up (trainer.c, parameters.c), its plan (plan.c), its
 * step (batch.c, step.c, step_fused.c) and its saved state (checkpoint.c).
 */
#ifndef LIBTRAIN_TRAIN_RUN_H
#define LIBTRAIN_TRAIN_RUN_H

#include <libtrain/checkpoint.h>
#include <libtrain/train/asked.h>
#include <libtrain/trainer.h>

/* What a rank has at once of the data, at most (extent.c). */
struct tr__extent {
    int64_t batch_rows, step_rows; /* of a micro-batch, of this step's share */
    int32_t longest;               /* positions of a document */
    int64_t val_rows;              /* of a sequence of args.val; 0: there is none */
    int weighted;                  /* 1: a token weighs other than 1 */
    int varied;                    /* 1: micro-batches have different numbers of rows */
};

/* Rows with a target, and their weights added up: their number where all weigh 1. */
struct tr__counted {
    int64_t n;
    double weight;
};

struct tr__answers; /* answers.c */

/* What the rules that end a run early have seen (stop.c). */
struct tr__stop {
    double *loss; // (n) of the last steps, the newest last; NULL: there are no rules
    int64_t n;
    double best;
    int64_t stale; /* steps since then */
};

/* What a run remembers of its steps beside what it trains, in its checkpoints too
 * (remembered.c); all 0 at first. */
struct tr__remembered {
    double bad;     /* steps in a row, up to the last one, that were not finite */
    double rewinds; /* to the save `anchor` */
    double anchor;  /* step of the save that a run would go back to */
    double best_loss; /* the lowest held-out one that was measured on the way … */
    double best_step; /* … after this step; 0: none */
    double since_best; /* measurements since */
    double loss_mean, loss_variance; /* of the steps before, the later ones counting more */
};

struct tr_trainer {
    struct tr_train_args args; /* rank and alpha are the adapter's; the strings are gone */
    double optim_option[TR_MAX_OPTION], sched_option[TR_MAX_OPTION];
    double loss_option[TR_MAX_OPTION], objective_option[TR_MAX_OPTION];
    char *text; /* what must be the same for the run to go on, a line each */
    char **warning; // (n_warning)
    size_t n_warning, cap_warning;
    char warmup_note[160]; /* one more, empty if there is none */
    struct tr_model *m;
    struct tr_pack *pack;
    uint64_t base_hash; /* found once: it touches pages of every tensor */
    struct tr_tensor *before; // (m->n_weight) the weights as they were; NULL: not taken
    int attention_before;
    double balance_before;
    int64_t context_before;
    struct tr_gguf *source; /* args.loftq_from, until the adapter has its numbers */
    uint64_t beneath;     /* of adapters that the model had already; 0: none */
    struct tr_lora *lora; /* NULL when training in full */
    struct tr_params params;
    struct tr_tape *tape;
    struct tr_eval *eval; /* NULL unless args.eval_rows */
    struct tr__asked asked;
    int asks_reference;
    struct tr__groups groups; /* {0} unless the objective is of rewards */
    struct tr__answers *answers; /* NULL unless the objective looks at answers */
    double answers_loss;         /* of the step that is being made */
    int64_t sample_bytes;  /* of the generator that the caller will make */
    struct tr_plan plan;
    struct tr_tape_plan tape_plan;
    struct tr__extent extent;
    int64_t total, warmup; /* steps */
    int old_warmup;        /* it was cut, as in the checkpoint that was loaded */
    int64_t step;          /* updates made */
    uint64_t sample;       /* sequences seen, over all epochs */
    double balance;        /* of the step that is being made, as in tr_step_stats */
    struct tr__stop stop;
    struct tr__remembered past;

    /* This rank's sequences of a step, one after the other. */
    int32_t *token, *target, *pos; // (extent.step_rows)
    float *weight;                 // (extent.step_rows) NULL unless extent.weighted
    int64_t *row;                  // (tr__step_batches * batch + 1) where each begins
    uint64_t *seq;                 // (as many) its number in the pack
};

/* Micro-batches of a rank's share of a step, at most. */
int64_t tr__step_batches(const struct tr_trainer *t);
/* Samples of the whole run, and the sequence of the pack that sample number `sample` is. */
uint64_t tr__run_samples(const struct tr_trainer *t);
uint64_t tr__sequence_of(const struct tr_trainer *t, uint64_t sample);
/* Sequences of the pack that are trained. */
uint64_t tr__run_sequences(const struct tr_trainer *t);
/* Fill t->extent; reads the whole pack once, and that of args.val. */
int tr__measure_extent(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;

/* Sequences of the next step, of all ranks. */
int64_t tr__step_sequences(const struct tr_trainer *t);
/* Read this rank's of the step's n sequences; returns how many these are, or an error.
 * *sum grows by their rows with a target. */
int64_t tr__step_gather(struct tr_trainer *t, int64_t n, struct tr__counted *sum,
                        struct tr_err *err) TR_MUST_CHECK;
/* Of an objective that looks at answers: weigh the rows of this rank's n sequences, and fill
 * weight, margin and accuracy of *s, which are those of all ranks. */
int tr__answers_new(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
void tr__answers_free(struct tr__answers *a);
int tr__weigh_answers(struct tr_trainer *t, int64_t n, struct tr_step_stats *s,
                      struct tr_err *err) TR_MUST_CHECK;
/* 1 if held-out answers can be compared; margin and accuracy of those in every stride-th of
 * their sequences, which stay where nothing weighs.  Collective. */
struct tr__measured;
int tr__compares_held_out(const struct tr_trainer *t);
/* Before the first step: are all of them as the objective wants them, if they are compared? */
int tr__check_held_out(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
int tr__compare_held_out(struct tr_trainer *t, uint64_t stride, struct tr__measured *x,
                         struct tr_err *err) TR_MUST_CHECK;
/* Forward of sequences i … end - 1: their loss, times scale; the sum of the losses is added
 * to *sum. */
struct tr_tensor *tr__step_forward(struct tr_trainer *t, int64_t i, int64_t end,
                                   double scale, double *sum);
/* The loss of the step, of which rows give this mean: another where answers were weighed. */
static inline double tr__step_loss(const struct tr_trainer *t, double mean)
{
    return t->args.objective->weigh ? t->answers_loss : mean;
}
/* The update that this step makes if all gradients have this norm. */
struct tr_optim_step tr__step_update(const struct tr_trainer *t, double lr, double norm);
/* The step of n sequences, from forward to update; fills loss, grad_norm and skipped. */
int tr__fused_step(struct tr_trainer *t, int64_t n, double scale, struct tr_step_stats *s,
                   struct tr_err *err) TR_MUST_CHECK;

/* What a tape of the run computes again in any case. */
enum tr_recompute tr__recompute(const struct tr_trainer *t);
/* Tell a new tape what to keep, and how, until backward: after plan.recompute. */
void tr__prepare_tape(const struct tr_trainer *t, struct tr_tape *tp);

/* Count a step that was not finite; TR_EDIVERGED if it was one too many. */
int tr__count_bad(struct tr_trainer *t, const struct tr_step_stats *s,
                  struct tr_err *err) TR_MUST_CHECK;
/* After such a step, where on_divergence is rewind: 1 if parameters and moments are those of the
 * save t->past.anchor again (path on rank 0), 0 if there is nothing to do, TR_EDIVERGED if
 * that did not help.  Collective. */
int tr__rewind(struct tr_trainer *t, const struct tr_step_stats *s, const char *path,
               struct tr_err *err) TR_MUST_CHECK;
/* Is the loss of the step a spike?  Fills spike and usual_loss. */
void tr__watch_loss(struct tr_trainer *t, struct tr_step_stats *s);

/* Keys of a checkpoint for t->past, and back: TR_EFORMAT for what no run can have. */
void tr__write_past(struct tr_gguf_writer *g, const struct tr_trainer *t);
int tr__read_past(struct tr__remembered *past, const struct tr_gguf *g,
                  struct tr_err *err) TR_MUST_CHECK;

/* Decide how much is recomputed and fill the plan.  The parameters are declared; nothing
 * needs memory yet. */
int tr__trainer_plan(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;

/* Note something that whoever runs it should know; a line without memory for it is lost. */
void tr__warn(struct tr_trainer *t, const char *fmt, ...) TR_PRINTF(2, 3);
/* The same of the arguments, while their strings are there; of the warm-up as it is now. */
void tr__warn_of_run(struct tr_trainer *t);
void tr__note_warmup(struct tr_trainer *t);

/* Note the weights of the model, which from now on are the run's; declare its parameters;
 * fill these, once they have memory; give all back as it was. */
int tr__take_model(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
int tr__declare_parameters(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
int tr__fill_parameters(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
void tr__give_back_model(struct tr_trainer *t);

/* Steps of warm-up in a run of so many steps. */
int64_t tr__warmup_steps(const struct tr_train_args *a, int64_t total);

/* What is measured on the way (held_out.c): after so many steps, 0 never, of the sequences of
 * args.val every stride-th. */
struct tr__held_out {
    int64_t every;
    uint64_t stride;
};
struct tr__held_out tr__plan_held_out(const struct tr_trainer *t,
                                      const struct tr_train_hooks *h);
/* What came of it; NAN: it was not measured. */
struct tr__measured {
    double loss, margin, accuracy; /* the last two as in tr_step_stats, of answers */
};
int tr__measure_held_out(struct tr_trainer *t, struct tr__held_out *what,
                         struct tr__measured *x, struct tr_err *err) TR_MUST_CHECK;

/* The files of the hooks that are written at every save, under the names they have then. */
int tr__write_named(const struct tr_trainer *t, const struct tr_train_hooks *h,
                    struct tr_err *err) TR_MUST_CHECK;

/* Rules that end a run early: room for what they look at; 1 and a line of text if the step
 * with this loss is to be the last; what they know in a checkpoint, and from there. */
int tr__stop_init(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
int tr__stop_due(struct tr_trainer *t, double loss, char *why, size_t size);
/* All ranks know what the first one does. */
void tr__stop_share(struct tr_trainer *t);
void tr__stop_write(struct tr_gguf_writer *g, const struct tr_trainer *t);
int tr__stop_read(struct tr_trainer *t, const struct tr_gguf *g,
                  struct tr_err *err) TR_MUST_CHECK;

/* Before a run: do its hooks go together, and is there disk space for what it will save? */
int tr__check_hooks(const struct tr_trainer *t, const struct tr_train_hooks *h,
                    struct tr_err *err) TR_MUST_CHECK;
int tr__check_space(const struct tr_trainer *t, const struct tr_train_hooks *h,
                    struct tr_err *err) TR_MUST_CHECK;
/* Newest saves that are kept. */
int tr__keep(const struct tr_train_hooks *h);

/* How a new adapter begins (start.c): what is at odds; what its pairs need; the numbers, once
 * there is memory. */
int tr__check_start(const struct tr_train_args *a, struct tr_err *err) TR_MUST_CHECK;
int tr__prepare_start(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
int tr__start_pairs(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;

/* TR_EINVAL if the trainer stopped at its plan. */
int tr__check_runs(const struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;

/* Fill t->text. */
int tr__describe_run(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
/* 0 if the checkpoint is of this run, whatever its length; TR_EMISMATCH. */
int tr__same_run(const struct tr_trainer *t, const struct tr_gguf *g,
                 struct tr_err *err) TR_MUST_CHECK;
/* TR_EMISMATCH, with every line of `now` that `then` has otherwise; `what` is then's
 * name. */
int tr__compare_runs(const char *what, const char *then, const char *now,
                     struct tr_err *err) TR_MUST_CHECK;

#endif
