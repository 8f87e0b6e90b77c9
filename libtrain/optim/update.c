/* SPDX-License-Identifier: MIT
 *
 * Updates.  An optimizer (adamw.c and its neighbours) sees a piece of a tensor at a time, or,
 * if its numbers are not alone, the whole gradient, and then the change is taken away in such
 * pieces.  Either way it sees theta where what is stored is -exp(theta), as rates of decay
 * are, and BF16 is rounded at random in one place.
 */
#include <libtrain/optim/optim.h>
#include <libtrain/quants/quants.h>
#include <libtrain/rng.h>

#include <math.h>

enum {
    PIECE = 1 << 13, /* numbers that one thread updates at a time: whole blocks of state */
    SOME = 1 << 11   /* and those that are f32 on its stack, likewise */
};

/* x to BF16: what is cut off is the probability to be one step farther from zero. */
static void round_at_random(const float *x, int64_t n, uint32_t key, uint32_t first,
                            uint16_t *to)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = tr__f32_bits(x[i]);
        uint32_t add = tr_hash32(key, first + (uint32_t)i) >> 16;
        /* infinite and no number: stay so */
        add = (bits & 0x7f800000) == 0x7f800000 ? 0 : add;
        to[i] = (uint16_t)((bits + add) >> 16);
    }
}

static float theta_of(float x)
{
    return (float)log(-(double)x);
}

/* x = -exp(theta) moves by the factor exp(change of theta), so that what does not change
 * keeps its bits. */
static void step_theta(const struct tr_optim *optim, const struct tr_optim_step *s,
                       int64_t n, float *x, const float *grad, void *const *state)
{
    float theta[SOME] = { 0 }, g[SOME] = { 0 };
    for (int64_t i = 0; i < n; i++) {
        theta[i] = theta_of(x[i]);
        g[i] = x[i] * grad[i];
    }
    optim->step(s, n, theta, g, state);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] * exp((double)theta[i] - (double)theta_of(x[i])));
}

/* One update of parameter i, by `optim` on `grad`: the run's own on the gradient, or `taking`
 * on a change that the run's made of that. */
struct update {
    const struct tr_params *p;
    size_t i;
    const struct tr_optim *optim;
    const float *grad;
    struct tr_optim_step s;
};

/* Numbers at and behind `at`; up to SOME if they are BF16 or have a theta. */
static void update_some(const struct update *u, int64_t at, int64_t n)
{
    void *state[TR_OPTIM_MAX_STATE] = { NULL };
    for (int j = 0; j < u->optim->n_state; j++) {
        const struct tr_optim_state *kind = &u->optim->state[j];
        char *all = tr_params_state(u->p, j, u->i);
        state[j] = all ? all + at / kind->per * kind->dtype->bytes : NULL;
    }
    struct tr_optim_step s = u->s;
    s.first = (uint32_t)(u->p->offset[u->i] + at);
    const struct tr_tensor *t = u->p->tensor[u->i];
    if (t->minus_exp) {
        step_theta(u->optim, &s, n, (float *)t->data + at, u->grad + at, state);
        return;
    }
    if (t->dtype == &tr_f32) {
        u->optim->step(&s, n, (float *)t->data + at, u->grad + at, state);
        return;
    }
    float x[SOME];
    uint16_t *w = (uint16_t *)t->data + at;
    t->dtype->to_f32(w, x, n);
    u->optim->step(&s, n, x, u->grad + at, state);
    round_at_random(x, n, ~s.key /* the optimizer uses the other */, s.first, w);
}

static void update_piece(const struct update *u, int64_t at, int64_t n)
{
    const struct tr_tensor *t = u->p->tensor[u->i];
    int64_t step = t->dtype == &tr_f32 && !t->minus_exp ? n : SOME;
    for (int64_t k = 0; k < n; k += step)
        update_some(u, at + k, n - k < step ? n - k : step);
}

/* ---- whole tensors ---------------------------------------------------------------- */

static double rms_of(const struct tr_tensor *t)
{
    int64_t n = tr_tensor_count(t);
    double sum = 0;
    for (int64_t at = 0; at < n; at += SOME) {
        float x[SOME];
        int64_t some = n - at < SOME ? n - at : SOME;
        t->dtype->to_f32((const char *)t->data + at * t->dtype->bytes, x, some);
        for (int64_t i = 0; i < some; i++) {
            double v = (double)(t->minus_exp ? theta_of(x[i]) : x[i]);
            sum += v * v;
        }
    }
    return sqrt(sum / (double)n);
}

static void take(const struct tr_optim_step *s, int64_t n, float *param, const float *change,
                 void *const *state)
{
    (void)state;
    float keep = (float)(1 - s->lr * s->weight_decay);
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        param[i] = param[i] * keep - change[i];
}

static const struct tr_optim taking = { .name = "taking", .step = take };

/* Let the optimizer make the change of all of the tensor; it is what is left to take away. */
static void make_change(struct update *u)
{
    const struct tr_tensor *t = u->p->tensor[u->i];
    struct tr_optim_shape z = tr__optim_shape(u->p, u->i);
    int64_t n = tr_tensor_count(t);
    float *change = u->p->room, *more = change + n;
    void *state[TR_OPTIM_MAX_STATE] = { NULL };
    for (int j = 0; j < u->optim->n_state; j++)
        state[j] = tr_params_state(u->p, j, u->i);
    if (t->minus_exp) { /* it is theta that moves */
        for (int64_t i = 0; i < n; i++)
            more[i] = ((const float *)t->data)[i] * u->grad[i];
        u->grad = more;
        more += n;
    }
    if (u->optim->asks_rms)
        u->s.rms = rms_of(t);
    u->optim->whole(&u->s, &z, u->grad, state, change, more);
    if (t->minus_exp) /* a step multiplies by the number once more */
        for (int64_t i = 0; i < n; i++)
            change[i] /= ((const float *)t->data)[i];
    u->optim = &taking;
    u->grad = change;
}

/* ---- all -------------------------------------------------------------------------- */

void tr_params_update_one(struct tr_params *p, size_t i, const struct tr_optim_step *step)
{
    int64_t n = tr_tensor_count(p->tensor[i]);
    struct tr_optim_step s = *step;
    double standard[TR_MAX_OPTION];
    if (!s.option) {
        tr_option_values(p->optim->option, NULL, standard);
        s.option = standard;
    }
    if (p->tensor[i]->n_dim < 2)
        s.weight_decay = 0;
    if (p->tensor[i]->rate > 0)
        s.lr *= (double)p->tensor[i]->rate;
    struct update u = { p, i, p->optim, p->tensor[i]->grad, s };
    if (tr__optim_is_whole(p, i))
        make_change(&u);
#pragma omp parallel for schedule(static) if (n > PIECE)
    for (int64_t at = 0; at < n; at += PIECE)
        update_piece(&u, at, n - at < PIECE ? n - at : PIECE);
}

void tr_params_update(struct tr_params *p, const struct tr_optim_step *step)
{
    for (size_t i = 0; i < p->n; i++)
        tr_params_update_one(p, i, step);
}
