/* SPDX-License-Identifier: MIT
 *
 * Factors of rope, which GGUF has as a tensor, as what config.json says.  Those of Llama 3
 * are computed from four numbers: these are found again, and proven by computing the factors
 * of them.  Next: factors.c.
 */
#include <libtrain/hf/archs/archs.h>

#include <math.h>
#include <string.h>

static const double pi2 = 2 * 3.14159265358979323846;

static int refuse(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                  struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': the factors of rope in '%s' are none "
                      "that a config.json can say", tr_gguf_path(out->g), t->name);
}

/* rope_parameters, for the blocks that see everything. */
static struct tr_json *rope_of(const struct tr__hf_out *out)
{
    return (struct tr_json *)(uintptr_t)tr__hf_rope_of(out->config);
}

static int put_text(struct tr_json *rope, const char *field, const char *text,
                    struct tr_err *err)
{
    return tr__hf_put(rope, field, tr_json_text(text, strlen(text)), err);
}

/* ---- llama3 ----------------------------------------------------------------------- */

static double number(const struct tr_json *rope, const char *field, double otherwise)
{
    const struct tr_json *v = tr_json_get(rope, field);
    return v ? tr_json_real(v) : otherwise;
}

/* Llama 3: short waves as they are, long ones `factor` times as long, between them what
 * lies between. */
float tr__hf_llama3_factor(const struct tr_json *rope, float freq)
{
    const double factor = number(rope, "factor", 8);
    const double low = number(rope, "low_freq_factor", 1);
    const double high = number(rope, "high_freq_factor", 4);
    const double ctx = number(rope, "original_max_position_embeddings", 8192);
    float wave = 1 / freq * (float)(2 * 3.14159265358979323846);
    if (wave < (float)(ctx / high))
        return 1;
    if (wave > (float)(ctx / low))
        return (float)factor;
    float smooth = (1 / wave * (float)ctx - (float)low) / (float)(high - low);
    return 1 / ((1 - smooth) / (float)factor + smooth);
}

struct llama3 {
    double factor, low, high, ctx;
};

/* 1 for what is as good as the same: the tensor may have been computed elsewhere. */
static int is_it(const struct tr_json *rope, const float *want, int64_t n, double base)
{
    for (int64_t i = 0; i < n; i++) {
        float freq = 1 / powf((float)base, (float)(2 * i) / (float)(2 * n));
        float f = tr__hf_llama3_factor(rope, freq);
        if (!(fabsf(f - want[i]) <= 1e-5f * want[i]))
            return 0;
    }
    return 1;
}

/* 1 if these four numbers give the factors; they are in `rope` then. */
static int try(struct tr_json *rope, const struct llama3 *a, const float *want, int64_t n,
               double base, struct tr_err *err)
{
    int rc = tr__hf_put(rope, "factor", tr_json_number(a->factor), err);
    if (!rc)
        rc = tr__hf_put(rope, "low_freq_factor", tr_json_number(a->low), err);
    if (!rc)
        rc = tr__hf_put(rope, "high_freq_factor", tr_json_number(a->high), err);
    if (!rc)
        rc = tr__hf_put(rope, "original_max_position_embeddings",
                        tr_json_integer((int64_t)a->ctx), err);
    return rc ? rc : is_it(rope, want, n, base);
}

/* Between short and long waves, 1 / factor is a line over 1 / wave: its numbers, of the
 * first and the last that are there. */
static void fit(struct llama3 *a, const float *want, int64_t n, double base)
{
    double x[2] = { 0 }, y[2] = { 0 };
    int k = 0;
    for (int64_t i = 0; i < n; i++)
        if (want[i] > 1 && want[i] < (float)a->factor) {
            int at = k ? 1 : 0;
            x[at] = pow(base, -(double)i / (double)n) / pi2;
            y[at] = (1 / (double)want[i] - 1 / a->factor) / (1 - 1 / a->factor);
            k++;
        }
    double slope = k > 1 ? (y[0] - y[1]) / (x[0] - x[1]) : 0, at_0 = y[0] - slope * x[0];
    a->high = k > 1 && at_0 < 0 ? round(1 - 1 / at_0) : 4;
    a->ctx = k > 1 ? slope * (a->high - 1) : k ? (y[0] * (a->high - 1) + 1) / x[0] : 8192;
    a->ctx = isfinite(a->ctx) && a->ctx >= 1 && a->ctx < INT32_MAX ? round(a->ctx) : 8192;
}

static int search(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                  struct tr_json *rope, struct tr_err *err)
{
    const float *want = t->data;
    int64_t n = tr_gguf_count(t);
    const struct tr_json *theta = tr_json_get(rope, "rope_theta");
    double base = theta ? tr_json_real(theta) : 10000;
    struct llama3 a = { .factor = tr__hf_short(want[n - 1]), .low = 1 };
    if (!(a.factor > 1))
        return refuse(out, t, err);
    fit(&a, want, n, base);
    int found = try(rope, &a, want, n, base, err);
    for (a.ctx = 16; !found && a.ctx < INT32_MAX; a.ctx *= 2)
        found = try(rope, &a, want, n, base, err);
    return found > 0 ? 0 : found ? found : refuse(out, t, err);
}

int tr__hf_llama3_back(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                       struct tr_err *err)
{
    struct tr_json *rope = rope_of(out);
    if (t->dtype != &tr_f32 || !rope)
        return refuse(out, t, err);
    int rc = search(out, t, rope, err);
    return rc ? rc : put_text(rope, "rope_type", "llama3", err);
}

/* ---- lists ------------------------------------------------------------------------ */

static int put_list(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                    const char *field, struct tr_err *err)
{
    struct tr_json *rope = rope_of(out), *list = tr_json_array();
    const float *v = t->data;
    int rc = list ? 0 : -1;
    if (t->dtype != &tr_f32 || !rope) {
        tr_json_free(list);
        return refuse(out, t, err);
    }
    for (int64_t i = 0; !rc && i < tr_gguf_count(t); i++)
        rc = tr_json_append(list, tr_json_number(tr__hf_short(v[i])));
    if (rc) {
        tr_json_free(list);
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    }
    rc = tr__hf_put(rope, field, list, err);
    return rc ? rc : put_text(rope, "rope_type", "longrope", err);
}

int tr__hf_long_back(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                     struct tr_err *err)
{
    return put_list(out, t, "long_factor", err);
}

int tr__hf_short_back(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                      struct tr_err *err)
{
    return put_list(out, t, "short_factor", err);
}
