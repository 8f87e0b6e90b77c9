/* SPDX-License-Identifier: MIT
 *
 * Form `answers`: no teacher.  One backward pass gives G^T X of each layer, the gradient of the
 * loss by its weight; times the inverse of X^T X that is a step in the outputs, not in the
 * weights (Martens and Grosse 2015, "Optimizing neural networks with Kronecker-factored
 * approximate curvature", with the factor of the inputs alone).  Its length, lambda and rank
 * are searched for on held-out rows.  Steps are pairs that add up; if there are several, what
 * they are together is compressed by form `inputs`.
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

/* ---- steps of a pass -------------------------------------------------------------- */

/* Steps of n targets, for each lambda: fit (n_lambda, n_target). */
static int fit_some(struct tr__personal *p, size_t first, size_t n, struct tr__fit *fit,
                    struct tr_err *err)
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
        const struct tr__target *t = &p->target[first + i];
        for (int k = 0; !rc && s.normal[i].n > 0 && k < p->n_lambda; k++) {
            struct tr__fit_job job = { t->n_in, t->n_out, NULL, &s.normal[i], NULL,
                                       p->max_rank, 1, &p->lambda[k] };
            rc = tr__fit(&job, &fit[(size_t)k * p->n_target + first + i], err);
        }
    }
    for (size_t i = 0; s.normal && i < n; i++)
        tr__normal_release(&s.normal[i]);
    free(s.normal);
    return rc;
}

static int fit_all(struct tr__personal *p, struct tr__fit *fit, struct tr_err *err)
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
        rc = fit_some(p, i, n, fit, err);
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

/* The held-out loss with the first `rank` pairs of each target's fit, so long. */
static int truncated(struct tr__personal *p, int rank, double length, double *loss,
                     struct tr_err *err)
{
    struct tr_lora *step = tr__personal_adapter(p, rank, err);
    int rc = step ? loss_at(p, step, length, loss, err) : err->code;
    tr_lora_free(step);
    return rc;
}

/* ---- what is chosen --------------------------------------------------------------- */

static void swap(struct tr__personal *p, struct tr__fit *fit)
{
    for (size_t i = 0; i < p->n_target; i++) {
        struct tr__fit other = p->target[i].fit;
        p->target[i].fit = fit[i];
        fit[i] = other;
    }
}

/* The best step of these for the targets, its length and loss; what they had if no step is
 * better than *loss. */
static int choose_lambda(struct tr__personal *p, struct tr__fit *fit, double *length,
                         double *loss, struct tr_err *err)
{
    double before = *loss, from = *length;
    int rc = 0;
    for (int k = 0; !rc && k < p->n_lambda; k++, fit += p->n_target) {
        double l = before, at = from;
        swap(p, fit);
        struct tr_lora *step = tr__personal_adapter(p, p->max_rank, err);
        rc = step ? search(p, step, &at, &l, err) : err->code;
        tr_lora_free(step);
        if (rc || !(l < *loss)) {
            swap(p, fit);
            continue;
        }
        *loss = l;
        *length = from = at;
        p->out->lambda = p->lambda[k];
    }
    return rc;
}

/* Half of the rank as long as that keeps all but a hundredth of what the best gains. */
static int choose_rank(struct tr__personal *p, double length, double *loss, struct tr_err *err)
{
    double base = p->out->base, best = *loss, l;
    for (int r = p->max_rank / 2; r; r /= 2) {
        int rc = truncated(p, r, length, &l, err);
        if (rc)
            return rc;
        if (base - l < 0.99 * (base - best))
            break;
        p->max_rank = r;
        *loss = l;
        best = l < best ? l : best;
    }
    return 0;
}

/* One pass: targets get its best step, as it is if *loss falls. */
static int make_step(struct tr__personal *p, double *length, double *loss, struct tr_err *err)
{
    size_t n = (size_t)p->n_lambda * p->n_target;
    struct tr__fit *fit = calloc(n, sizeof *fit);
    int rc = fit ? fit_all(p, fit, err) : tr_err_set(err, TR_ENOMEM, "out of memory for steps");
    if (!rc)
        rc = choose_lambda(p, fit, length, loss, err);
    for (size_t i = 0; fit && i < n; i++)
        tr__fit_release(&fit[i]);
    free(fit);
    return rc;
}

/* b times the length: then the adapter's scale is 1. */
static void stretch(struct tr__personal *p, double length)
{
    for (size_t i = 0; i < p->n_target; i++) {
        const struct tr__target *t = &p->target[i];
        for (int64_t k = 0; k < t->n_out * t->fit.rank; k++)
            t->fit.b[k] *= (float)length;
    }
}

/* ---- all of them ------------------------------------------------------------------ */

enum { MAX_PASSES = 64 };

struct steps {
    struct tr_lora *lora[MAX_PASSES];
    int n;
};

/* Until one gains less than a hundredth of what those before it did; lambda and rank are those
 * of the first. */
static int make_steps(struct tr__personal *p, struct steps *all, struct tr_err *err)
{
    double length = 0.125, base = p->out->base, loss = base, before = INFINITY;
    while (all->n < p->args->passes && before - loss > 0.01 * (base - before)) {
        before = loss;
        int rc = make_step(p, &length, &loss, err);
        if (!rc && !all->n && loss < before && !p->args->rank)
            rc = choose_rank(p, length, &loss, err);
        if (rc || !(loss < before))
            return rc;
        p->lambda = &p->out->lambda;
        p->n_lambda = 1;
        p->out->step = length;
        stretch(p, length);
        struct tr_lora *step = tr__personal_adapter(p, p->max_rank, err);
        if (!step)
            return err->code;
        all->lora[all->n++] = step;
        if ((rc = tr_lora_attach(step, p->base, 1, err)))
            return rc;
        tr__tell(&p->args->progress, all->n, p->args->passes);
    }
    return 0;
}

/* The sum of all, which hang on the base, by form `inputs`. */
static int compress(struct tr__personal *p, struct tr_err *err)
{
    for (size_t i = 0; i < p->n_target; i++)
        tr__fit_release(&p->target[i].fit);
    return tr__fit_inputs(p, p->base, p->base_eval, err);
}

static int run(struct tr__personal *p, struct tr_err *err)
{
    static const double tried[] = { 0.1, 0.01, 1 };
    const double *usual = p->lambda; /* of a fit to known changes, or what was given */
    int n_usual = p->n_lambda;
    struct steps all = { .n = 0 };
    if (p->args->passes > MAX_PASSES)
        return tr_err_set(err, TR_EINVAL, "more than %d passes", MAX_PASSES);
    if (p->n_lambda > 1)
        p->lambda = tried;
    int rc = make_steps(p, &all, err);
    if (!rc && !all.n)
        rc = tr_err_set(err, TR_EFORMAT, "no step makes held-out rows more likely");
    p->out->passes = all.n;
    p->lambda = usual;
    p->n_lambda = n_usual;
    if (!rc && all.n > 1)
        rc = compress(p, err);
    for (int i = 0; i < all.n; i++) {
        tr_lora_detach(all.lora[i], p->base);
        tr_lora_free(all.lora[i]);
    }
    return rc;
}

const struct tr_personalize_form tr__form_answers = {
    .name = "answers",
    .passes = 8,
    .about = "the data's own answers, without a teacher",
    .run = run,
};
