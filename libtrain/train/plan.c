/* SPDX-License-Identifier: MIT
 *
 * The plan of a run: a step on a tape that only counts, and the choice of how many blocks
 * are recomputed so that it fits.
 */
#include <libtrain/comm.h>
#include <libtrain/model/model.h>
#include <libtrain/train/run.h>
#include <libtrain/machine.h>

#include <stdio.h>
#include <string.h>

/* What is known before anything is taken. */
struct bounds {
    int64_t program; /* bytes of the process beside its tensors */
    int64_t there;   /* bytes that can still be taken */
    int64_t limit;   /* of the total; INT64_MAX: none */
};

static void no_gradient(void *ctx, struct tr_tensor *param)
{
    (void)ctx, (void)param;
}

static void plan_fused(const struct tr_trainer *t, struct tr_tape *tp,
                       struct tr_tensor *result)
{
    int passes = t->args.clip > 0 ? 2 : 1;
    for (int i = 0; i < passes; i++)
        tr_tape_backward_each(tp, result, no_gradient, NULL);
}

/* Another tape may be cut into segments elsewhere. */
static void forget_readers(struct tr_params *p)
{
    for (size_t i = 0; i < p->n; i++)
        p->tensor[i]->reader = p->tensor[i]->shared = 0;
}

/* The largest micro-batch, of the longest documents there are: as many blocks recomputed as the
 * level says, those beyond all blocks being sizes of groups; in chunks of so many rows of logits. */
static int plan_step(struct tr_trainer *t, int64_t level, int64_t chunk,
                     struct tr_err *err)
{
    int64_t n_block = t->plan.n_block = t->m->config.n_layer;
    struct tr_tape *tp = tr_tape_new_planning(TR_TAPE_TRAIN, tr__recompute(t), err);
    if (!tp)
        return err ? err->code : TR_ENOMEM;
    int64_t rows = t->extent.batch_rows;
    for (int64_t i = 0; i < rows; i++)
        t->pos[i] = (int32_t)(i % t->extent.longest);
    struct tr_batch batch = { rows, t->token, t->target, t->pos, t->weight };
    struct tr_loss loss = { .kind = t->args.loss, .scale = 1, .max_rows = chunk,
                            .option = t->loss_option };
    t->plan.recompute = level < n_block ? level : n_block;
    t->plan.group = level > n_block ? level - n_block + 1 : 0;
    t->plan.chunk = chunk;
    forget_readers(&t->params);
    tr__prepare_tape(t, tp);
    t->m->noise = (struct tr__noise){ (float)t->args.lora_dropout, (float)t->args.neftune, 0 };
    struct tr_tensor *result = tr_model_loss(t->m, tp, &batch, &loss);
    t->m->noise = (struct tr__noise){ 0 };
    if (t->args.fused_step)
        plan_fused(t, tp, result);
    else
        tr_tape_backward(tp, result);
    int rc = tr_tape_error(tp, err);
    t->tape_plan = tr_tape_plan(tp);
    t->plan.work = (double)t->args.grad_acc * tr_tape_work(tp);
    tr_tape_free(tp);
    return rc;
}

/* What measuring takes beyond the memory of a step, which it uses. */
static int64_t more(size_t eval, size_t step)
{
    return eval > step ? (int64_t)(eval - step) : 0;
}

static void fill_plan(struct tr_trainer *t, const struct bounds *b)
{
    struct tr_tape_plan eval = t->eval ? tr_eval_plan(t->eval) : (struct tr_tape_plan){0};
    size_t library = t->tape_plan.library;
    library = eval.library > library ? eval.library : library;
    struct tr_plan *p = &t->plan;
    p->weights = t->args.full ? 0 : tr_model_mapped_bytes(t->m);
    p->params = tr_params_value_bytes(&t->params) +
                (t->lora ? tr_lora_apart_bytes(t->lora) : 0);
    p->grads = tr_params_grad_bytes(&t->params);
    p->moments = tr_params_state_bytes(&t->params);
    p->activations = (int64_t)t->tape_plan.kept;
    p->block = (int64_t)(t->tape_plan.segment + t->tape_plan.nodes);
    p->eval = more(eval.kept, t->tape_plan.kept) + more(eval.segment, t->tape_plan.segment) +
              more(eval.nodes, t->tape_plan.nodes);
    p->samples = t->sample_bytes;
    p->data = (3 + t->extent.weighted) * t->extent.step_rows * (int64_t)sizeof(int32_t);
    p->program = b->program + t->args.precision->program + (int64_t)library +
                 (t->extent.varied ? t->args.precision->varied : 0);
    p->total = p->weights + p->params + p->grads + p->moments + p->activations + p->block +
               p->eval + p->samples + p->data + p->program;
}

static int plan_run(struct tr_trainer *t, int64_t level, int64_t chunk,
                    const struct bounds *b, struct tr_err *err)
{
    int rc = plan_step(t, level, chunk, err);
    if (!rc)
        fill_plan(t, b);
    return rc;
}

