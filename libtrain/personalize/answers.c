/* SPDX-License-Identifier: MIT
 *
 * Form `answers`: no teacher.  One backward pass gives G^T X of each layer, the gradient of the
 * loss by its weight; times the inverse of X^T X that is a step in the outputs, not in the
 * weights (Martens and Grosse 2015, "Optimizing neural networks with Kronecker-factored
 * approximate curvature", with the factor of the inputs alone).  Its length is searched for on
 * held-out rows.  Steps are pairs that add up; if there are several, what they are together is
 * compressed by form `inputs`.
 */
#include <libtrain/base/base.h>
#include <libtrain/matmul/matmul.h>
#include <libtrain/personalize/personal.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct pass {
    struct tr__personal *p;
    struct tr__normal *normal; // (n) of targets first …
    size_t first, n;
    struct tr_tape *tp;
};

/* ---- sums ------------------------------------------------------------------------- */

static void see(void *ctx, const struct tr_inputs *in)
{
    struct pass *s = ctx;
    size_t i = 0;
    while (i < s->n && strcmp(s->p->target[s->first + i].w->t.name, in->weight))
        i++;
    if (i == s->n)
        return;
    s->normal[i].n += (double)tr_tensor_rows(in->x);
    tr__gram_f32(tr_tensor_rows(in->x), tr_tensor_cols(in->x), in->x->data, in->x->ld,
                 s->normal[i].c);
}

/* The gradient of a weight is complete for this batch: towards less loss is against it. */
static void take_gradient(void *ctx, struct tr_tensor *w)
{
    struct pass *s = ctx;
    float *k = s->normal[w->index].k;
    int64_t n = tr_tensor_count(w);
    tr_tensor_settle_grad(w);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        k[i] -= w->grad[i];
}

/* Weights are trained for the time of a sweep, whatever type they are in. */
static void train_weights(struct pass *s, int on)
{
    for (size_t i = 0; i < s->n; i++) {
        struct tr_tensor *w = &s->p->target[s->first + i].w->t;
        w->needs_grad = on;
        w->index = on ? (int64_t)i : 0;
    }
}

/* Forward, where inputs are seen, and backward. */
static int on_batch(void *ctx, const struct tr_batch *batch, struct tr_err *err)
{
    struct pass *s = ctx;
    double option[TR_MAX_OPTION];
    struct tr_loss loss = { .kind = tr_loss_at(0), .scale = 1, .option = option };
    tr_option_values(loss.kind->option, NULL, option);
    tr_tape_reset(s->tp);
    int rc = tr_tape_backward_each(s->tp, tr_model_loss(s->p->base, s->tp, batch, &loss),
                                   take_gradient, s);
    return rc ? tr_tape_error(s->tp, err) : 0;
}

static int collect(struct pass *s, struct tr_err *err)
{
    struct tr__personal *p = s->p;
    if (!(s->tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, NULL, err)))
        return err->code;
    tr_model_watch(p->base, &(struct tr_watch){ .at = see, .ctx = s });
    train_weights(s, 1);
    int rc = tr__rows_each(&p->train, on_batch, s, err);
    train_weights(s, 0);
    tr_model_watch(p->base, &(struct tr_watch){ 0 });
    tr_tape_free(s->tp);
    return rc;
}

/* ---- a step ----------------------------------------------------------------------- */

/* Steps of some targets, into their fits. */
static int fit_some(struct tr__personal *p, size_t first, size_t n, struct tr_err *err)
{
    struct pass s = { .p = p, .first = first, .n = n,
                      .normal = calloc(n, sizeof *s.normal) };
    int rc = s.normal ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for sums");
    for (size_t i = 0; !rc && i < n; i++)
        rc = tr__normal_new(&s.normal[i], p->target[first + i].n_in,
                            p->target[first + i].n_out, err);
    if (!rc)
        rc = collect(&s, err);
    for (size_t i = 0; !rc && i < n; i++) {
        struct tr__target *t = &p->target[first + i];
        struct tr__fit_job job = { t->n_in, t->n_out, NULL, &s.normal[i], NULL,
                                   p->max_rank, 1, p->lambda };
        tr__fit_release(&t->fit);
        rc = s.normal[i].n > 0 ? tr__fit(&job, &t->fit, err) : 0;
    }
    for (size_t i = 0; s.normal && i < n; i++)
        tr__normal_release(&s.normal[i]);
    free(s.normal);
    return rc;
}

