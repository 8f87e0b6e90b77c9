/* SPDX-License-Identifier: MIT
 *
 * Everything that is trained, as one flat array, so that norms, updates, sums over ranks and
 * saves are loops over numbers that know of no tensor.  Where matrices are BF16 there is a
 * second array for them.  An optimizer (adamw.c and its neighbours) sees a piece at a time.
 * It sees theta where what is stored is -exp(theta), as rates of decay are.
 */
#include <libtrain/quants/quants.h>
#include <libtrain/params.h>
#include <libtrain/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ROUND = 16,      /* keeps every parameter on a cache line of its own */
    PIECE = 1 << 13, /* numbers that one thread updates at a time: whole blocks of state */
    SOME = 1 << 11   /* and those that are f32 on its stack, likewise */
};

static int64_t rounded(int64_t count)
{
    return (count + ROUND - 1) / ROUND * ROUND;
}

static void *map_array(int64_t bytes)
{
    void *p = mmap(NULL, (size_t)bytes + 1 /* 0 is refused */, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void unmap_array(void *p, int64_t bytes)
{
    if (p)
        munmap(p, (size_t)bytes + 1);
}

/* Numbers of all parameters of this type. */
static int64_t count_of(const struct tr_params *p, const struct tr_dtype *type)
{
    int64_t count = 0;
    for (size_t i = 0; i < p->n; i++)
        count += p->tensor[i]->dtype == type ? rounded(tr_tensor_count(p->tensor[i])) : 0;
    return count;
}

static int64_t type_bytes(const struct tr_params *p, const struct tr_dtype *type)
{
    return count_of(p, type) * type->bytes;
}

int64_t tr_params_value_bytes(const struct tr_params *p)
{
    return type_bytes(p, &tr_f32) + type_bytes(p, &tr_bf16);
}

int tr_params_init(struct tr_params *p, size_t max_n, const struct tr_optim *optim,
                   struct tr_err *err)
{
    *p = (struct tr_params){ .max_n = max_n, .optim = optim };
    p->tensor = calloc(max_n + 1, sizeof *p->tensor);
    p->offset = calloc(max_n + 1, sizeof *p->offset);
    p->square = calloc(max_n + 1, sizeof *p->square);
    if (p->tensor && p->offset && p->square)
        return 0;
    tr_params_release(p);
    return tr_err_set(err, TR_ENOMEM, "out of memory for %zu parameters", max_n);
}

/* Entries of array `which` before those of parameter i (i = n: all).  Where an entry stands
 * for a block, every parameter before has begun one block more than are full. */
static int64_t state_at(const struct tr_params *p, int which, size_t i)
{
    int64_t per = p->optim->state[which].per, at = i < p->n ? p->offset[i] : p->count;
    return per == 1 ? at : at / per + (int64_t)i;
}

static int64_t state_bytes(const struct tr_params *p, int which)
{
    return state_at(p, which, p->n) * p->optim->state[which].dtype->bytes;
}

int64_t tr_params_state_bytes(const struct tr_params *p)
{
    int64_t sum = 0;
    for (int i = 0; i < p->optim->n_state; i++)
        sum += state_bytes(p, i);
    return sum;
}

void *tr_params_state(const struct tr_params *p, int which, size_t i)
{
    return (char *)p->state[which] +
           state_at(p, which, i) * p->optim->state[which].dtype->bytes;
}

int64_t tr_params_state_count(const struct tr_params *p, int which, size_t i)
{
    int64_t per = p->optim->state[which].per;
    return (tr_tensor_count(p->tensor[i]) + per - 1) / per;
}

void tr_params_release(struct tr_params *p)
{
    unmap_array(p->value, type_bytes(p, &tr_f32));
    unmap_array(p->packed, type_bytes(p, &tr_bf16));
    unmap_array(p->grad, p->grad ? tr_params_grad_bytes(p) : 0);
    for (int i = 0; p->optim && i < p->optim->n_state; i++)
        unmap_array(p->state[i], state_bytes(p, i));
    free(p->tensor);
    free(p->offset);
    free(p->square);
    *p = (struct tr_params){0};
}

void tr_params_add(struct tr_params *p, struct tr_tensor *t)
{
    if (p->n == p->max_n || p->value)
        tr_fatal("params: no room for '%s'", t->name ? t->name : "?");
    p->offset[p->n] = p->count;
    t->index = (int64_t)p->n;
    p->tensor[p->n++] = t;
    t->dtype = p->bf16 && t->n_dim > 1 ? &tr_bf16 : &tr_f32;
    t->needs_grad = 1;
    p->count += rounded(tr_tensor_count(t));
}

int tr_params_allocate(struct tr_params *p, struct tr_err *err)
{
    p->value = map_array(type_bytes(p, &tr_f32));
    p->packed = map_array(type_bytes(p, &tr_bf16));
    p->grad = map_array(tr_params_grad_bytes(p));
    int ok = p->value && p->packed && p->grad;
    for (int i = 0; i < p->optim->n_state; i++)
        ok = ok && (p->state[i] = map_array(state_bytes(p, i)));
    if (!ok)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %lld parameters",
                          (long long)p->count);
    float *value = p->value;
    uint16_t *packed = p->packed;
    for (size_t i = 0; i < p->n; i++) {
        struct tr_tensor *t = p->tensor[i];
        int64_t room = rounded(tr_tensor_count(t));
        t->data = t->dtype == &tr_f32 ? (void *)value : packed;
        if (t->dtype == &tr_f32)
            value += room;
        else
            packed += room;
    }
    tr_params_hide_grads(p, 0);
    return 0;
}

/* ---- gradients -------------------------------------------------------------------- */

static int keeps_grad(const struct tr_params *p, size_t i)
{
    return !p->grads_in_step || p->tensor[i]->shared;
}

static int64_t grad_count(const struct tr_params *p)
{
    int64_t count = 0;
    for (size_t i = 0; i < p->n; i++)
        count += keeps_grad(p, i) ? rounded(tr_tensor_count(p->tensor[i])) : 0;
    return count;
}

int64_t tr_params_grad_bytes(const struct tr_params *p)
{
    return grad_count(p) * (int64_t)sizeof *p->grad;
}

void tr_params_hide_grads(struct tr_params *p, int hide)
{
    float *at = p->grad;
    for (size_t i = 0; i < p->n; i++)
        if (keeps_grad(p, i)) {
            p->tensor[i]->grad = hide ? NULL : at;
            at += rounded(tr_tensor_count(p->tensor[i]));
        }
}

void tr_params_empty_grads(struct tr_params *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct tr_tensor *t = p->tensor[i];
        if (t->grad_early)
            tr_fatal("params: gradients are emptied between forward and backward, and what "
                     "forward added to '%s' would be lost: empty them before the forward pass",
                     t->name ? t->name : "?");
        p->tensor[i]->grad_empty = 1;
    }
}

