/* SPDX-License-Identifier: MIT
 *
 * A step in which the gradients of a block live until it is updated, and those of the next
 * take their place (Lv et al. 2023, "Full parameter fine-tuning for large language models
 * with limited resources", for any optimizer).  What clipping needs to know, the norm of all
 * gradients, a first backward pass finds; the second one updates.  Parameters that several
 * segments read have gradients of their own, which are complete after the first pass.
 */
#include <libtrain/train/run.h>

#include <math.h>

struct sweep {
    struct tr_params *p;
    struct tr_optim_step update;
    int finite; /* all gradients so far */
};

static void note(void *ctx, struct tr_tensor *t)
{
    struct sweep *w = ctx;
    tr_params_note_grad(w->p, (size_t)t->index);
}

static void update(void *ctx, struct tr_tensor *t)
{
    struct sweep *w = ctx;
    tr_params_update_one(w->p, (size_t)t->index, &w->update);
}

static void note_and_update(void *ctx, struct tr_tensor *t)
{
    struct sweep *w = ctx;
    w->finite = w->finite && isfinite(tr_params_note_grad(w->p, (size_t)t->index));
    if (w->finite)
        update(ctx, t);
}

static void update_shared(struct sweep *w)
{
    for (size_t i = 0; i < w->p->n; i++)
        if (w->p->tensor[i]->shared)
            tr_params_update_one(w->p, i, &w->update);
}

static double norm_of_all(struct sweep *w)
{
    tr_params_settle_grads(w->p);
    tr_params_note_grads(w->p);
    return tr_params_noted_norm(w->p);
}

/* The second sweep takes no more memory than the first. */
static int two_sweeps(struct tr_trainer *t, struct tr_tensor *loss, struct tr_step_stats *s)
{
    struct sweep w = { .p = &t->params };
    int rc = tr_tape_backward_each(t->tape, loss, note, &w);
    if (rc)
        return rc;
    s->grad_norm = norm_of_all(&w);
    s->skipped = !isfinite(s->loss) || !isfinite(s->grad_norm);
    if (s->skipped)
        return 0;
    w.update = tr__step_update(t, s->lr, s->grad_norm);
    tr_params_hide_grads(w.p, 1);
    rc = tr_tape_backward_each(t->tape, loss, update, &w);
    tr_params_hide_grads(w.p, 0);
    if (!rc)
        update_shared(&w);
    return rc;
}

static int one_sweep(struct tr_trainer *t, struct tr_tensor *loss, struct tr_step_stats *s)
{
    struct sweep w = { .p = &t->params, .update = tr__step_update(t, s->lr, 0) };
    w.finite = isfinite(s->loss);
    int rc = tr_tape_backward_each(t->tape, loss, note_and_update, &w);
    if (rc)
        return rc;
    s->grad_norm = norm_of_all(&w);
    s->skipped = !w.finite || !isfinite(s->grad_norm);
    if (!s->skipped)
        update_shared(&w);
    return 0;
}

int tr__fused_step(struct tr_trainer *t, int64_t n, double scale, struct tr_step_stats *s,
                   struct tr_err *err)
{
    double sum = 0;
    struct tr_tensor *loss = tr__step_forward(t, 0, n, scale, &sum);
    s->loss = tr__step_loss(t, sum * scale);
    int rc = (t->args.clip > 0 ? two_sweeps : one_sweep)(t, loss, s);
    return rc ? tr_tape_error(t->tape, err) : 0;
}
