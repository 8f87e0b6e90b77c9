/* SPDX-License-Identifier: MIT
 *
 * Form `stream`: for layers that write to the residual stream, ridge regression from the base's
 * inputs to what the teacher's layer gives more than its own.  Layers of one group do not see
 * each other's corrections; those of earlier groups are switched on, or each would be made
 * twice.
 */
#include <libtrain/base/base.h>
#include <libtrain/personalize/personal.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct layer { /* of the present group */
    struct tr__target *t;
    struct tr__normal normal[2];
    const struct tr_tensor *x; /* that goes into the base's just now */
    float *want;               // (most, n_out) what the teacher's gave for this batch
};

struct group {
    struct tr__personal *p;
    struct layer *layer; // (n)
    size_t n;
    int part;
    int64_t most; /* rows of a batch */
};

static struct layer *layer_of(struct group *g, const char *weight)
{
    for (size_t i = 0; i < g->n; i++)
        if (!strcmp(g->layer[i].t->w->t.name, weight))
            return &g->layer[i];
    return NULL;
}

/* to (rows, n_out) = y - add, or less than it was by that. */
static void outputs(const struct tr_outputs *out, float *to, int less)
{
    int64_t rows = tr_tensor_rows(out->y), n = tr_tensor_cols(out->y);
    for (int64_t i = 0; i < rows; i++) {
        const float *y = tr_tensor_row(out->y, i);
        const float *add = out->add ? tr_tensor_row(out->add, i) : NULL;
        for (int64_t j = 0; j < n; j++) {
            float v = add ? y[j] - add[j] : y[j];
            to[i * n + j] = less ? to[i * n + j] - v : v;
        }
    }
}

static void see_teacher(void *ctx, const struct tr_outputs *out)
{
    struct layer *l = layer_of(ctx, out->weight);
    if (l)
        outputs(out, l->want, 0);
}

static void see_input(void *ctx, const struct tr_inputs *in)
{
    struct layer *l = layer_of(ctx, in->weight);
    if (l)
        l->x = in->x;
}

static void see_base(void *ctx, const struct tr_outputs *out)
{
    struct group *g = ctx;
    struct layer *l = layer_of(g, out->weight);
    if (!l)
        return;
    int64_t rows = tr_tensor_rows(l->x), n_in = l->t->n_in, n_out = l->t->n_out;
    float scale = 1 / g->p->base->config.residual_scale;
    outputs(out, l->want, 1);
    for (int64_t i = 0; i < rows * n_out; i++)
        l->want[i] *= scale;
    tr__normal_add(&l->normal[g->part], &(struct tr__layer_rows){ rows, n_in, l->x->ld, n_out,
                                                                  l->x->data, l->want });
}

/* Both models, one after the other. */
static int on_batch(void *ctx, const struct tr_batch *batch, struct tr_err *err)
{
    const struct tr__personal *p = ((struct group *)ctx)->p;
    int rc = tr__rows_forward(p->teacher_eval, batch, err);
    return rc ? rc : tr__rows_forward(p->base_eval, batch, err);
}

static int collect(struct group *g, const struct tr__rows *rows, struct tr_err *err)
{
    struct tr__personal *p = g->p;
    tr_model_watch(p->teacher, &(struct tr_watch){ .ctx = g, .after = see_teacher });
    tr_model_watch(p->base, &(struct tr_watch){ see_input, g, see_base });
    int rc = tr__rows_each(rows, on_batch, g, err);
    tr_model_watch(p->teacher, &(struct tr_watch){ 0 });
    tr_model_watch(p->base, &(struct tr_watch){ 0 });
    return rc;
}

