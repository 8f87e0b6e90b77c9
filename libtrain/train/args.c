/* SPDX-License-Identifier: MIT
 *
 * The arguments of a run, in one table: what each is called, where it is, its default and
 * limits, what a command says about it, and its line in a checkpoint's description of the
 * run.  Numbers that only some optimizer, schedule or loss knows are not here but in the
 * tables of these.  Next: args_check.c, describe.c; cmds/shared/train-options.c makes
 * options of it.
 */
#include <libtrain/train/args.h>

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- what can be chosen ----------------------------------------------------------- */

#define CHOICE(WHAT, TYPE, AT) \
    static const void *WHAT##_at(int i) { return AT(i); } \
    static const char *WHAT##_name_of(const void *kind) \
    { \
        return ((const struct TYPE *)kind)->name; \
    } \
    static const char *WHAT##_name_at(int i) { return AT(i) ? AT(i)->name : NULL; }
#define OPTIONS(WHAT, TYPE) \
    static const struct tr_option *WHAT##_options_of(const void *kind) \
    { \
        return ((const struct TYPE *)kind)->option; \
    }

CHOICE(optim, tr_optim, tr_optim_at)
OPTIONS(optim, tr_optim)
CHOICE(sched, tr_schedule, tr_schedule_at)
OPTIONS(sched, tr_schedule)
CHOICE(objective, tr_objective, tr_objective_at)
OPTIONS(objective, tr_objective)
CHOICE(loss, tr_loss_kind, tr_loss_at)
OPTIONS(loss, tr_loss_kind)
CHOICE(precision, tr_precision, tr_precision_at)
CHOICE(on_divergence, tr_on_divergence, tr_on_divergence_at)

static const void *init_at(int i)
{
    return tr_lora_init_at(i);
}

static const char *init_name_of(const void *kind)
{
    return tr_lora_init_name(kind);
}

static const char *init_name_at(int i)
{
    return init_at(i) ? init_name_of(init_at(i)) : NULL;
}

static const void *weights_at(int i)
{
    return i == 0 ? &tr_f32 : i == 1 ? &tr_bf16 : NULL;
}

static const char *weights_name_of(const void *kind)
{
    return kind == &tr_bf16 ? "bf16" : "f32";
}

static const char *weights_name_at(int i)
{
    return weights_at(i) ? weights_name_of(weights_at(i)) : NULL;
}

static const struct tr_choice
    optims = { optim_at, optim_name_at, optim_name_of, optim_options_of },
    scheds = { sched_at, sched_name_at, sched_name_of, sched_options_of },
    objectives = { objective_at, objective_name_at, objective_name_of, objective_options_of },
    losses = { loss_at, loss_name_at, loss_name_of, loss_options_of },
    divergences = { on_divergence_at, on_divergence_name_at, on_divergence_name_of, NULL },
    precisions = { precision_at, precision_name_at, precision_name_of, NULL },
    inits = { init_at, init_name_at, init_name_of, NULL },
    weights = { weights_at, weights_name_at, weights_name_of, NULL };

/* ---- lines that are not the value in the arguments -------------------------------- */

static void write_method(FILE *f, const struct tr_trainer *t)
{
    fputs(t->args.full ? "full" : "lora", f);
}

static void write_tensors(FILE *f, const struct tr_trainer *t)
{
    fprintf(f, "%zu", t->params.n);
}

/* ---- the table -------------------------------------------------------------------- */

#define TRAINED "What is trained"
#define LENGTH "How long"
#define HOW "How"
#define MEMORY "Memory"
#define WAY "On the way"
#define FIELD(NAME) .field = #NAME, .offset = offsetof(struct tr_train_args, NAME)

