/* SPDX-License-Identifier: MIT
 *
 * Everything that is trained, as one flat array, so that norms, updates, sums over ranks and
 * saves are loops over numbers that know of no tensor.  Where matrices are BF16 there is a
 * second array for them.  Next: update.c.
 */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ROUND = 16,     /* keeps every parameter on a cache line of its own */
    PIECE = 1 << 13 /* numbers that one thread looks at at a time */
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
    int ok = p->tensor && p->offset && p->square;
    for (int i = 0; i < optim->n_state; i++)
        ok = (p->state_at[i] = calloc(max_n + 1, sizeof *p->state_at[i])) && ok;
    if (ok)
        return 0;
    tr_params_release(p);
    return tr_err_set(err, TR_ENOMEM, "out of memory for %zu parameters", max_n);
}

/* Entries of array `which` for parameter i. */
static int64_t entries(const struct tr_params *p, int which, size_t i)
{
    const struct tr_optim_state *s = &p->optim->state[which];
    if (s->of != TR_OPTIM_ALL && (s->of == TR_OPTIM_MATRICES) != tr__optim_by_matrix(p, i))
        return 0;
    struct tr_optim_shape z = tr__optim_shape(p, i);
    if (s->per < 0)
        return z.n * (s->per == TR_OPTIM_ROW ? z.rows : z.cols);
    return (tr_tensor_count(p->tensor[i]) + s->per - 1) / s->per;
}

static int64_t state_bytes(const struct tr_params *p, int which)
{
    return p->state_at[which][p->n] * p->optim->state[which].dtype->bytes;
}

static int64_t average_bytes(const struct tr_params *p)
{
    return p->averages ? p->count * (int64_t)sizeof *p->average : 0;
}

int64_t tr_params_state_bytes(const struct tr_params *p)
{
    int64_t sum = tr__optim_room(p) * (int64_t)sizeof *p->room + average_bytes(p);
    for (int i = 0; i < p->optim->n_state; i++)
        sum += state_bytes(p, i);
    return sum;
}

void *tr_params_state(const struct tr_params *p, int which, size_t i)
{
    int64_t at = p->state_at[which][i];
    return p->state_at[which][i + 1] == at
               ? NULL
               : (char *)p->state[which] + at * p->optim->state[which].dtype->bytes;
}

int64_t tr_params_state_count(const struct tr_params *p, int which, size_t i)
{
    return entries(p, which, i);
}

void tr_params_release(struct tr_params *p)
{
    unmap_array(p->value, type_bytes(p, &tr_f32));
    unmap_array(p->packed, type_bytes(p, &tr_bf16));
    unmap_array(p->grad, p->grad ? tr_params_grad_bytes(p) : 0);
    unmap_array(p->average, average_bytes(p));
    unmap_array(p->room, p->room ? tr__optim_room(p) * (int64_t)sizeof *p->room : 0);
    for (int i = 0; p->optim && i < p->optim->n_state; i++) {
        unmap_array(p->state[i], p->state[i] ? state_bytes(p, i) : 0);
        free(p->state_at[i]);
    }
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
    for (int k = 0; k < p->optim->n_state; k++)
        p->state_at[k][p->n] = p->state_at[k][p->n - 1] + rounded(entries(p, k, p->n - 1));
}

int tr_params_allocate(struct tr_params *p, struct tr_err *err)
{
    p->value = map_array(type_bytes(p, &tr_f32));
    p->packed = map_array(type_bytes(p, &tr_bf16));
    p->grad = map_array(tr_params_grad_bytes(p));
    p->room = map_array(tr__optim_room(p) * (int64_t)sizeof *p->room);
    p->average = p->averages ? map_array(average_bytes(p)) : NULL;
    int ok = p->value && p->packed && p->grad && p->room && (p->average || !p->averages);
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

static double dot(const float *a, const float *b, int64_t n)
{
    double sum[8] = {0}, total = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            sum[j] += (double)a[i + j] * (double)b[i + j];
    for (; i < n; i++)
        sum[0] += (double)a[i] * (double)b[i];
    for (int j = 0; j < 8; j++)
        total += sum[j];
    return total;
}

double tr__sum_of_squares(const float *v, int64_t n)
{
    return tr__dot(v, v, n);
}

double tr__dot(const float *a, const float *b, int64_t n)
{
    enum { SLAB = 1 << 14, GROUP = 64 };
    double total = 0;
    for (int64_t i = 0; i < n; i += SLAB * GROUP) {
        double part[GROUP] = {0};
#pragma omp parallel for schedule(static) if (n > SLAB)
        for (int j = 0; j < GROUP; j++) {
            int64_t at = i + (int64_t)j * SLAB;
            if (at < n)
                part[j] = dot(a + at, b + at, n - at < SLAB ? n - at : SLAB);
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
                                : tr__sum_of_squares(t->grad, tr_tensor_count(t));
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
