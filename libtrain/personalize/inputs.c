/* SPDX-License-Identifier: MIT
 *
 * Form `inputs`: each layer's inputs in the teacher, and the teacher's change of that layer.
 * What the change does to these inputs is known without running anything twice, so only X^T X
 * is summed, once where layers share their input.  As many layers at once as memory is given
 * for; the rest in further passes over the data.
 */
#include <libtrain/matmul/matmul.h>
#include <libtrain/personalize/personal.h>

#include <stdlib.h>
#include <string.h>

enum { TRAIN, HELD };

struct sum { /* of one input of layers */
    struct tr__normal normal[2];
    int64_t n_in;
    int64_t seen; /* number of the batch that was added last */
};

struct sums {
    struct tr__personal *p;
    struct sum *sum;  // (n_target)
    size_t n;
    int *of;          // (n_target) which sum; -1: none
    int64_t bytes;
    int part, deferred;
    struct tr_eval *e;
    int64_t batch;
    const struct tr_tensor *last; /* input that was seen last, its block … */
    int64_t last_block;
    int last_sum;                 /* … and sum */
    struct tr_err err;
};

static int on_batch(void *ctx, const struct tr_batch *batch, struct tr_err *err)
{
    struct sums *s = ctx;
    s->batch++;
    s->last = NULL;
    return tr__rows_forward(s->e, batch, err);
}

static size_t find(const struct tr__personal *p, const char *weight)
{
    for (size_t i = 0; i < p->n_target; i++)
        if (!strcmp(p->target[i].w->t.name, weight))
            return i;
    return p->n_target;
}

/* A new sum for inputs of this width; -1 if there is no room for it in this pass. */
static int new_sum(struct sums *s, int64_t n_in)
{
    int64_t bytes = 2 * n_in * n_in * (int64_t)sizeof(float);
    struct sum *x = &s->sum[s->n];
    if (s->n && s->bytes + bytes > s->p->args->memory) {
        s->deferred = 1;
        return -1;
    }
    *x = (struct sum){ .n_in = n_in };
    for (int k = 0; k < 2; k++)
        if (!(x->normal[k].c = calloc((size_t)(n_in * n_in), sizeof(float))))
            tr_err_set(&s->err, TR_ENOMEM, "out of memory for sums over inputs of %lld numbers",
                       (long long)n_in);
    s->bytes += bytes;
    return (int)s->n++;
}

static void add(struct sums *s, struct sum *x, const struct tr_tensor *in)
{
    struct tr__normal *to = &x->normal[s->part];
    if (x->seen == s->batch)
        return;
    x->seen = s->batch;
    to->n += (double)tr_tensor_rows(in);
    tr__gram_f32(tr_tensor_rows(in), x->n_in, in->data, in->ld, to->c);
}

static void see(void *ctx, const struct tr_inputs *in)
{
    struct sums *s = ctx;
    size_t i = s->err.code ? s->p->n_target : find(s->p, in->weight);
    int64_t block = tr_gguf_block(in->weight, NULL);
    if (i == s->p->n_target || s->p->target[i].done)
        return;
    if (s->of[i] < 0 && s->last == in->x && s->last_block == block && s->last_sum >= 0)
        s->of[i] = s->last_sum;
    else if (s->of[i] < 0 && s->batch == 1)
        s->of[i] = new_sum(s, tr_tensor_cols(in->x));
    s->last = in->x;
    s->last_block = block;
    s->last_sum = s->of[i];
    if (s->of[i] >= 0 && !s->err.code)
        add(s, &s->sum[s->of[i]], in->x);
}

static int collect(struct sums *s, struct tr_model *m, struct tr_err *err)
{
    tr_model_watch(m, &(struct tr_watch){ .at = see, .ctx = s });
    s->part = TRAIN;
    int rc = tr__rows_each(&s->p->train, on_batch, s, err);
    s->part = HELD;
    if (!rc)
        rc = tr__rows_each(&s->p->held, on_batch, s, err);
    tr_model_watch(m, &(struct tr_watch){ 0 });
    if (!rc && s->err.code)
        rc = tr_err_set(err, s->err.code, "%s", s->err.text);
    return rc;
}

static int fit_target(struct tr__personal *p, struct tr__target *t, const struct sum *x,
                      struct tr_err *err)
{
    struct tr__fit_job job = { t->n_in, t->n_out, NULL, &x->normal[TRAIN], &x->normal[HELD],
                               p->max_rank, p->n_lambda, p->lambda };
    float *delta = malloc((size_t)(t->n_in * t->n_out) * sizeof *delta);
    int rc = delta ? tr__change_of(t, delta, err) : TR_ENOMEM;
    if (!delta)
        tr_err_set(err, rc, "out of memory for the change of '%s'", t->w->t.name);
    job.delta = delta;
    if (rc > 0)
        rc = tr__fit(&job, &t->fit, err);
    if (rc < 0)
        tr_err_prefix(err, "'%s'", t->w->t.name);
    free(delta);
    t->done = 1;
    return rc;
}

static void release(struct sums *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->sum[i].normal[TRAIN].c);
        free(s->sum[i].normal[HELD].c);
    }
    free(s->sum);
    free(s->of);
}

static int pass(struct tr__personal *p, struct tr_model *m, struct tr_eval *e, int *deferred,
                struct tr_err *err)
{
    struct sums s = { .p = p, .e = e, .sum = calloc(p->n_target + 1, sizeof *s.sum),
                      .of = malloc((p->n_target + 1) * sizeof *s.of) };
    int rc = s.sum && s.of ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for sums");
    for (size_t i = 0; !rc && i < p->n_target; i++)
        s.of[i] = -1;
    if (!rc)
        rc = collect(&s, m, err);
    for (size_t i = 0; !rc && i < p->n_target; i++)
        if (s.of[i] >= 0)
            rc = fit_target(p, &p->target[i], &s.sum[s.of[i]], err);
    *deferred = s.deferred;
    release(&s);
    return rc;
}

int tr__fit_inputs(struct tr__personal *p, struct tr_model *m, struct tr_eval *e,
                   struct tr_err *err)
{
    int rc = 0, deferred = 1;
    while (!rc && deferred)
        rc = pass(p, m, e, &deferred, err);
    return rc;
}

static int run(struct tr__personal *p, struct tr_err *err)
{
    return tr__fit_inputs(p, p->teacher, p->teacher_eval, err);
}

const struct tr_personalize_form tr__form_inputs = {
    .name = "inputs",
    .about = "the teacher's change of each layer, as it acts on the teacher's inputs",
    .with_teacher = 1,
    .n_archive = 1,
    .run = run,
};
