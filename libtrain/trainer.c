/* SPDX-License-Identifier: MIT
 *
 * Setting up a run: what is trained, how long, and how much memory that takes.
 */
#include <libtrain/internal/model.h>
#include <libtrain/internal/trainer.h>
#include <libtrain/machine.h>

#include <math.h>
#include <stdlib.h>

int64_t tr__batch_rows(const struct tr_trainer *t)
{
    return t->args.batch * tr_pack_info(t->pack)->ctx;
}

int64_t tr__step_rows(const struct tr_trainer *t)
{
    return t->args.grad_acc * tr__batch_rows(t);
}

/* ---- parameters ------------------------------------------------------------------- */

static int is_trained_in_full(const struct tr_weight *w)
{
    return w->t.data && !w->slot->frozen;
}

static int init_full(struct tr_trainer *t, struct tr_err *err)
{
    struct tr_model *m = t->m;
    int64_t count = 0;
    for (size_t i = 0; i < m->n_weight; i++) {
        const struct tr_weight *w = &m->weight[i];
        if (!is_trained_in_full(w))
            continue;
        if (w->t.dtype->block > 1)
            return tr_err_set(err, TR_EUNSUPPORTED,
                              "%s: tensor '%s' is %s; all weights can be trained from F32, "
                              "F16 or BF16, a quantised model with an adapter",
                              tr_gguf_path(m->g), w->t.name, w->t.dtype->name);
        count += tr_params_rounded(tr_tensor_count(&w->t));
    }
    int rc = tr_params_init(&t->params, m->n_weight, count, t->args.optim->n_moment, err);
    for (size_t i = 0; !rc && i < m->n_weight; i++)
        if (is_trained_in_full(&m->weight[i]))
            tr_params_add(&t->params, &m->weight[i].t);
    return rc;
}

/* Fill the parameters of a run in full, which touches their memory. */
static void load_weights(struct tr_trainer *t)
{
    for (size_t i = 0; i < t->params.n; i++) {
        struct tr_tensor *p = t->params.tensor[i];
        const struct tr_gguf_tensor *src = tr_gguf_find_tensor(t->m->g, p->name);
        src->dtype->to_f32(src->data, p->data, tr_tensor_count(p));
        tr_gguf_forget(t->m->g, src->data, src->bytes);
    }
}

static int init_lora(struct tr_trainer *t, struct tr_err *err)
{
    const struct tr_train_args *a = &t->args;
    t->lora = a->adapter_in ? tr_lora_open(a->adapter_in, t->m, err)
                            : tr_lora_new(t->m, a->lora_targets, a->lora_rank,
                                          a->lora_alpha, err);
    if (!t->lora)
        return err ? err->code : TR_EIO;
    uint64_t hash = tr_model_hash(t->m);
    if (t->lora->base_hash && t->lora->base_hash != hash)
        return tr_err_set(err, TR_EMISMATCH, "%s: was trained on another base",
                          a->adapter_in);
    t->lora->base_hash = hash;
    int rc = tr_params_init(&t->params, 2 * t->lora->n, tr_lora_count(t->lora),
                            a->optim->n_moment, err);
    if (rc)
        return rc;
    tr_lora_make_trainable(t->lora, &t->params);
    if (!a->adapter_in)
        tr_lora_init(t->lora, a->seed);
    return tr_lora_attach(t->lora, t->m, 1, err);
}

/* ---- length ----------------------------------------------------------------------- */

static void set_length(struct tr_trainer *t)
{
    const struct tr_train_args *a = &t->args;
    int64_t per_step = a->batch * a->grad_acc;
    /* at most 2^40 sequences (pack.h) and 2^20 epochs */
    int64_t samples = (int64_t)tr_pack_info(t->pack)->n_seq * a->epochs;
    t->total = a->steps ? a->steps : (samples + per_step - 1) / per_step;
    t->warmup = (int64_t)(a->warmup < 1 ? ceil(a->warmup * (double)t->total) : a->warmup);
    if (t->warmup >= t->total)
        t->warmup = t->total - 1;
}

/* ---- memory ----------------------------------------------------------------------- */

static int plan_step(struct tr_trainer *t, struct tr_tape_plan *plan, struct tr_err *err)
{
    struct tr_tape *tp = tr_tape_new_planning(TR_TAPE_TRAIN, t->args.recompute, err);
    if (!tp)
        return err ? err->code : TR_ENOMEM;
    struct tr_batch batch = { tr__batch_rows(t), t->token, t->target, t->pos };
    struct tr_loss loss = { .kind = t->args.loss, .scale = 1 };
    tr_tape_backward(tp, tr_model_loss(t->m, tp, &batch, &loss));
    *plan = tr_tape_plan(tp);
    tr_tape_free(tp);
    return 0;
}

