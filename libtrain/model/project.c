/* SPDX-License-Identifier: MIT
 *
 * Weights in use: a linear layer is its matrix, its bias and what adapters add to it, so an
 * adapter needs no code anywhere else.
 */
#include <libtrain/model/decoder.h>
#include <libtrain/rng.h>

struct tr_tensor *tr__tensor(const struct tr__decoder *d, enum tr_slot_id id)
{
    if (id == TR_N_SLOT)
        return NULL;
    struct tr_weight *w = tr__weight(d->m, d->layer, id);
    return w->t.data ? &w->t : NULL;
}

uint32_t tr__noise_key(const struct tr__noise *noise, uint32_t id)
{
    struct tr_rng r = { .key = noise->key, .counter = id };
    return (uint32_t)tr_rng_u64(&r);
}

struct tr_tensor *tr__pair_input(const struct tr__decoder *d, struct tr_tensor *x,
                                 const struct tr_delta *a)
{
    const struct tr__noise *noise = &d->m->noise;
    return noise->dropout > 0 && a->a->needs_grad
               ? tr_dropout(d->tp, x, noise->dropout, tr__noise_key(noise, a->id))
               : x;
}

/* An operation scales the product alone. */
static struct tr_tensor *scaled_bias(const struct tr__decoder *d, enum tr_slot_id id,
                                     float scale)
{
    struct tr_tensor *b = tr__tensor(d, id);
    return b && scale != 1 ? tr_scale(d->tp, b, scale) : b;
}

/* m / |w + s b a| for each row. */
static struct tr_tensor *row_factors(const struct tr__decoder *d, struct tr_weight *w,
                                     struct tr_delta *a)
{
    struct tr_tensor *of[] = { a->a, a->b };
    for (int i = 0; i < 2; i++)
        a->still[i] = tr_tensor_make(NULL, &tr_f32, 2, of[i]->dim, of[i]->data);
    struct tr_tensor *sa = &a->still[0], *sb = &a->still[1];
    struct tr_tensor *p = tr_linear(d->tp, sa, &w->t, NULL);
    struct tr_tensor *g = tr_matmul(d->tp, sa, sa, &(struct tr_matmul){ .transpose_b = 1 });
    return tr_mul(d->tp, tr_inverse_norms(d->tp, p, g, sb, a->square, a->scale), a->m);
}

/* add + scale * rows sized (x (w + s b a)^T) + bias.  Where numbers of x are dropped it is what the
 * rows are sized by that is of the rest, as the authors and PEFT have it: x w^T + (g - 1) d w^T +
 * g s d a^T b^T for a factor g and what is left, d. */
static struct tr_tensor *project_sized(const struct tr__decoder *d, struct tr_tensor *x,
                                       struct tr_weight *w, struct tr_tensor *bias,
                                       struct tr_tensor *add, float scale)
{
    struct tr_delta *a = w->delta;
    struct tr_tensor *in = tr__pair_input(d, x, a), *rest = NULL;
    if (in != x)
        rest = tr_linear(d->tp, tr_add(d->tp, x, tr_scale(d->tp, in, -1)), &w->t,
                         &(struct tr_linear){ .add = add, .scale = scale });
    struct tr_tensor *y = tr_linear(d->tp, in, &w->t, &(struct tr_linear){ .scale = scale });
    struct tr_tensor *u = tr_linear(d->tp, in, a->a, NULL);
    y = tr_linear(d->tp, u, a->b, &(struct tr_linear){ .add = y, .in_place = 1,
                                                      .scale = a->scale * scale });
    y = tr_mul(d->tp, y, row_factors(d, w, a));
    if (bias)
        y = tr_add(d->tp, y, bias);
    add = rest ? rest : add;
    return add ? tr_add(d->tp, add, y) : y;
}