void tr_params_settle_grads(struct tr_params *p)
{
    for (size_t i = 0; i < p->n; i++)
        tr_tensor_settle_grad(p->tensor[i]);
}

static double sum_of_squares(const float *v, int64_t n)
{
    double sum[8] = {0}, total = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            sum[j] += (double)v[i + j] * (double)v[i + j];
    for (; i < n; i++)
        sum[0] += (double)v[i] * (double)v[i];
    for (int j = 0; j < 8; j++)
        total += sum[j];
    return total;
}

/* Sum over fixed pieces in fixed order: the same bits for any number of threads. */
static double array_sum_of_squares(const float *v, int64_t n)
{
    enum { SLAB = 1 << 14, GROUP = 64 };
    double total = 0;
    for (int64_t i = 0; i < n; i += SLAB * GROUP) {
        double part[GROUP] = {0};
#pragma omp parallel for schedule(static) if (n > SLAB)
        for (int j = 0; j < GROUP; j++) {
            int64_t at = i + (int64_t)j * SLAB;
            if (at < n)
                part[j] = sum_of_squares(v + at, n - at < SLAB ? n - at : SLAB);
        }
        for (int j = 0; j < GROUP; j++)
            total += part[j];
    }
    return total;
}

/* Of the gradient of theta, which is x times that of x = -exp(theta). */
static double theta_sum_of_squares(const struct tr_tensor *t)
{
    const float *x = t->data;
    double sum = 0;
    for (int64_t i = 0; i < tr_tensor_count(t); i++)
        sum += pow((double)x[i] * (double)t->grad[i], 2);
    return sum;
}

