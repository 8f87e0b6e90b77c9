/* SPDX-License-Identifier: MIT
 *
 * Rotary position embedding; derivation in docs/maths/rope.md.  The gradient is the same
 * rotation the other way round, and the same scale, so forward and backward share one loop.
 */
#include <libtrain/ops/ops.h>

#include <math.h>
#include <string.h>

struct rope_args {
    struct tr_rope rope;
    const int32_t *pos;
};

/* Pairs whose angles are held at once. */
enum { N_PAIR = 64 };

/* Sine and cosine, right to the last place of f32 for |x| < 2^31.  x = n pi/2 + r with
 * |r| <= pi/4, Taylor series of r (error below 1e-11), quadrant from the low bits of n,
 * which adding 1.5 * 2^52 leaves in the significand.  libm's would not be vector code. */
static inline void sin_cos(double x, float *sine, float *cosine)
{
    const double round = 6755399441055744.0;
    double t = x * 0.63661977236758134 + round, n = t - round;
    double r = x - n * 1.5707963267948966 - n * 6.123233995736766e-17, u = r * r;
    double s = r + r * u * (-1.0 / 6 + u * (1.0 / 120 + u * (-1.0 / 5040 +
                   u * (1.0 / 362880 + u * (-1.0 / 39916800)))));
    double c = 1 + u * (-1.0 / 2 + u * (1.0 / 24 + u * (-1.0 / 720 +
                   u * (1.0 / 40320 + u * (-1.0 / 3628800 + u * (1.0 / 479001600))))));
    int64_t quadrant;
    memcpy(&quadrant, &t, sizeof quadrant);
    double ys = quadrant & 1 ? c : s, yc = quadrant & 1 ? s : c;
    *sine = (float)(quadrant & 2 ? -ys : ys);
    *cosine = (float)((quadrant + 1) & 2 ? -yc : yc);
}

/* Angle per position of each pair.  The references hold frequencies and angles in f32. */
static const float *frequencies(const struct tr_rope *rope, struct tr_arena *scratch)
{
    if (rope->freq)
        return rope->freq;
    float *freq = tr_arena_array(scratch, (size_t)rope->n_rot / 2, sizeof *freq);
    for (int i = 0; i < rope->n_rot / 2; i++) {
        double f = pow((double)rope->freq_base, -2.0 * i / rope->n_rot);
        if (rope->factors)
            f /= (double)rope->factors[i];
        freq[i] = (float)(f * (double)rope->freq_scale);
    }
    return freq;
}

/* Turn n pairs of one head; `a` points at the first number of the first pair, the second
 * is `apart` behind it, the next pair `step` behind this one. */
static void turn(float *a, int64_t step, int64_t apart, const float *sine,
                 const float *cosine, int n)
{
    float *b = a + apart;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        float first = a[i * step], second = b[i * step];
        a[i * step] = first * cosine[i] - second * sine[i];
        b[i * step] = first * sine[i] + second * cosine[i];
    }
}

/* All heads of one row, by +angle or -angle. */
static void turn_row(float *row, int64_t cols, const struct tr_rope *rope, float position,
                     const float *freq, float direction)
{
    int half = rope->n_rot / 2;
    float scale = rope->scale == 0 ? 1 : rope->scale;
    for (int i0 = 0; i0 < half; i0 += N_PAIR) {
        float sine[N_PAIR], cosine[N_PAIR];
        int n = half - i0 < N_PAIR ? half - i0 : N_PAIR;
#pragma omp simd
        for (int i = 0; i < n; i++) {
            float angle = position * freq[i0 + i];
            sin_cos((double)angle, &sine[i], &cosine[i]);
            sine[i] *= direction * scale;
            cosine[i] *= scale;
        }
        for (float *head = row; head < row + cols; head += rope->head_dim) {
            if (rope->neox)
                turn(head + i0, 1, half, sine, cosine, n);
            else
                turn(head + 2 * i0, 2, 1, sine, cosine, n);
        }
    }
}

static void turn_rows(const struct tr_node *nd, float *numbers, float direction)
{
    const struct rope_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->out), cols = tr_tensor_cols(nd->out), ld = nd->out->ld;
    size_t mark = tr_arena_mark(nd->scratch);
    const float *freq = frequencies(&args->rope, nd->scratch);
#pragma omp parallel for schedule(static) if (n > 1)
    for (int64_t i = 0; i < n; i++)
        turn_row(numbers + i * ld, cols, &args->rope, (float)args->pos[i], freq, direction);
    tr_arena_rewind(nd->scratch, mark);
}

static void rope_forward(struct tr_node *nd)
{
    turn_rows(nd, nd->out->data, 1);
}

static void rope_backward(struct tr_node *nd)
{
    turn_rows(nd, nd->out->grad, -1);
}

static size_t rope_scratch(const struct tr_node *nd, int backward)
{
    (void)backward;
    const struct rope_args *args = nd->args;
    return args->rope.freq ? 0 : (size_t)args->rope.n_rot / 2 * sizeof(float);
}

const struct tr_op tr__op_rope = {
    .name = "rope",
    .forward = rope_forward,
    .backward = rope_backward,
    .scratch = rope_scratch,
};

struct tr_tensor *tr_rope(struct tr_tape *tp, struct tr_tensor *x, const int32_t *pos,
                          const struct tr_rope *opt)
{
    const struct tr_op *op = &tr__op_rope;
    int64_t n = tr_tensor_rows(x), cols = tr_tensor_cols(x);
    tr_op_require(tp, opt->head_dim > 0 && cols % opt->head_dim == 0, op, x, x);
    tr_op_require(tp, opt->n_rot > 0 && opt->n_rot % 2 == 0 && opt->n_rot <= opt->head_dim,
                  op, x, x);
    struct rope_args args = { *opt, pos };
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                                .in = { x },
                                                .out = tr_op_alias(tp, x, 0, n, cols),
                                                .args = &args,
                                                .args_bytes = sizeof args });
}
