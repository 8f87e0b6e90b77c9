/* SPDX-License-Identifier: MIT
 *
 * The arguments of a training run: their defaults, their limits, and a walk over them with
 * names and help, from which a command makes its options.
 */
#ifndef LIBTRAIN_TRAIN_ARGS_H
#define LIBTRAIN_TRAIN_ARGS_H

#include <libtrain/loss.h>
#include <libtrain/objective.h>
#include <libtrain/optim.h>
#include <libtrain/pack.h>
#include <libtrain/precision.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TR_RECOMPUTE_AUTO = -1, TR_GROUP_LEAST = -1 };

/* What becomes of a run when the loss or the gradient of a step is not finite, so that the step
 * is no update: i = 0, 1, … until NULL; the first is the default. */
struct tr_on_divergence {
    const char *name;
    int in_a_row; /* the run ends at so many such steps, one after the other */
    int rewinds;  /* or, before, tr_train_run goes back to the parameters and moments of the
                     newest save made as save_every has it (before the first, those of the
                     beginning), so often at most to the same one, and on with the data behind
                     the step; 0: never */
};
const struct tr_on_divergence *tr_on_divergence_at(int i);

/* "kaiming" (tr_lora_start), "gaussian": a normal with deviation 1 / rank, b zero, as PEFT has
 * them; "loftq": what the base lost when it was packed, as far as the rank goes (Li et al. 2023).
 * NULL behind the last.  Pairs of token tables begin as tr_lora_start says. */
struct tr_lora_init;
const struct tr_lora_init *tr_lora_init_at(int i);
const char *tr_lora_init_name(const struct tr_lora_init *init);

/* Strings and arrays are the caller's and need not outlive tr_trainer_new. */
struct tr_train_args {
    int full;                /* train all weights instead of an adapter */
    int64_t lora_rank;       /* a new adapter, unless adapter_in is given */
    double lora_alpha;
    int rslora;              /* 1: the adapter is scaled by alpha / sqrt(rank) (Kalajdzievski
                                2023): what is written has the alpha that does so */
    double lora_plus;        /* factor of the learning rate of the b of each pair (Hayou et
                                al. 2024, "LoRA+"); 1: none */
    const char *lora_targets;
    const char *lora_rank_of; /* ranks and alphas of some weights, as tr_lora_own has them; */
    const char *lora_alpha_of; /* NULL: all have the same */
    const char *full_targets; /* weights that are trained in full beside the adapter: patterns as
                                 its targets; NULL: none */
    const struct tr_lora_init *lora_init; /* where a new adapter begins */
    const char *loftq_from; /* the base with more bits, which a start by loftq comes near to */
    int dora;                /* 1: magnitudes beside the adapter, tr_lora_set_dora */
    int64_t last_layers;     /* the adapter hangs on so many last blocks alone; 0: on all */
    double lora_dropout;     /* of the inputs of its pairs, in training: tr_dropout */
    double neftune;          /* noise on embeddings, in training: tr_noise */
    const char *train_rows;   /* rows of tokens beside it: "new" or "FIRST-LAST"; NULL: none */
    const char *adapter_in;  /* path; NULL: a new adapter */
    const struct tr_dtype *weights; /* with full: &tr_f32, or &tr_bf16 for matrices and
                                       tables (params.h) */
    const struct tr_precision *precision; /* of the products */

    int64_t batch;           /* sequences in one forward and backward: a micro-batch */
    int64_t grad_acc;        /* micro-batches in a step, those of all ranks together */
    int64_t epochs, steps;   /* steps 0: as many as `epochs` passes over the data take */

    /* The run ends early, if the loss of training changed by less than stop_delta of itself
     * over stop_past steps; by less than stop_change of itself in a step; was not better than
     * the best so far for stop_stale steps.  0: never. */
    int64_t stop_past, stop_stale;
    double stop_delta, stop_change;

    double lr, warmup;       /* warmup: steps, or a share of all steps if below 1 */
    const struct tr_schedule *sched; /* one of the list, or the caller's, of a file say */
    const struct tr_optim *optim;
    double weight_decay;
    double clip;             /* global gradient norm; 0: no clipping */
    const struct tr_objective *objective;
    const char *reference;   /* file of tr_logprobs_write about this pack: what an objective
                                asks of the model without what is trained; NULL: it is asked */
    const char *teacher;     /* file of tr_teacher_write about this pack, or its first sequences,
                                which alone are trained then; iff the objective has one */
    const struct tr_loss_kind *loss; /* of supervised training */
    double balance;          /* weight of the loss that keeps experts equally busy
                                (tr_model_set_balance); 0: none */
    const struct tr_setting *setting; /* numbers of optimizer, schedule, loss and objective that are
                                         not to be their defaults: { "beta2", 0.95 } */
    int shuffle;
    uint64_t seed;           /* below 2^53 */
    uint64_t shuffle_seed;   /* of the order of the data alone, likewise; 0: seed */

