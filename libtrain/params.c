/* SPDX-License-Identifier: MIT */
#include <libtrain/params.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ROUND = 16 }; /* keeps every parameter on a cache line of its own */

static float *map_array(int64_t count)
{
    void *p = mmap(NULL, (size_t)count * sizeof(float), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void unmap_array(float *p, int64_t count)
{
    if (p)
        munmap(p, (size_t)count * sizeof(float));
}

int tr_params_init(struct tr_params *p, size_t max_n, int n_moment, struct tr_err *err)
{
    *p = (struct tr_params){ .max_n = max_n, .n_moment = n_moment };
    p->tensor = calloc(max_n + 1, sizeof *p->tensor);
    p->offset = calloc(max_n + 1, sizeof *p->offset);
    if (p->tensor && p->offset)
        return 0;
    tr_params_release(p);
    return tr_err_set(err, TR_ENOMEM, "out of memory for %zu parameters", max_n);
}

void tr_params_release(struct tr_params *p)
{
    unmap_array(p->value, p->count);
    unmap_array(p->grad, p->count);
    for (int i = 0; i < 2; i++)
        unmap_array(p->moment[i], p->count);
    free(p->tensor);
    free(p->offset);
    *p = (struct tr_params){0};
}

void tr_params_add(struct tr_params *p, struct tr_tensor *t)
{
    if (p->n == p->max_n || p->value)
        tr_fatal("params: no room for '%s'", t->name ? t->name : "?");
    p->offset[p->n] = p->count;
    p->tensor[p->n++] = t;
    t->dtype = &tr_f32;
    t->needs_grad = 1;
    p->count += (tr_tensor_count(t) + ROUND - 1) / ROUND * ROUND;
}

int tr_params_allocate(struct tr_params *p, struct tr_err *err)
{
    p->value = map_array(p->count);
    p->grad = map_array(p->count);
    int ok = p->value && p->grad;
    for (int i = 0; i < p->n_moment; i++)
        ok = ok && (p->moment[i] = map_array(p->count));
    if (!ok)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %lld parameters",
                          (long long)p->count);
    for (size_t i = 0; i < p->n; i++) {
        p->tensor[i]->data = p->value + p->offset[i];
        p->tensor[i]->grad = p->grad + p->offset[i];
    }
    return 0;
}

void tr_params_zero_grad(struct tr_params *p)
{
    enum { PIECE = 1 << 16 };
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->count; i += PIECE)
        memset(p->grad + i, 0,
               (size_t)(p->count - i < PIECE ? p->count - i : PIECE) * sizeof *p->grad);
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
    enum { PIECE = 1 << 14, GROUP = 64 };
    double total = 0;
    for (int64_t i = 0; i < n; i += PIECE * GROUP) {
        double part[GROUP] = {0};
#pragma omp parallel for schedule(static)
        for (int j = 0; j < GROUP; j++) {
            int64_t at = i + (int64_t)j * PIECE;
            if (at < n)
                part[j] = sum_of_squares(v + at, n - at < PIECE ? n - at : PIECE);
        }
        for (int j = 0; j < GROUP; j++)
            total += part[j];
    }
    return total;
}

double tr_params_grad_norm(const struct tr_params *p)
{
    return sqrt(array_sum_of_squares(p->grad, p->count));
}

int tr_params_finite(const struct tr_params *p)
{
    return isfinite(array_sum_of_squares(p->value, p->count));
}

void tr_params_update(struct tr_params *p, const struct tr_optim *optim,
                      const struct tr_optim_step *step)
{
    for (size_t i = 0; i < p->n; i++) {
        struct tr_optim_step s = *step;
        int64_t at = p->offset[i];
        if (p->tensor[i]->n_dim < 2)
            s.weight_decay = 0;
        optim->step(&s, tr_tensor_count(p->tensor[i]), p->value + at, p->grad + at,
                    p->moment[0] ? p->moment[0] + at : NULL,
                    p->moment[1] ? p->moment[1] + at : NULL);
    }
}
