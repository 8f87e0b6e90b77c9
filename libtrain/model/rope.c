/* SPDX-License-Identifier: MIT
 *
 * Frequencies of rotary position embedding: docs/maths/rope.md.  They are made once for a
 * model and a context, in f64, and rounded, as PyTorch and llama.cpp hold them in f32.
 * ops/rope.c turns by them.
 */
#include <libtrain/model/model.h>

#include <math.h>

static const double two_pi = 6.283185307179586;

/* Pairs up to `low` keep their frequency under yarn, from `high` on they are divided. */
struct ramp {
    double low, high;
};

/* The number, not always whole, of the pair that turns `times` times in the original
 * context. */
static double pair_turning(double times, int n_rot, double base,
                           const struct tr_rope_scaling *s)
{
    double wavelength = (double)s->n_ctx_orig / times;
    return n_rot * log(wavelength / two_pi) / (2 * log(base));
}

static struct ramp make_ramp(int n_rot, double base, const struct tr_rope_scaling *s)
{
    double low = pair_turning((double)s->beta_fast, n_rot, base, s);
    double high = pair_turning((double)s->beta_slow, n_rot, base, s);
    if (!s->no_truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0);
    high = fmin(high, n_rot - 1);
    return (struct ramp){ low, fmax(high, low + 0.001) };
}

/* The share of pair i that keeps its frequency. */
static double kept(const struct ramp *r, int i)
{
    return 1 - fmin(fmax((i - r->low) / (r->high - r->low), 0), 1);
}

static double yarn_magnitude(double factor, double multiplier)
{
    return factor <= 1 ? 1 : 1 + 0.1 * multiplier * log(factor);
}

/* Longer contexts spread attention over more keys, so scores grow. */
static double yarn_attention(const struct tr_rope_scaling *s, double factor)
{
    if (s->yarn_attn_factor != 0)
        return (double)s->yarn_attn_factor;
    return yarn_magnitude(factor, 1) / yarn_magnitude(factor, (double)s->log_multiplier);
}

static double longrope_attention(const struct tr_rope_scaling *s)
{
    double before = (double)s->n_ctx_orig, ratio = (double)s->n_ctx_train / before;
    return ratio > 1 && before > 1 ? sqrt(1 + log(ratio) / log(before)) : 1;
}

static double attention_factor(const struct tr_rope_scaling *s, double factor)
{
    double given = s->attn_factor == 0 ? 1 : (double)s->attn_factor;
    if (s->ext_factor != 0)
        return given * yarn_attention(s, factor);
    if (s->factors_long && s->attn_factor == 0)
        return longrope_attention(s);
    return given;
}

float tr__rope_freq(float *freq, int n_rot, float base, const struct tr_rope_scaling *s,
                    int64_t n_ctx)
{
    int is_long = s->factors_long && n_ctx > s->n_ctx_orig;
    const float *own = is_long ? s->factors_long : s->factors;
    double factor = s->factor == 0 ? 1 : (double)s->factor;
    struct ramp ramp = { 0, 0 };
    if (s->ext_factor != 0)
        ramp = make_ramp(n_rot, (double)base, s);
    for (int i = 0; i < n_rot / 2; i++) {
        double f = pow((double)base, -2.0 * i / n_rot);
        if (own)
            f /= (double)own[i];
        double keep = s->ext_factor != 0 ? (double)s->ext_factor * kept(&ramp, i) : 0;
        freq[i] = (float)(f / factor * (1 - keep) + f * keep);
    }
    return (float)attention_factor(s, factor);
}