    double ema;              /* decay of a moving average of what is trained, which then is what
                                is measured, sampled and exported (Polyak); 0: none */
    const struct tr_on_divergence *on_divergence;

    int fused_step;          /* update each block in the backward pass, so that there are
                                never the gradients of all; for clipping there are two
                                passes.  grad_acc must be 1 */
    int64_t recompute;       /* blocks that are computed again in backward, the first ones;
                                TR_RECOMPUTE_AUTO: as few as the memory asks for */
    int64_t recompute_group; /* of so many halves of blocks only one result waits, and the others
                                are made again too, every block being computed again
                                (tr_tape_recompute_groups); 0: if memory asks for more than
                                every block once, the fewest that are enough; TR_GROUP_LEAST:
                                about the number that takes the least */
    int64_t mem_limit;       /* bytes that plan.total may reach; 0: what the machine has */
    struct tr_pack *val;     /* the caller's, measured by tr_train_run; NULL: none */
    int64_t eval_rows;       /* longest sequence for tr_trainer_eval, if longer than those
                                of val */
    int64_t sample_prompt, sample_new; /* texts that the caller generates between steps with
                                a tr_generator of its own: longest prompt, most tokens behind
                                it, for the plan; both 0: none */
    int plan_only;           /* stop when the plan is made: no parameter gets memory */
};

/* What `train` does without options, with --full if full. */
struct tr_train_args tr_train_args_default(int full);

/* a->precision, if it is a choice, becomes what the run is computed in: what the furthest save
 * beside the checkpoint `resume`, or that itself, was computed in, if there is one and
 * `resume` is not NULL, otherwise what suits the machine, the same on all ranks.  `why` is as in
 * tr_precision_choose.  TR_EUNSUPPORTED if this machine does not compute in what the save
 * names.  Collective: rank 0 reads files.  tr_trainer_new chooses for the machine alone. */
int tr_train_args_choose(struct tr_train_args *a, const char *resume, char *why, size_t size,
                         struct tr_err *err) TR_MUST_CHECK;

/* 0, or TR_EINVAL with the name of the first field that cannot be: missing, out of its
 * limits, no number, or at odds with another.  tr_trainer_new begins with it. */
int tr_train_args_check(const struct tr_train_args *a, struct tr_err *err) TR_MUST_CHECK;

enum tr_arg_kind {
    TR_ARG_FLAG,  /* int, 0 or 1 */
    TR_ARG_INT,   /* int64_t */
    TR_ARG_BYTES, /* int64_t, 0: no limit */
    TR_ARG_FLOAT, /* double */
    TR_ARG_TEXT,  /* const char * */
    TR_ARG_LIST,  /* const char *, with commas between what is given one by one */
    TR_ARG_FILE,  /* const char *, the path of a file that is read */
    TR_ARG_CHOICE /* pointer to a const struct: one of those in `choice` */
};

/* What can be chosen: i = 0, 1, … until NULL; the first is the default. */
struct tr_choice {
    const void *(*at)(int i);
    const char *(*name_at)(int i);
    const char *(*name_of)(const void *kind);
    const struct tr_option *(*options_of)(const void *kind); /* NULL: none has any */
};

struct tr_train_arg {
    const char *field;    /* of struct tr_train_args */
    size_t offset;        /* in it */
    enum tr_arg_kind kind;
    const char *option;   /* as a command names it, without dashes; NULL: not at all */
    const char *group;    /* where the help of a command has it */
    const char *unit;     /* its value in that help */
    const char *help;
    double least, most;   /* numbers: within [least, most] */
    int or_zero;          /* or 0, for "not given" */
    int of_adapter;       /* means nothing with full, or with adapter_in */
    double standard;      /* the default of a number, and with full if that is another */
    double standard_full;
    const char *standard_text;
    int set;              /* FLAG: what the option makes of it */
    const struct tr_choice *choice;
    int or_file;          /* or one that is read from a file: sched, by tr_schedule_open */
};

/* All arguments that are more than the run's files: i = 0, 1, … until NULL. */
const struct tr_train_arg *tr_train_arg_at(int i);

#ifdef __cplusplus
}
#endif
#endif