static int begin(struct group *g, struct layer *l, struct tr__target *t, struct tr_err *err)
{
    size_t n = (size_t)(g->most * t->n_out);
    *l = (struct layer){ .t = t, .want = malloc(n * sizeof *l->want) };
    g->n++;
    int rc = l->want ? tr__normal_new(&l->normal[0], t->n_in, t->n_out, err)
                     : tr_err_set(err, TR_ENOMEM, "out of memory for outputs of '%s'",
                                  t->w->t.name);
    return rc ? rc : tr__normal_new(&l->normal[1], t->n_in, t->n_out, err);
}

static void release(struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        struct layer *l = &g->layer[i];
        free(l->want);
        tr__normal_release(&l->normal[0]);
        tr__normal_release(&l->normal[1]);
    }
    free(g->layer);
}

static int fit(struct group *g, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < g->n; i++) {
        struct layer *l = &g->layer[i];
        struct tr__fit_job job = { l->t->n_in, l->t->n_out, NULL, &l->normal[0], &l->normal[1],
                                   g->p->max_rank, g->p->n_lambda, g->p->lambda };
        if (l->normal[0].square > 0)
            rc = tr__fit(&job, &l->t->fit, err);
        if (rc)
            tr_err_prefix(err, "'%s'", l->t->w->t.name);
    }
    return rc;
}

static int any_fit(const struct tr__personal *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p->target[i].fit.rank)
            return 1;
    return 0;
}

/* Targets first … first + n - 1, with what was fitted before switched on. */
static int run_group(struct tr__personal *p, size_t first, size_t n, struct tr_err *err)
{
    struct group g = { .p = p, .layer = calloc(n, sizeof *g.layer),
                       .most = tr__rows_most(&p->train) };
    int rc = g.layer ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for sums");
    if (tr__rows_most(&p->held) > g.most)
        g.most = tr__rows_most(&p->held);
    for (size_t i = 0; !rc && i < n; i++)
        rc = begin(&g, &g.layer[i], &p->target[first + i], err);
    int some = any_fit(p, first);
    struct tr_lora *before = !rc && some ? tr__personal_adapter(p, p->max_rank, err) : NULL;
    if (!rc && some)
        rc = before ? tr_lora_attach(before, p->base, 1, err) : err->code;
    if (!rc)
        rc = collect(&g, &p->train, err);
    g.part = 1;
    if (!rc)
        rc = collect(&g, &p->held, err);
    if (before)
        tr_lora_detach(before, p->base);
    tr_lora_free(before);
    if (!rc)
        rc = fit(&g, err);
    release(&g);
    return rc;
}

static int64_t bytes_of(const struct tr__target *t)
{
    return 2 * t->n_in * (t->n_in + t->n_out) * (int64_t)sizeof(float);
}

static int run(struct tr__personal *p, struct tr_err *err)
{
    size_t most = (p->n_target + (size_t)p->args->passes - 1) / (size_t)p->args->passes;
    int rc = 0;
    p->out->passes = 0;
    for (size_t i = 0, n; !rc && i < p->n_target; i += n) {
        int64_t bytes = bytes_of(&p->target[i]);
        for (n = 1; n < most && i + n < p->n_target; n++)
            if ((bytes += bytes_of(&p->target[i + n])) > p->args->memory)
                break;
        rc = run_group(p, i, n, err);
        p->out->passes++;
        tr__tell(&p->args->progress, (int64_t)(i + n), (int64_t)p->n_target);
    }
    return rc;
}

int tr__writes_to_stream(const char *weight)
{
    static const char *const ends[] = { ".attn_output.weight", ".ffn_down.weight",
                                        ".ssm_out.weight", ".shortconv.out_proj.weight" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(weight), k = strlen(ends[i]);
        if (n > k && !strcmp(weight + n - k, ends[i]))
            return 1;
    }
    return 0;
}

const struct tr_personalize_form tr__form_stream = {
    .name = "stream",
    .about = "the teacher's outputs of layers that write to the residual stream",
    .with_teacher = 1,
    .passes = 4,
    .n_archive = 2,
    .takes = tr__writes_to_stream,
    .run = run,
};