double tr_params_note_grad(struct tr_params *p, size_t i)
{
    const struct tr_tensor *t = p->tensor[i];
    p->square[i] = t->minus_exp ? theta_sum_of_squares(t)
                                : array_sum_of_squares(t->grad, tr_tensor_count(t));
    return p->square[i];
}

double tr_params_noted_norm(const struct tr_params *p)
{
    double sum = 0;
    for (size_t i = 0; i < p->n; i++)
        sum += p->square[i];
    return sqrt(sum);
}

void tr_params_note_grads(struct tr_params *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (keeps_grad(p, i))
            tr_params_note_grad(p, i);
}

double tr_params_grad_norm(struct tr_params *p)
{
    tr_params_note_grads(p);
    return tr_params_noted_norm(p);
}

int tr_params_finite(const struct tr_params *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct tr_tensor *t = p->tensor[i];
        int64_t n = tr_tensor_count(t);
        int finite = 1;
#pragma omp parallel for schedule(static) reduction(&& : finite) if (n > PIECE)
        for (int64_t at = 0; at < n; at += PIECE)
            finite = finite && t->dtype->finite((const char *)t->data + at * t->dtype->bytes,
                                                n - at < PIECE ? n - at : PIECE);
        if (!finite)
            return 0;
    }
    return 1;
}

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

/* Numbers at and behind `at` of parameter i; up to SOME if they are BF16 or have a theta. */
static void update_some(const struct tr_params *p, size_t i, int64_t at, int64_t n,
                         struct tr_optim_step s)
{
    void *state[TR_OPTIM_MAX_STATE] = { NULL };
    for (int j = 0; j < p->optim->n_state; j++) {
        const struct tr_optim_state *kind = &p->optim->state[j];
        state[j] = (char *)tr_params_state(p, j, i) + at / kind->per * kind->dtype->bytes;
    }
    s.first = (uint32_t)(p->offset[i] + at);
    const struct tr_tensor *t = p->tensor[i];
    if (t->minus_exp) {
        step_theta(p->optim, &s, n, (float *)t->data + at, t->grad + at, state);
        return;
    }
    if (t->dtype == &tr_f32) {
        p->optim->step(&s, n, (float *)t->data + at, t->grad + at, state);
        return;
    }
    float x[SOME];
    uint16_t *w = (uint16_t *)t->data + at;
    t->dtype->to_f32(w, x, n);
    p->optim->step(&s, n, x, t->grad + at, state);
    round_at_random(x, n, ~s.key /* the optimizer uses the other */, s.first, w);
}

static void update_piece(const struct tr_params *p, size_t i, int64_t at, int64_t n,
                         struct tr_optim_step s)
{
    const struct tr_tensor *t = p->tensor[i];
    int64_t step = t->dtype == &tr_f32 && !t->minus_exp ? n : SOME;
    for (int64_t k = 0; k < n; k += step)
        update_some(p, i, at + k, n - k < step ? n - k : step, s);
}

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
#pragma omp parallel for schedule(static) if (n > PIECE)
    for (int64_t at = 0; at < n; at += PIECE)
        update_piece(p, i, at, n - at < PIECE ? n - at : PIECE, s);
}

void tr_params_update(struct tr_params *p, const struct tr_optim_step *step)
{
    for (size_t i = 0; i < p->n; i++)
        tr_params_update_one(p, i, step);
}
