/* SPDX-License-Identifier: MIT
 *
 * A training run: a model, packed data and arguments in; optimizer updates, and
 * checkpoints from which the run goes on bit for bit (docs/formats/checkpoint.md).
 *
 * The trainer owns parameters, gradients, optimizer state and tapes.  Model and pack are
 * the caller's and must outlive it.  While it lives, the model is trained: it may be
 * measured and generate between two steps, but another trainer is refused.  Afterwards
 * the model is what its file holds again, with the adapters and the precision that it had
 * before.
 *
 * After tr_comm_start (comm.h) several ranks make one run: each has the whole state and
 * computes a share of every step.  join, step, eval and align are collective then; what
 * writes and reads files is for rank 0 alone.
 */
#ifndef LIBTRAIN_TRAINER_H
#define LIBTRAIN_TRAINER_H

#include <libtrain/eval.h>
#include <libtrain/lora.h>
#include <libtrain/model.h>
#include <libtrain/pack.h>
#include <libtrain/params.h>
#include <libtrain/train_args.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_step_stats {
    int64_t step;        /* number of this update, from 1 */
    double loss;         /* weighted mean over the tokens that count, before the update:
                          * sum of weight * loss / sum of weight */
    double lr, grad_norm; /* norm before clipping */
    double balance;      /* mean balance loss of blocks with experts; 0: not asked for */
    int64_t n_token;     /* rows computed */
    int64_t n_counted;   /* of these, with a target */
    double weight;       /* the weights of those; n_counted where all are 1; of an objective
                          * that looks at answers those of the answers, or of the pairs */
    double margin;       /* of such an objective: how far rewards are apart, in the mean, … */
    double accuracy;     /* … and the share of answers or pairs where they lie right */
    int skipped;         /* loss or gradient was not finite: no update was made (with
                            fused_step and no clipping: from the first such block on) */
    double spike;        /* standard deviations by which the loss lies above that of the steps
                            before, if that is a spike; else 0 */
    double usual_loss;   /* their mean, the later ones counting more */
    uint64_t first_sample; /* sample number of the first of the step's sequences, … */
    int64_t n_seq;       /* … and how many these are, of all ranks: tr_trainer_sequence */
};

/* Bytes, known before the first step. */
struct tr_plan {
    int64_t weights;    /* of the base, where they are mapped */
    int64_t params, grads, moments;
    int64_t activations; /* waiting for backward */
    int64_t block;      /* inside one block or the output: gradients, scratch; and the tape */
    int64_t eval;       /* for tr_trainer_eval */
    int64_t samples;    /* for texts that are generated between steps */
    int64_t data;       /* token ids of a step */
    int64_t program;    /* code, metadata, what libraries keep */
    int64_t total;
    int64_t recompute;  /* blocks that are computed again in backward, and all */
    int64_t n_block;
    int64_t group;      /* segments of which one result waits (tr_tape_recompute_groups); 0:
                           that of each block */
    int64_t chunk;      /* rows of logits at a time; 0: the default */
    double work;        /* floating-point operations of a step's matrix products */
};

struct tr_trainer;

/* Set up a run.  TR_EINVAL for arguments that cannot be, TR_EMISMATCH if the data do not
 * fit the model, TR_EFORMAT if nothing in them counts or the model's numbers are none,
 * TR_EUNSUPPORTED if the model cannot be trained that way, TR_ENOMEM if no plan fits the
 * limit or the machine; then the model is as it was.  With args->plan_only the run has no
 * memory and leaves the model alone: it can be asked for its plan, its parameters, its
 * rate and its length. */
struct tr_trainer *tr_trainer_new(struct tr_model *m, struct tr_pack *pack,
                                  const struct tr_train_args *args,
                                  struct tr_err *err) TR_MUST_CHECK;
void tr_trainer_free(struct tr_trainer *t);

/* i = 0, 1, … until NULL: what is odd about the run, a line each; after loading a
 * checkpoint they may be others. */
const char *tr_trainer_warning(const struct tr_trainer *t, size_t i);

const struct tr_plan *tr_trainer_plan(const struct tr_trainer *t);
const struct tr_params *tr_trainer_params(const struct tr_trainer *t);
/* Floating-point operations a second of a product of the shape of this run's largest
 * layers, in its precision, measured now, for about 0.1 s.  0 if there is no memory for
 * it. */
double tr_trainer_rate(const struct tr_trainer *t);
/* Updates made so far, and in the whole run. */
int64_t tr_trainer_step_count(const struct tr_trainer *t);
int64_t tr_trainer_total(const struct tr_trainer *t);

/* After rank 0 has loaded a checkpoint, or has not: all ranks take over its parameters,
 * moments and place.  Call before the first step if there may be several ranks.
 * TR_EMISMATCH if a rank has other data, another base or other arguments. */
int tr_trainer_join(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;

/* Ranks have the same parameters to the bit as long as their machines compute alike.  Where
 * they do not, all take over those of rank 0 again; 1 if that was so. */
int tr_trainer_align(struct tr_trainer *t);

/* The sequence of the pack that is sample number `sample` of the run. */
uint64_t tr_trainer_sequence(const struct tr_trainer *t, uint64_t sample);

/* One optimizer update.  TR_EDIVERGED after as many steps in a row that were not finite as
 * args.on_divergence says; TR_EINVAL if all steps of the run are made: nothing moves then. */
int tr_trainer_step(struct tr_trainer *t, struct tr_step_stats *stats,
                    struct tr_err *err) TR_MUST_CHECK;

/* With args.ema the model is what is trained between steps; after this with 1 it is the average,
 * for tr_trainer_eval and whatever else runs the model, until this with 0 or the next step. */
void tr_trainer_use_average(struct tr_trainer *t, int use);

/* Mean loss over another pack, with the present parameters.  TR_EMISMATCH if it does not
 * fit the model, TR_EINVAL if its sequences are longer than args.val's and
 * args.eval_rows. */
int tr_trainer_eval(struct tr_trainer *t, struct tr_pack *pack, double *loss,
                    struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
