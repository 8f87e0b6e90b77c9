/* SPDX-License-Identifier: MIT
 *
 * What is trained.  While a run lives, the weights of the model are the run's: it may
 * make parameters of them, and sets how they multiply and for which context the model is
 * meant.  That is noted before and given back when the run ends, however it ends.  Next:
 * trainer.c, optim/params.c.
 */
#include <libtrain/model/model.h>
#include <libtrain/train/run.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

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

/* What adapters add that hang on the model already; 0: there are none. */
static uint64_t hash_adapters(const struct tr_model *m)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < m->n_weight; i++)
        for (const struct tr_delta *d = m->weight[i].delta; d; d = d->next) {
            const struct tr_tensor *part[] = { d->a, d->b };
            hash = XXH3_64bits_withSeed(&d->scale, sizeof d->scale, hash + i + 1);
            for (int k = 0; k < 2; k++)
                if (part[k])
                    hash = XXH3_64bits_withSeed(part[k]->data,
                                                (size_t)tr_tensor_count(part[k]) *
                                                    sizeof(float), hash);
        }
    return hash;
}

int tr__take_model(struct tr_trainer *t, struct tr_err *err)
{
    struct tr_model *m = t->m;
    if (is_taken(m))
        return tr_err_set(err, TR_EINVAL, "%s: is being trained already",
                          tr_gguf_path(m->g));
    if (t->args.balance > 0 && !m->config.experts.n)
        return tr_err_set(err, TR_EINVAL, "%s: has no experts to keep equally busy",
                          tr_gguf_path(m->g));
    t->beneath = hash_adapters(m);
    if (t->beneath && (t->args.train_rows || t->args.full_targets || t->args.dora))
        return tr_err_set(err, TR_EUNSUPPORTED, "training argument '%s': the model that "
                          "comes of it would be without the adapters beneath",
                          t->args.train_rows     ? "train_rows"
                          : t->args.full_targets ? "full_targets" : "dora");
    t->before = malloc(m->n_weight * sizeof *t->before);
    if (!t->before)
        return tr_err_set(err, TR_ENOMEM, "%s: out of memory for %zu weights",
                          tr_gguf_path(m->g), m->n_weight);
    for (size_t i = 0; i < m->n_weight; i++)
        t->before[i] = m->weight[i].t;
    t->attention_before = m->attention_bf16;
    t->context_before = m->n_ctx;
    t->balance_before = m->balance;
    tr_model_set_precision(m, t->args.precision);
    tr_model_set_context(m, tr_pack_info(t->pack)->ctx);
    tr_model_set_balance(m, t->args.balance);
    return 0;
}

void tr__give_back_model(struct tr_trainer *t)
{
    if (t->lora)
        tr_lora_detach(t->lora, t->m);
    for (size_t i = 0; t->before && i < t->m->n_weight; i++)
        t->m->weight[i].t = t->before[i];
    if (t->before) {
        t->m->attention_bf16 = t->attention_before;
        tr_model_set_context(t->m, t->context_before);
        tr_model_set_balance(t->m, t->balance_before);
    }
    free(t->before);
    t->before = NULL;
}

/* ---- parameters ------------------------------------------------------------------- */

static int is_trained_in_full(const struct tr_weight *w)
{
    return w->t.data && !w->slot->frozen;
}

/* What is read by operations other than products is F32 whatever matrices are. */
static void declare(struct tr_trainer *t, struct tr_weight *w)
{
    w->t.minus_exp = w->slot->minus_exp;
    w->t.linear = w->slot->linear;
    tr_params_add(&t->params, &w->t);
    if (w->slot->f32)
        w->t.dtype = &tr_f32;
}

