/* SPDX-License-Identifier: MIT
 *
 * AdamW with moments of eight bits (after Dettmers et al. 2021, "8-bit optimizers via
 * block-wise quantization").  Of every block of 256 numbers the largest |m| and v are kept as
 * f32; the moments are
 *
 *     m = m_max * q |q| / 127^2      q from -127 to 127
 *     v = v_max * (q / 255)^8        q from 0 to 255
 *
 * so codes lie closer where numbers are small.  Two codes of v at a hundredth of the largest
 * are 6 % apart, at a millionth 18 %: the root of v divides, so that small ones must be
 * right too.  Rounding is stochastic, up or down with such
 * probabilities that the mean is the number: rounding to nearest would undo every change
 * below half a step, and v changes by 1 - beta2 at a time.  A v above 0 never becomes 0.
 */
#include <libtrain/optim/optim.h>
#include <libtrain/rng.h>

#include <float.h>
#include <math.h>

enum { BLOCK = TR_OPTIM_BLOCK };

struct factors { /* of one update, in the notation of adamw.c */
    float beta1, fresh1, beta2, fresh2, rate, root2, keep, eps, scale;
};

static struct factors factors_of(const struct tr_optim_step *s)
{
    double b1 = s->option[TR__BETA1], b2 = s->option[TR__BETA2];
    return (struct factors){
        .beta1 = (float)b1,
        .fresh1 = (float)(1 - b1),
        .beta2 = (float)b2,
        .fresh2 = (float)(1 - b2),
        .rate = (float)(s->lr / (1 - pow(b1, (double)s->t))),
        .root2 = (float)(1 / sqrt(1 - pow(b2, (double)s->t))),
        .keep = (float)(1 - s->lr * s->weight_decay),
        .eps = (float)s->option[TR__EPS],
        .scale = (float)s->grad_scale,
    };
}

/* The loops below must be vectorised, or they take ten times as long: no branches, and no
 * fminf, which would look for NaN. */
static inline float least(float a, float b)
{
    return a < b ? a : b;
}

/* q or q + 1, of which the powers are `low` and `high`, for x between them; u in [0, 1). */
static inline float round_up(float q, float low, float high, float x, float u)
{
    return q + (float)(x - low > u * (high - low));
}

/* x in [0, 1], or above by a rounding, to q in 0 … 127 with mean (q / 127)^2 = x. */
static inline float encode_m(float x, float u)
{
    float q = least((float)(int32_t)(127 * sqrtf(x)), 126);
    return round_up(q, q * q, (q + 1) * (q + 1), 127.0f * 127.0f * x, u);
}

static inline float pow8(float q)
{
    float q2 = q * q, q4 = q2 * q2;
    return q4 * q4;
}

/* x in [0, 1], or above by a rounding, to q in 0 … 255 with mean (q / 255)^8 = x; above 0
 * for x above 0. */
static inline float encode_v(float x, float u)
{
    float q = least((float)(int32_t)(255 * sqrtf(sqrtf(sqrtf(x)))), 254);
    q = round_up(q, pow8(q), pow8(q + 1), pow8(255) * x, u);
    return q + (float)((x > 0) & (q < 1));
}

/* n is at most BLOCK; a multiple of the vector except at the end of a tensor. */
static void step_block(const struct factors *f, int n, uint32_t key, uint32_t first,
                       float *restrict param, const float *restrict grad,
                       int8_t *restrict qm, float *m_max, uint8_t *restrict qv,
                       float *v_max)
{
    float m[BLOCK], v[BLOCK], top_m = 0, top_v = 0;
    float unit_m = *m_max / (127.0f * 127.0f);
    float unit_v = *v_max / pow8(255);
#pragma omp simd reduction(max : top_m, top_v)
    for (int i = 0; i < n; i++) {
        float g = grad[i] * f->scale, cm = (float)qm[i], cv = (float)qv[i];
        m[i] = f->beta1 * (unit_m * cm * fabsf(cm)) + f->fresh1 * g;
        v[i] = f->beta2 * (unit_v * pow8(cv)) + f->fresh2 * g * g;
        param[i] = param[i] * f->keep - f->rate * m[i] / (sqrtf(v[i]) * f->root2 + f->eps);
        top_m = fabsf(m[i]) > top_m ? fabsf(m[i]) : top_m;
        top_v = v[i] > top_v ? v[i] : top_v;
    }
    /* of what is subnormal the inverse may be infinite: it counts as 0 */
    float to_m = top_m >= FLT_MIN ? 1 / top_m : 0, to_v = top_v >= FLT_MIN ? 1 / top_v : 0;
    *m_max = top_m;
    *v_max = top_v;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        uint32_t random = tr_hash32(key, first + (uint32_t)i);
        float low = (float)(int32_t)(random & 0xffff) * 0x1p-16f;
        float high = (float)(int32_t)(random >> 16) * 0x1p-16f;
        float q = encode_m(fabsf(m[i]) * to_m, low);
        qm[i] = (int8_t)(int32_t)copysignf(q, m[i]);
        qv[i] = (uint8_t)(int32_t)encode_v(v[i] * to_v, high);
    }
}

static void adamw8_step(const struct tr_optim_step *s, int64_t n, float *param,
                        const float *grad, void *const *state)
{
    struct factors f = factors_of(s);
    int8_t *qm = state[0];
    uint8_t *qv = state[2];
    float *m_max = state[1], *v_max = state[3];
    for (int64_t i = 0, b = 0; i < n; i += BLOCK, b++)
        step_block(&f, n - i < BLOCK ? (int)(n - i) : BLOCK, s->key,
                   s->first + (uint32_t)i, param + i, grad + i, qm + i, m_max + b, qv + i,
                   v_max + b);
}

const struct tr_optim tr__optim_adamw8 = {
    .name = "adamw8",
    .option = tr__adam_options,
    .n_state = 4,
    .state = { { ".m", &tr_i8, 1, 0 },
               { ".m_max", &tr_f32, BLOCK, 1 },
               { ".v", &tr_i8, 1, 0 },
               { ".v_max", &tr_f32, BLOCK, 1 } },
    .step = adamw8_step,
};
