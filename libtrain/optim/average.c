/* SPDX-License-Identifier: MIT
 *
 * A moving average of what is trained: of a noisy end it is the middle (Polyak, Juditsky 1992;
 * with exponential weights as in Tarvainen, Valpola 2017, "Mean teacher").  It lies in an array
 * of the same layout, and the tensors can look there.
 */
#include <libtrain/optim/optim.h>

#include <string.h>

enum { PIECE = 1 << 13 };

static int64_t bytes_of(const struct tr_params *p, size_t i)
{
    return tr_tensor_count(p->tensor[i]) * (int64_t)sizeof(float);
}

float *tr_params_average_of(const struct tr_params *p, size_t i)
{
    return p->average ? p->average + p->offset[i] : NULL;
}

float *tr_params_value_of(const struct tr_params *p, size_t i)
{
    return p->average ? p->value + p->offset[i] : p->tensor[i]->data;
}

void tr_params_begin_average(struct tr_params *p)
{
    for (size_t i = 0; p->average && i < p->n; i++)
        memcpy(tr_params_average_of(p, i), tr_params_value_of(p, i), (size_t)bytes_of(p, i));
}

void tr_params_move_average(struct tr_params *p, double decay)
{
    float share = (float)(1 - decay);
    int64_t n = p->average ? p->count : 0;
#pragma omp parallel for schedule(static) if (n > PIECE)
    for (int64_t at = 0; at < n; at += PIECE) {
        float *a = p->average + at;
        const float *v = p->value + at;
        int64_t some = n - at < PIECE ? n - at : PIECE;
#pragma omp simd
        for (int64_t i = 0; i < some; i++)
            a[i] += share * (v[i] - a[i]);
    }
}

void tr_params_use_average(struct tr_params *p, int use)
{
    for (size_t i = 0; p->average && i < p->n; i++)
        p->tensor[i]->data = use ? tr_params_average_of(p, i) : tr_params_value_of(p, i);
}