static int init_full(struct tr_trainer *t, struct tr_err *err)
{
    struct tr_model *m = t->m;
    int rc = tr_params_init(&t->params, m->n_weight, t->args.optim, err);
    if (rc)
        return rc;
    t->params.bf16 = t->args.weights == &tr_bf16;
    t->params.averages = t->args.ema > 0;
    for (size_t i = 0; i < m->n_weight; i++) {
        struct tr_weight *w = &m->weight[i];
        if (!is_trained_in_full(w))
            continue;
        if (w->t.dtype->block > 1)
            return tr_err_set(err, TR_EUNSUPPORTED,
                              "%s: tensor '%s' is %s; all weights can be trained from F32, "
                              "F16 or BF16, a quantised model with an adapter",
                              tr_gguf_path(m->g), w->t.name, w->t.dtype->name);
        declare(t, w);
    }
    return 0;
}

/* Weights that are trained in full beside an adapter, by one pattern. */
static int declare_whole(struct tr_trainer *t, const char *pattern, struct tr_err *err)
{
    int any = 0;
    for (size_t i = 0; i < t->m->n_weight; i++) {
        struct tr_weight *w = &t->m->weight[i];
        if (!is_trained_in_full(w) || !tr_lora_matches(pattern, w->t.name))
            continue;
        if (tr_lora_has(t->lora, w->t.name))
            return tr_err_set(err, TR_EINVAL, "full target '%s': the adapter hangs on '%s'",
                              pattern, w->t.name);
        any = 1;
        if (w->t.needs_grad) /* by a pattern before */
            continue;
        declare(t, w);
    }
    return any ? 0
               : tr_err_set(err, TR_EFORMAT, "full target '%s' matches no weight that can be "
                            "trained", pattern);
}

static int declare_full_targets(struct tr_trainer *t, struct tr_err *err)
{
    char *list = strdup(t->args.full_targets), *save = NULL;
    int rc = list ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for patterns");
    char *p = list ? strtok_r(list, ",", &save) : NULL;
    for (; !rc && p; p = strtok_r(NULL, ",", &save))
        rc = declare_whole(t, p, err);
    free(list);
    return rc;
}

/* A number that is no -exp(theta) has no gradient to go by. */
static int check_theta(const struct tr_trainer *t, const struct tr_tensor *p,
                       struct tr_err *err)
{
    const float *x = p->data;
    for (int64_t i = 0; p->minus_exp && i < tr_tensor_count(p); i++)
        if (!(x[i] < 0))
            return tr_err_set(err, TR_EFORMAT,
                              "%s: tensor '%s': number %lld is %g; training it needs numbers "
                              "below 0", tr_gguf_path(t->m->g), p->name, (long long)i,
                              (double)x[i]);
    return 0;
}

/* Fill the parameters that are weights of the base, which touches their memory. */
static int load_weights(struct tr_trainer *t, struct tr_err *err)
{
    for (size_t i = 0; i < t->params.n; i++) {
        struct tr_tensor *p = t->params.tensor[i];
        const struct tr_gguf_tensor *src = tr_gguf_find_tensor(t->m->g, p->name);
        if (!src) /* of an adapter */
            continue;
        if (tr_convert(src->dtype, src->data, p->dtype, p->data, tr_tensor_count(p)))
            return tr_err_set(err, TR_EFORMAT, "%s: tensor '%s' is not finite in %s",
                              tr_gguf_path(t->m->g), p->name, p->dtype->name);
        tr_gguf_forget(t->m->g, src->data, src->bytes);
        int rc = check_theta(t, p, err);
        if (rc)
            return rc;
    }
    return 0;
}

static void declare_pairs(struct tr_trainer *t)
{
    for (size_t i = 0; i < t->lora->n; i++) {
        const struct tr_weight *w = tr__weight_find(t->m, t->lora->pair[i].name);
        t->lora->pair[i].a.linear = t->lora->pair[i].b.linear = w->slot->linear;
        if (t->lora->pair[i].tied)
            tr__warn(t, "'%s' is the output too: llama.cpp cannot run an adapter on it, only "
                     "what comes of merging", w->t.name);
        t->lora->pair[i].b.rate = (float)t->args.lora_plus;
        tr_params_add(&t->params, &t->lora->pair[i].a);
        if (!t->lora->pair[i].rows)
            tr_params_add(&t->params, &t->lora->pair[i].b);
        if (t->lora->pair[i].m.name)
            tr_params_add(&t->params, &t->lora->pair[i].m);
    }
}

