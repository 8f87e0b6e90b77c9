/* SPDX-License-Identifier: MIT
 *
 * Setting up a run: what is trained, how long, and the memory for it.  Meanwhile the weights
 * of the model are the run's: it may make parameters of them, and sets how they multiply.
 * They are noted before and given back when the run ends, however it ends.
 */
#include <libtrain/comm.h>
#include <libtrain/model/model.h>
#include <libtrain/train/run.h>

#include <math.h>
#include <stdlib.h>

/* ---- the model -------------------------------------------------------------------- */

static int is_taken(const struct tr_model *m)
{
    for (size_t i = 0; i < m->n_weight; i++) {
        if (m->weight[i].t.needs_grad)
            return 1;
        for (const struct tr_delta *d = m->weight[i].delta; d; d = d->next)
            if (d->a->needs_grad)
                return 1;
    }
    return 0;
}

static int take_model(struct tr_trainer *t, struct tr_err *err)
{
    struct tr_model *m = t->m;
    if (is_taken(m))
        return tr_err_set(err, TR_EINVAL, "%s: is being trained already",
                          tr_gguf_path(m->g));
    t->before = malloc(m->n_weight * sizeof *t->before);
    if (!t->before)
        return tr_err_set(err, TR_ENOMEM, "%s: out of memory for %zu weights",
                          tr_gguf_path(m->g), m->n_weight);
    for (size_t i = 0; i < m->n_weight; i++)
        t->before[i] = m->weight[i].t;
    t->attention_before = m->attention_bf16;
    tr_model_set_precision(m, t->args.precision);
    return 0;
}

static void give_back_model(struct tr_trainer *t)
{
    if (t->lora)
        tr_lora_detach(t->lora, t->m);
    for (size_t i = 0; t->before && i < t->m->n_weight; i++)
        t->m->weight[i].t = t->before[i];
    if (t->before)
        t->m->attention_bf16 = t->attention_before;
    free(t->before);
}

/* ---- parameters ------------------------------------------------------------------- */

static int is_trained_in_full(const struct tr_weight *w)
{
    return w->t.data && !w->slot->frozen;
}

static int init_full(struct tr_trainer *t, struct tr_err *err)
{
    struct tr_model *m = t->m;
    int rc = tr_params_init(&t->params, m->n_weight, t->args.optim, err);
    if (rc)
        return rc;
    t->params.bf16 = t->args.bf16;
    for (size_t i = 0; i < m->n_weight; i++) {
        struct tr_weight *w = &m->weight[i];
        if (!is_trained_in_full(w))
            continue;
        if (w->t.dtype->block > 1)
            return tr_err_set(err, TR_EUNSUPPORTED,
                              "%s: tensor '%s' is %s; all weights can be trained from F32, "
                              "F16 or BF16, a quantised model with an adapter",
                              tr_gguf_path(m->g), w->t.name, w->t.dtype->name);
        tr_params_add(&t->params, &w->t);
    }
    return 0;
}

/* Fill the parameters of a run in full, which touches their memory. */
static int load_weights(struct tr_trainer *t, struct tr_err *err)
{
    for (size_t i = 0; i < t->params.n; i++) {
        struct tr_tensor *p = t->params.tensor[i];
        const struct tr_gguf_tensor *src = tr_gguf_find_tensor(t->m->g, p->name);
        if (tr_convert(src->dtype, src->data, p->dtype, p->data, tr_tensor_count(p)))
            return tr_err_set(err, TR_EFORMAT, "%s: tensor '%s' is not finite in %s",
                              tr_gguf_path(t->m->g), p->name, p->dtype->name);
        tr_gguf_forget(t->m->g, src->data, src->bytes);
    }
    return 0;
}

static void declare_pairs(struct tr_trainer *t)
{
    for (size_t i = 0; i < t->lora->n; i++) {
        tr_params_add(&t->params, &t->lora->pair[i].a);
        tr_params_add(&t->params, &t->lora->pair[i].b);
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
    if (t->lora->base_hash && t->lora->base_hash != t->base_hash)
        return tr_err_set(err, TR_EMISMATCH, "%s: was trained on another base",
                          a->adapter_in);
    t->lora->base_hash = t->base_hash;
    int rc = tr_params_init(&t->params, 2 * t->lora->n, a->optim, err);
    if (rc)
        return rc;
    declare_pairs(t);
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

static int init_data(struct tr_trainer *t, struct tr_err *err)
{
    int rc = tr__measure_extent(t, err);
    if (rc)
        return rc;
    size_t rows = (size_t)t->extent.step_rows;
    t->token = calloc(rows, sizeof *t->token);
    t->target = calloc(rows, sizeof *t->target);
    t->pos = calloc(rows, sizeof *t->pos);
    t->row = calloc((size_t)(t->args.batch * tr__step_batches(t) + 1), sizeof *t->row);
    if (!t->token || !t->target || !t->pos || !t->row)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu positions a step", rows);
    if (t->args.eval_rows &&
        !(t->eval = tr_eval_new(t->m, t->args.eval_rows, t->args.loss, err)))
        return err ? err->code : TR_ENOMEM;
    return 0;
}

static int init_memory(struct tr_trainer *t, struct tr_err *err)
{
    int rc = tr_params_allocate(&t->params, err);
    if (rc)
        return rc;
    t->tape = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, &t->tape_plan, err);
    if (!t->tape)
        return err ? err->code : TR_ENOMEM;
    tr__prepare_tape(t, t->tape);
    return 0;
}

/* ---- life ------------------------------------------------------------------------- */

struct tr_trainer *tr_trainer_new_planning(struct tr_model *m, struct tr_pack *pack,
                                           const struct tr_train_args *args,
                                           struct tr_err *err)
{
    struct tr_trainer *t = calloc(1, sizeof *t);
    if (!t) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a trainer");
        return NULL;
    }
    t->args = *args;
    if (!args->precision)
        t->args.precision = tr_precision_at(0);
    t->m = m;
    t->pack = pack;
    t->base_hash = tr_model_hash(m);
    set_length(t);
    int rc = tr_precision_open(t->args.precision, err);
    if (!rc && args->fused_step && args->grad_acc > 1) /* as several ranks have it */
        rc = tr_err_set(err, TR_EUNSUPPORTED,
                        "a fused step never has all gradients: they cannot be summed over "
                        "batches or processes");
    if (!rc)
        rc = take_model(t, err);
    if (!rc)
        rc = args->full ? init_full(t, err) : init_lora(t, err);
    t->params.grads_in_step = args->fused_step;
    if (rc || init_data(t, err) || tr__trainer_plan(t, err)) {
        tr_trainer_free(t);
        return NULL;
    }
    return t;
}

struct tr_trainer *tr_trainer_new(struct tr_model *m, struct tr_pack *pack,
                                  const struct tr_train_args *args, struct tr_err *err)
{
    struct tr_trainer *t = tr_trainer_new_planning(m, pack, args, err);
    if (!t)
        return NULL;
    int rc = init_memory(t, err);
    if (!rc && t->lora)
        tr_lora_start(t->lora, args->seed);
    else if (!rc)
        rc = load_weights(t, err);
    if (!rc)
        return t;
    tr_trainer_free(t);
    return NULL;
}

void tr_trainer_free(struct tr_trainer *t)
{
    if (!t)
        return;
    tr_tape_free(t->tape);
    tr_eval_free(t->eval);
    tr_params_release(&t->params); /* while the tensors are theirs */
    give_back_model(t);
    tr_lora_free(t->lora);
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