static int fit_step(struct tr__personal *p, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0, n; !rc && i < p->n_target; i += n) {
        int64_t bytes = 0;
        for (n = 0; i + n < p->n_target; n++) {
            const struct tr__target *t = &p->target[i + n];
            bytes += t->n_in * (t->n_in + t->n_out) * (int64_t)sizeof(float);
            if (n && bytes > p->args->memory)
                break;
        }
        rc = fit_some(p, i, n, err);
    }
    return rc;
}

/* The held-out loss with the step that long. */
static int loss_at(struct tr__personal *p, struct tr_lora *step, double length, double *loss,
                   struct tr_err *err)
{
    int rc = tr_lora_attach(step, p->base, (float)length, err);
    if (rc)
        return rc;
    rc = tr__rows_loss(p->base_eval, &p->held, loss, err);
    tr_lora_detach(step, p->base);
    if (rc != TR_EDIVERGED)
        return rc;
    *loss = INFINITY;
    return err->code = 0;
}

/* From *length by factors of two to where the loss is least; 0 if none is below *loss. */
static int search(struct tr__personal *p, struct tr_lora *step, double *length, double *loss,
                  struct tr_err *err)
{
    double best = *loss, at = 0, from = *length, l;
    int rc = 0, falls = 0;
    for (int k = 0; !rc && k < 8; k++, from *= 2) { /* up, as long as it falls */
        rc = loss_at(p, step, from, &l, err);
        if (rc || !(l < best))
            break;
        best = l;
        at = from;
        falls = 1;
    }
    int down = !falls || at == *length;
    from = *length / 2;
    for (int k = 0; !rc && down && k < 12; k++, from /= 2) {
        rc = loss_at(p, step, from, &l, err);
        if (!rc && l < best) {
            best = l;
            at = from;
            falls = 1;
        } else if (falls) {
            break;
        }
    }
    *length = at;
    *loss = best;
    return rc;
}

/* b of all pairs times the length: then the adapter's scale is 1. */
static void stretch(struct tr_lora *l, double length)
{
    for (size_t i = 0; i < l->n; i++)
        for (int64_t k = 0; k < tr_tensor_count(&l->pair[i].b); k++)
            l->pair[i].read_b[k] *= (float)length;
}

/* ---- all of them ------------------------------------------------------------------ */

enum { MAX_PASSES = 64 };

struct steps {
    struct tr_lora *lora[MAX_PASSES];
    int n;
};

static int make_steps(struct tr__personal *p, struct steps *all, double *loss,
                      struct tr_err *err)
{
    double length = 0.125;
    int rc = 0;
    while (!rc && all->n < p->args->passes) {
        double before = *loss;
        rc = fit_step(p, err);
        struct tr_lora *step = rc ? NULL : tr__personal_adapter(p, p->max_rank, err);
        if (!rc && !step)
            rc = err->code;
        if (!rc)
            rc = search(p, step, &length, loss, err);
        if (rc || !(*loss < before)) {
            tr_lora_free(step);
            break;
        }
        p->out->step = length;
        stretch(step, length);
        all->lora[all->n++] = step;
        rc = tr_lora_attach(step, p->base, 1, err);
        tr__tell(&p->args->progress, all->n, p->args->passes);
    }
    return rc;
}

static int compress(struct tr__personal *p, struct tr_err *err)
{
    static const double lambda[] = { 1e-4, 1e-2, 1 };
    for (size_t i = 0; i < p->n_target; i++)
        tr__fit_release(&p->target[i].fit);
    p->lambda = lambda;
    p->n_lambda = 3;
    return tr__fit_inputs(p, p->base, p->base_eval, err);
}

static int run(struct tr__personal *p, struct tr_err *err)
{
    struct steps all = { .n = 0 };
    double loss = p->out->base;
    if (p->args->passes > MAX_PASSES)
        return tr_err_set(err, TR_EINVAL, "more than %d passes", MAX_PASSES);
    int rc = make_steps(p, &all, &loss, err);
    if (!rc && !all.n)
        rc = tr_err_set(err, TR_EFORMAT, "no step makes held-out rows more likely");
    p->out->passes = all.n;
    if (!rc && all.n > 1)
        rc = compress(p, err);
    for (int i = 0; i < all.n; i++)
        tr_lora_detach(all.lora[i], p->base);
    if (!rc && all.n == 1) {
        p->done = all.lora[0];
        all.lora[0] = NULL;
    }
    for (int i = 0; i < all.n; i++)
        tr_lora_free(all.lora[i]);
    return rc;
}

const struct tr_personalize_form tr__form_answers = {
    .name = "answers",
    .about = "the data's own answers, without a teacher",
    .run = run,
};