static int new_lora(struct tr_trainer *t, struct tr_err *err)
{
    const struct tr_train_args *a = &t->args;
    double alpha = a->rslora ? a->lora_alpha * sqrt((double)a->lora_rank) : a->lora_alpha;
    struct tr_lora_own own = { a->lora_rank_of, a->lora_alpha_of, a->lora_alpha, a->rslora };
    t->lora = tr_lora_new(t->m, a->lora_targets, (int)a->lora_rank, (float)alpha, err);
    if (!t->lora)
        return err ? err->code : TR_ENOMEM;
    int rc = a->last_layers ? tr_lora_keep_last(t->lora, t->m, a->last_layers, err) : 0;
    if (!rc && (own.ranks || own.alphas))
        rc = tr_lora_set_own(t->lora, &own, err);
    if (!rc)
        rc = tr__prepare_start(t, err);
    return rc || !a->dora ? rc : tr_lora_set_dora(t->lora, t->m, err);
}

static int open_lora(struct tr_trainer *t, struct tr_err *err)
{
    t->lora = tr_lora_open(t->args.adapter_in, t->m, err);
    if (!t->lora)
        return err ? err->code : TR_EIO;
    t->args.lora_rank = t->lora->pair[0].rank;
    return 0;
}

static int init_lora(struct tr_trainer *t, struct tr_err *err)
{
    const struct tr_train_args *a = &t->args;
    int rc = (a->adapter_in ? open_lora : new_lora)(t, err);
    if (!rc && a->train_rows)
        rc = tr_lora_add_rows(t->lora, t->m, a->train_rows, err);
    if (!rc)
        rc = tr_lora_attach(t->lora, t->m, 1, err);
    if (rc && a->adapter_in)
        tr_err_prefix(err, "%s", a->adapter_in);
    if (rc)
        return rc;
    t->lora->base_hash = t->base_hash;
    if (t->lora->warning)
        tr__warn(t, "%s: %s", a->adapter_in, t->lora->warning);
    rc = tr_params_init(&t->params, 3 * t->lora->n + t->m->n_weight, a->optim, err);
    t->params.averages = a->ema > 0;
    if (rc)
        return rc;
    declare_pairs(t);
    return a->full_targets ? declare_full_targets(t, err) : 0;
}

/* One that goes along lines would go through 0. */
static int check_optim(const struct tr_trainer *t, struct tr_err *err)
{
    const struct tr_optim *o = t->args.optim;
    for (size_t i = 0; o->minimise && i < t->params.n; i++)
        if (t->params.tensor[i]->minus_exp)
            return tr_err_set(err, TR_EUNSUPPORTED, "%s: tensor '%s' holds numbers that stay "
                              "below 0, which optimizer '%s' cannot train",
                              tr_gguf_path(t->m->g), t->params.tensor[i]->name, o->name);
    return 0;
}

int tr__declare_parameters(struct tr_trainer *t, struct tr_err *err)
{
    int rc = t->args.full ? init_full(t, err) : init_lora(t, err);
    if (!rc)
        rc = check_optim(t, err);
    t->params.option = t->optim_option;
    t->params.grads_in_step = t->args.fused_step;
    t->args.lora_rank = t->lora ? t->args.lora_rank : 0;
    t->args.lora_alpha = !rc && t->lora ? (double)t->lora->alpha : 0;
    return rc;
}

int tr__fill_parameters(struct tr_trainer *t, struct tr_err *err)
{
    int rc = load_weights(t, err);
    if (rc || !t->lora)
        return rc;
    tr_lora_start(t->lora, t->args.seed);
    if ((rc = tr__start_pairs(t, err)))
        return rc;
    return tr_lora_measure(t->lora, t->m, err);
}