/* In the order of the lines in a description. */
static const struct tr__arg table[] = {
    { { FIELD(full), TR_ARG_FLAG, "full", TRAINED, .set = 1,
        .help = "all weights, instead of a LoRA adapter" },
      "method", write_method },
    { { FIELD(weights), TR_ARG_CHOICE, "weights", MEMORY, "TYPE",
        "with --full: how matrices and tables are kept", .choice = &weights },
      "weights", NULL },
    { { FIELD(precision), TR_ARG_CHOICE, "precision", HOW, "NAME", "of the matrix products",
        .choice = &precisions },
      "precision", NULL },
    { { FIELD(lora_rank), TR_ARG_INT, "lora-r", TRAINED, "N", "rank of the adapter",
        1, 16384, .of_adapter = 1, .standard = 8 },
      "rank", NULL },
    { { FIELD(lora_alpha), TR_ARG_FLOAT, "lora-alpha", TRAINED, "X",
        "the adapter is scaled by alpha / rank", 1e-6, 1e6, .of_adapter = 1,
        .standard = 16 },
      "alpha", NULL },
    { { FIELD(rslora), TR_ARG_FLAG, "rslora", TRAINED, .set = 1, .of_adapter = 1,
        .help = "the adapter is scaled by alpha / sqrt(rank)" },
      NULL, NULL }, /* in the alpha */
    { { FIELD(lora_plus), TR_ARG_FLOAT, "lora-plus", TRAINED, "X",
        "factor of the rate of the second matrices", 1e-3, 1e3, .standard = 1 },
      NULL, NULL }, /* describe.c has its line */
    { { FIELD(lora_targets), TR_ARG_TEXT, "lora-targets", TRAINED, "LIST",
        "patterns of linear layers, with commas: attn_q,ffn_*,output", .of_adapter = 1,
        .standard_text = "all-linear" },
      "tensors", write_tensors },
    { { FIELD(lora_rank_of), TR_ARG_LIST, "lora-rank-of", TRAINED, "PATTERN=N",
        "another rank for layers that match; may be given again", .of_adapter = 1, .or_zero = 1 },
      NULL, NULL }, /* describe.c has its line */
    { { FIELD(lora_alpha_of), TR_ARG_LIST, "lora-alpha-of", TRAINED, "PATTERN=X",
        "another alpha for layers that match; may be given again", .of_adapter = 1, .or_zero = 1 },
      NULL, NULL }, /* as above */
    { { FIELD(full_targets), TR_ARG_TEXT, "full-targets", TRAINED, "LIST",
        "beside the adapter, in full: *_norm,*.bias,token_embd; what comes of it is a model",
        .or_zero = 1 },
      NULL, NULL }, /* as above */
    { { FIELD(lora_init), TR_ARG_CHOICE, "lora-init", TRAINED, "NAME",
        "where a new adapter begins", .choice = &inits },
      NULL, NULL }, /* as above */
    { { FIELD(loftq_from), TR_ARG_FILE, "loftq-from", TRAINED, "FILE",
        "with --lora-init loftq: the base before it was quantised", .or_zero = 1 },
      NULL, NULL },
    { { FIELD(dora), TR_ARG_FLAG, "dora", TRAINED, .set = 1, .of_adapter = 1,
        .help = "magnitudes of rows beside the adapter; what comes of it is a model" },
      NULL, NULL }, /* as above */
    { { FIELD(last_layers), TR_ARG_INT, "last-layers", TRAINED, "N",
        "an adapter on the last N blocks alone, which is faster", 1, 1 << 20, .or_zero = 1,
        .of_adapter = 1 },
      NULL, NULL }, /* as above */
    { { FIELD(lora_dropout), TR_ARG_FLOAT, "lora-dropout", HOW, "P",
        "share of the inputs of the adapter that is dropped", 0, 0.99 },
      NULL, NULL }, /* as above */
    { { FIELD(neftune), TR_ARG_FLOAT, "neftune", HOW, "X",
        "noise on the embeddings, 5 is usual", 0, 1000 },
      NULL, NULL }, /* as above */
    { { FIELD(train_rows), TR_ARG_TEXT, "train-rows", TRAINED, "ROWS",
        "beside the adapter rows of tokens: 'new' ones, or FIRST-LAST", .of_adapter = 1,
        .or_zero = 1 },
      NULL, NULL },
    { { FIELD(adapter_in), TR_ARG_FILE, "adapter-in", TRAINED, "FILE",
        "start from this adapter: rank, alpha and targets are its", .or_zero = 1 },
      NULL, NULL },
    { { FIELD(batch), TR_ARG_INT, "batch", LENGTH, "N",
        "sequences in one forward and backward: a micro-batch", 1, 1 << 20, .standard = 4 },
      "batch", NULL },
    { { FIELD(grad_acc), TR_ARG_INT, "grad-acc", LENGTH, "N",
        "micro-batches in a step, of each process", 1, 1 << 20, .standard = 1 },
      "grad_acc", NULL },
    { { FIELD(epochs), TR_ARG_INT, "epochs", LENGTH, "N", "passes over the data", 1,
        1 << 20, .or_zero = 1, .standard = 1 },
      NULL, NULL },
    { { FIELD(steps), TR_ARG_INT, "steps", LENGTH, "N",
        "steps, however many passes that takes", 1, 1e9, .or_zero = 1 },
      NULL, NULL },
    { { FIELD(stop_past), TR_ARG_INT, "stop-past", LENGTH, "N",
        "end early when the loss changed little over N steps", 1, 1e6, .or_zero = 1 },
      NULL, NULL },
    { { FIELD(stop_delta), TR_ARG_FLOAT, "stop-delta", LENGTH, "X",
        "little is less than this share of the loss", 0, 1e6, .standard = 1e-5 },
      NULL, NULL },
    { { FIELD(stop_change), TR_ARG_FLOAT, "stop-change", LENGTH, "X",
        "end early when a step changed less than this share of the loss", 0, 1e6 },
      NULL, NULL },
    { { FIELD(stop_stale), TR_ARG_INT, "stop-stale", LENGTH, "N",
        "end early when the loss was not better than its best for N steps", 1, 1e9,
        .or_zero = 1 },
      NULL, NULL },
    { { FIELD(lr), TR_ARG_FLOAT, "lr", HOW, "X", "learning rate", 0, 1e3, .standard = 2e-4,
        .standard_full = 2e-5 },
      "lr", NULL },
    { { FIELD(sched), TR_ARG_CHOICE, "sched", HOW, "NAME",
        "learning rate after the warm-up", .choice = &scheds, .or_file = 1 },
      "sched", NULL },
    { { FIELD(warmup), TR_ARG_FLOAT, "warmup", HOW, "X",
        "steps of warm-up, below 1 a share of all steps", 0, 1e9, .standard = 0.05 },
      "warmup", NULL },
    { { FIELD(optim), TR_ARG_CHOICE, "opt", HOW, "NAME", "optimizer", .choice = &optims },
      "opt", NULL },
    { { FIELD(weight_decay), TR_ARG_FLOAT, "weight-decay", HOW, "X",
        "decay of matrices and tables", 0, 100, .standard = 0.01 },
      "weight_decay", NULL },
    { { FIELD(clip), TR_ARG_FLOAT, "clip", HOW, "X", "largest norm of the gradient, 0: any",
        0, 1e6, .standard = 1 },
      "clip", NULL },
    { { FIELD(objective), TR_ARG_CHOICE, "objective", HOW, "NAME",
        "what is wanted: sft and distill of every token, the others of answers",
        .choice = &objectives },
      NULL, NULL }, /* describe.c has its line */
    { { FIELD(reference), TR_ARG_FILE, "reference", HOW, "FILE",
        "logarithms of probabilities from logprobs, not of the model without the adapter",
        .or_zero = 1 },
      NULL, NULL }, /* describe.c has its line */
    { { FIELD(teacher), TR_ARG_FILE, "teacher", HOW, "FILE",
        "what a teacher said of the data, from distill: objective distill", .or_zero = 1 },
      NULL, NULL }, /* the same */
    { { FIELD(loss), TR_ARG_CHOICE, "loss", HOW, "NAME", "what sft minimises",
        .choice = &losses },
      "loss", NULL },
    { { FIELD(balance), TR_ARG_FLOAT, "balance-loss", HOW, "X",
        "weight of the loss that keeps experts equally busy", 0, 1e6 },
      NULL, NULL }, /* describe.c has its line */
    { { FIELD(shuffle), TR_ARG_FLAG, "no-shuffle", HOW, .set = 0, .standard = 1,
        .help = "take the data in the order of the pack" },
      "shuffle", NULL },
    { { FIELD(seed), TR_ARG_INT, "seed", HOW, "N", "of the adapter and the shuffling", 0,
        9e15, .standard = 42 },
      "seed", NULL },
    { { FIELD(ema), TR_ARG_FLOAT, "ema", HOW, "X",
        "decay of a moving average of what is trained, which is what is kept", 0, 0.9999999 },
      NULL, NULL }, /* describe.c has its line */
    { { FIELD(on_divergence), TR_ARG_CHOICE, "on-divergence", WAY, "NAME",
        "when a step is not finite: stop, skip up to 5 steps or rewind up to 3 times",
        .choice = &divergences },
      NULL, NULL }, /* it may change when a run goes on */
    { { FIELD(shuffle_seed), TR_ARG_INT, "shuffle-seed", HOW, "N",
        "of the shuffling alone; it may change when a run goes on", 1, 9e15, .or_zero = 1 },
      NULL, NULL },
    { { FIELD(mem_limit), TR_ARG_BYTES, "mem-limit", MEMORY, "SIZE",
        "most memory to plan for, as in 400M (default: what there is)", 1, 1e18,
        .or_zero = 1 },
      NULL, NULL },
    { { FIELD(fused_step), TR_ARG_FLAG, "fused-step", MEMORY, .set = 1,
        .help = "update block by block in the backward pass (two of them if --clip)" },
      NULL, NULL },
    { { FIELD(recompute), TR_ARG_INT, .least = TR_RECOMPUTE_AUTO, .most = (double)INT64_MAX,
        .standard = TR_RECOMPUTE_AUTO },
      NULL, NULL },
    { { FIELD(recompute_group), TR_ARG_INT, .least = TR_GROUP_LEAST, .most = 1 << 20 },
      NULL, NULL },
    { { FIELD(eval_rows), TR_ARG_INT, .most = TR_PACK_MAX_CTX }, NULL, NULL },
    { { FIELD(sample_prompt), TR_ARG_INT, .most = TR_PACK_MAX_CTX }, NULL, NULL },
    { { FIELD(sample_new), TR_ARG_INT, .most = TR_PACK_MAX_CTX }, NULL, NULL },
};