struct tr_tensor *tr__project(const struct tr__decoder *d, struct tr_tensor *x,
                              enum tr_slot_id id, enum tr_slot_id bias,
                              struct tr_tensor *add)
{
    struct tr_weight *w = tr__weight(d->m, d->layer, id);
    float scale = add ? d->m->config.residual_scale : 1;
    struct tr_tensor *b = scaled_bias(d, bias, scale);
    tr__see(d, x, id, NULL, TR__ALL_ROWS);
    if (w->delta && w->delta->m)
        return project_sized(d, x, w, b, add, scale);
    struct tr_tensor *y = tr_linear(
        d->tp, x, &w->t, &(struct tr_linear){ .bias = b, .add = add, .scale = scale });
    for (const struct tr_delta *a = w->delta; a; a = a->next) {
        struct tr_tensor *u = tr_linear(d->tp, tr__pair_input(d, x, a), a->a, NULL);
        y = tr_linear(d->tp, u, a->b,
                      &(struct tr_linear){
                          .add = y, .in_place = 1, .scale = a->scale * scale });
    }
    tr__see_result(d, y, add, id);
    return y;
}

struct tr_tensor *tr__project_in(const struct tr__decoder *d, struct tr_tensor *x,
                                 const struct tr_routing *r, enum tr_slot_id id,
                                 enum tr_slot_id bias)
{
    struct tr_weight *w = tr__weight(d->m, d->layer, id);
    tr__see(d, x, id, r, TR__ROWS_OF_POSITIONS);
    struct tr_tensor *y = tr_experts_in(d->tp, x, &w->t, r,
                                        &(struct tr_linear){ .bias = tr__tensor(d, bias) });
    for (const struct tr_delta *a = w->delta; a; a = a->next) {
        struct tr_tensor *u = tr_experts_in(d->tp, tr__pair_input(d, x, a), a->a, r, NULL);
        y = tr_experts_linear(d->tp, u, a->b, r,
                              &(struct tr_linear){
                                  .add = y, .in_place = 1, .scale = a->scale });
    }
    return y;
}

/* With the factors of the experts, if they have some. */
static struct tr_routing by_factor(const struct tr__decoder *d, const struct tr_routing *r)
{
    struct tr_tensor *factor = tr__tensor(d, TR_EXPERT_FACTOR);
    struct tr_routing with = *r;
    if (factor)
        with.weight = tr_by_expert(d->tp, r, factor);
    return with;
}

/* A factor multiplies what the base gives, but not what adapters add: so says llama.cpp, whose
 * adapters they are. */
struct tr_tensor *tr__project_out(const struct tr__decoder *d, struct tr_tensor *x,
                                  const struct tr_routing *r, enum tr_slot_id id,
                                  enum tr_slot_id bias, struct tr_tensor *add)
{
    struct tr_weight *w = tr__weight(d->m, d->layer, id);
    float scale = add ? d->m->config.residual_scale : 1;
    struct tr_tensor *b = scaled_bias(d, bias, scale);
    struct tr_routing with = by_factor(d, r);
    tr__see(d, x, id, r, TR__ROWS_OF_EXPERTS);
    struct tr_tensor *y = tr_experts_out(
        d->tp, x, &w->t, &with, &(struct tr_linear){ .bias = b, .add = add, .scale = scale });
    for (const struct tr_delta *a = w->delta; a; a = a->next) {
        struct tr_tensor *in = tr__pair_input(d, x, a);
        struct tr_tensor *u = tr_experts_linear(d->tp, in, a->a, r, NULL);
        y = tr_experts_out(d->tp, u, a->b, r,
                           &(struct tr_linear){
                               .add = y, .in_place = 1, .scale = a->scale * scale });
    }
    return y;
}

struct tr_tensor *tr__norm(const struct tr__decoder *d, struct tr_tensor *x,
                           enum tr_slot_id w, enum tr_slot_id bias)
{
    struct tr_tensor *weight = tr__tensor(d, w);
    if (!weight)
        return x;
    return d->m->arch->norm(d->tp, x, weight, tr__tensor(d, bias), d->m->config.norm_eps);
}