/* Weights are mapped and can be paged out, what the program has it has already; the rest
 * must be there. */
static int64_t wanted(const struct tr_plan *p, const struct bounds *b)
{
    return p->total - p->weights - b->program;
}

static int fits(const struct tr_plan *p, const struct bounds *b)
{
    return p->total <= b->limit && wanted(p, b) <= b->there;
}

/* Names of what would take less memory and is not in use. */
static void what_helps(const struct tr_train_args *a, char *text, size_t size)
{
    snprintf(text, size, "a smaller micro-batch or context%s%s%s",
             strcmp(a->optim->name, "adamw") ? "" : ", adamw8",
             a->fused_step || a->grad_acc > 1 ? "" : ", a fused step",
             !a->full ? "" : a->weights == &tr_bf16 ? ", an adapter" : ", bf16 weights, an adapter");
}

static int refuse(const struct tr_trainer *t, const struct bounds *b, struct tr_err *err)
{
    const struct tr_plan *p = &t->plan;
    int over = p->total > b->limit;
    char parts[200], helps[160];
    what_helps(&t->args, helps, sizeof helps);
    snprintf(parts, sizeof parts,
             "weights %.1f, parameters %.1f, gradients %.1f, moments %.1f, activations %.1f, "
             "block %.1f, rest %.1f",
             (double)p->weights / 1e6, (double)p->params / 1e6, (double)p->grads / 1e6,
             (double)p->moments / 1e6, (double)p->activations / 1e6, (double)p->block / 1e6,
             (double)(p->eval + p->samples + p->data + p->program) / 1e6);
    return tr_err_set(err, TR_ENOMEM,
                      "the smallest plan, with %s, takes %.1f MB (%s), %s %.1f MB: "
                      "what would help: %s",
                      p->group                     ? "every block recomputed twice"
                      : p->recompute == p->n_block ? "every block recomputed"
                      : p->recompute               ? "some blocks recomputed"
                                                   : "no block recomputed",
                      (double)(over ? p->total : wanted(p, b)) / 1e6, parts,
                      over ? "the limit is" : "there are",
                      (double)(over ? b->limit : b->there) / 1e6, helps);
}

/* The level of groups that take least: of s segments about s / n + n results are there at
 * once.  Blocks of two halves are two (model/decoder.c). */
static int64_t least_level(const struct tr_trainer *t)
{
    int whole = t->m->config.parallel || t->m->arch->mixer_alone;
    int64_t n = 2, segments = (whole ? 1 : 2) * t->m->config.n_layer + 2;
    while (n * n < segments)
        n++;
    return t->m->config.n_layer + n - 1;
}

/* What the arguments leave open. */
static void levels(const struct tr_trainer *t, int64_t *first, int64_t *last)
{
    int64_t n_layer = t->m->config.n_layer, n = t->args.recompute;
    int64_t group = t->args.recompute_group;
    *first = n < 0 ? 0 : n < n_layer ? n : n_layer;
    *last = n < 0 || n >= n_layer ? least_level(t) : n;
    if (group == TR_GROUP_LEAST) {
        *last = least_level(t); /* about: a smaller one may be what fits a limit */
        *first = t->args.mem_limit ? n_layer + 1 : *last;
    } else if (group) {
        *first = *last = n_layer + group - 1;
    }
}

int tr__trainer_plan(struct tr_trainer *t, struct tr_err *err)
{
    struct bounds b = { .program = tr_machine_program_bytes(),
                        .there = tr_machine_memory_available() / tr_comm_local_size(),
                        .limit = t->args.mem_limit ? t->args.mem_limit : INT64_MAX };
    int64_t first, last;
    levels(t, &first, &last);
    /* smaller pieces of logits last, since they give other last bits */
    static const int64_t chunks[] = { 0, 128, 64, 32 };
    int64_t least = first, least_total = INT64_MAX, chunk = 0;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        for (int64_t n = first; n <= last; n++) {
            int rc = plan_run(t, n, chunks[i], &b, err);
            if (rc || fits(&t->plan, &b))
                return rc;
            if (t->plan.total < least_total) {
                least_total = t->plan.total;
                least = n;
                chunk = chunks[i];
            }
        }
    int rc = plan_run(t, least, chunk, &b, err);
    if (rc)
        return rc;
    return refuse(t, &b, err);
}

double tr_trainer_rate(const struct tr_trainer *t)
{
    enum { MOST = 4096 }; /* rows and columns beyond which the rate stays */
    const struct tr_config *c = &t->m->config;
    int64_t rows = t->extent.batch_rows;
    return tr_precision_rate(t->args.precision, rows < MOST ? rows : MOST,
                             c->n_ff < MOST ? c->n_ff : MOST,
                             c->n_embd < MOST ? c->n_embd : MOST);
}