const struct tr__arg *tr__arg_at(int i)
{
    return i >= 0 && (size_t)i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const struct tr_train_arg *tr_train_arg_at(int i)
{
    const struct tr__arg *x = tr__arg_at(i);
    return x ? &x->arg : NULL;
}

/* ---- values ----------------------------------------------------------------------- */

const void *tr__arg_choice(const struct tr_train_args *a, const struct tr_train_arg *arg)
{
    const void *kind;
    memcpy(&kind, (const char *)a + arg->offset, sizeof kind);
    return kind;
}

static double get_int(const void *at)
{
    return (double)*(const int64_t *)at;
}

static double get_flag(const void *at)
{
    return *(const int *)at;
}

static double get_float(const void *at)
{
    return *(const double *)at;
}

static void set_int(void *at, const struct tr_train_arg *arg, int full)
{
    (void)full;
    *(int64_t *)at = (int64_t)arg->standard;
}

static void set_flag(void *at, const struct tr_train_arg *arg, int full)
{
    (void)full;
    *(int *)at = arg->standard != 0;
}

static void set_float(void *at, const struct tr_train_arg *arg, int full)
{
    *(double *)at = full && arg->standard_full > 0 ? arg->standard_full : arg->standard;
}

static void set_text(void *at, const struct tr_train_arg *arg, int full)
{
    (void)full;
    *(const char **)at = arg->standard_text;
}

static void set_choice(void *at, const struct tr_train_arg *arg, int full)
{
    (void)full;
    const void *kind = arg->choice->at(0);
    memcpy(at, &kind, sizeof kind);
}

static const struct {
    double (*get)(const void *at);
    void (*set)(void *at, const struct tr_train_arg *arg, int full);
} access_of[] = {
    [TR_ARG_FLAG] = { get_flag, set_flag },   [TR_ARG_INT] = { get_int, set_int },
    [TR_ARG_BYTES] = { get_int, set_int },    [TR_ARG_FLOAT] = { get_float, set_float },
    [TR_ARG_TEXT] = { NULL, set_text },       [TR_ARG_LIST] = { NULL, set_text },
    [TR_ARG_FILE] = { NULL, set_text },       [TR_ARG_CHOICE] = { NULL, set_choice },
};

int tr__arg_number(const struct tr_train_args *a, const struct tr_train_arg *arg,
                   double *v)
{
    if (!access_of[arg->kind].get)
        return 0;
    *v = access_of[arg->kind].get((const char *)a + arg->offset);
    return 1;
}

struct tr_train_args tr_train_args_default(int full)
{
    struct tr_train_args a;
    memset(&a, 0, sizeof a);
    const struct tr_train_arg *arg;
    for (int i = 0; (arg = tr_train_arg_at(i)); i++)
        access_of[arg->kind].set((char *)&a + arg->offset, arg, full);
    a.full = full != 0;
    return a;
}