static void fill_plan(struct tr_trainer *t, const struct tr_tape_plan *step,
                      int64_t program)
{
    struct tr_tape_plan eval = t->eval ? tr_eval_plan(t->eval) : (struct tr_tape_plan){0};
    struct tr_plan *p = &t->plan;
    int64_t array = t->params.count * (int64_t)sizeof(float);
    *p = (struct tr_plan){
        .weights = t->args.full ? 0 : tr_model_mapped_bytes(t->m),
        .params = array,
        .grads = array,
        .moments = array * t->params.n_moment,
        .activations = (int64_t)step->kept,
        .block = (int64_t)step->segment,
        .scratch = (int64_t)step->scratch,
        .eval = (int64_t)(eval.kept + eval.segment + eval.scratch),
        .data = 3 * tr__step_rows(t) * (int64_t)sizeof(int32_t),
        .program = program,
    };
    p->total = p->weights + p->params + p->grads + p->moments + p->activations + p->block +
               p->scratch + p->eval + p->data + p->program;
}

static int init_memory(struct tr_trainer *t, int64_t program, int64_t there,
                       struct tr_err *err)
{
    size_t rows = (size_t)tr__step_rows(t);
    t->token = calloc(rows, sizeof *t->token);
    t->target = calloc(rows, sizeof *t->target);
    t->pos = calloc(rows, sizeof *t->pos);
    t->row = calloc((size_t)(t->args.batch * t->args.grad_acc + 1), sizeof *t->row);
    if (!t->token || !t->target || !t->pos || !t->row)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu positions a step", rows);
    struct tr_tape_plan step;
    if (t->args.eval_rows &&
        !(t->eval = tr_eval_new(t->m, t->args.eval_rows, t->args.loss, err)))
        return err ? err->code : TR_ENOMEM;
    int rc = plan_step(t, &step, err);
    if (rc)
        return rc;
    fill_plan(t, &step, program);
    /* weights are mapped and can be paged out; the rest cannot */
    int64_t wanted = t->plan.total - t->plan.weights - t->plan.program;
    if (wanted > there)
        return tr_err_set(err, TR_ENOMEM,
                          "the plan takes %.1f MB, %.1f MB are available: try a smaller "
                          "batch or context",
                          (double)wanted / 1e6, (double)there / 1e6);
    t->tape = tr_tape_new(TR_TAPE_TRAIN, t->args.recompute, &step, err);
    return t->tape ? 0 : (err ? err->code : TR_ENOMEM);
}

/* ---- life ------------------------------------------------------------------------- */

struct tr_trainer *tr_trainer_new(struct tr_model *m, struct tr_pack *pack,
                                  const struct tr_train_args *args, struct tr_err *err)
{
    struct tr_trainer *t = calloc(1, sizeof *t);
    if (!t) {
        tr_err_set(err, TR_ENOMEM, "out of memory");
        return NULL;
    }
    t->args = *args;
    if (!args->precision)
        t->args.precision = tr_precision_at(0);
    t->m = m;
    t->pack = pack;
    set_length(t);
    /* both before anything is taken */
    int64_t program = tr_machine_program_bytes(), there = tr_machine_memory_available();
    if (tr_precision_open(t->args.precision, err)) {
        free(t);
        return NULL;
    }
    tr_model_set_precision(m, t->args.precision);
    if ((args->full ? init_full(t, err) : init_lora(t, err)) ||
        init_memory(t, program, there, err)) {
        tr_trainer_free(t);
        return NULL;
    }
    if (args->full)
        load_weights(t);
    return t;
}

void tr_trainer_free(struct tr_trainer *t)
{
    if (!t)
        return;
    tr_tape_free(t->tape);
    tr_eval_free(t->eval);
    tr_lora_free(t->lora);
    tr_params_release(&t->params);
    free(t->token);
    free(t->target);
    free(t->pos);
    free(t->row);
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

int tr_trainer_save_adapter(const struct tr_trainer *t, const char *path,
                            struct tr_err *err)
{
    if (!t->lora)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "a run that trains all weights has no adapter to save");
    return tr_lora_save(t->lora, t->m, path, err);
}
