/* SPDX-License-Identifier: MIT
 *
 * The frequencies that rope turns by, made for a model in a context: from the config, from
 * factors that the model stores as tensors, and from what a user wants instead.  rope.c has
 * the formulas.
 */
#include <libtrain/model/model.h>

#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum { FULL, N_KIND = 2 }; /* as in tr_config.rope */

/* Angles are divided by them, and one that is no number spoils every position. */
static int check_factors(const struct tr_model *m, enum tr_slot_id id, struct tr_err *err)
{
    const struct tr_tensor *t = &tr__weight(m, 0, id)->t;
    const float *factors = t->data;
    for (int64_t i = 0; factors && i < t->dim[0]; i++)
        if (!isfinite(factors[i]) || factors[i] == 0)
            return tr_err_set(err, TR_EFORMAT, "%s: tensor '%s': number %d is %g",
                              tr_gguf_path(m->g), t->name, (int)i, (double)factors[i]);
    return 0;
}

static int use_factors(struct tr_model *m, int kind, struct tr_err *err)
{
    int n_rot = m->config.rope[kind].n_rot;
    struct tr_rope_scaling *s = &m->config.scaling[kind];
    const struct tr_tensor *t = &tr__weight(m, 0, TR_ROPE_FREQS)->t;
    if (!n_rot || (kind != FULL && m->arch->window_rope_plain))
        return 0;
    if (!t->data) {
        t = &tr__weight(m, 0, TR_ROPE_FACTORS_SHORT)->t;
        s->factors_long = tr__weight(m, 0, TR_ROPE_FACTORS_LONG)->t.data;
    }
    s->factors = t->data;
    if (t->data && t->dim[0] != n_rot / 2)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "%s: tensor '%s' is for %lld pairs, some blocks have %d",
                          tr_gguf_path(m->g), t->name, (long long)t->dim[0], n_rot / 2);
    return 0;
}

int tr__rope_init(struct tr_model *m, struct tr_err *err)
{
    int rc = check_factors(m, TR_ROPE_FREQS, err);
    if (!rc)
        rc = check_factors(m, TR_ROPE_FACTORS_LONG, err);
    if (!rc)
        rc = check_factors(m, TR_ROPE_FACTORS_SHORT, err);
    for (int i = 0; !rc && i < N_KIND; i++)
        rc = use_factors(m, i, err);
    for (int i = 0; !rc && i < N_KIND; i++) {
        m->freq[i] = calloc((size_t)m->config.rope[i].n_rot / 2 + 1, sizeof(float));
        if (!m->freq[i])
            rc = tr_err_set(err, TR_ENOMEM, "%s: out of memory for frequencies",
                            tr_gguf_path(m->g));
    }
    if (rc)
        return rc;
    m->n_ctx = m->n_ctx_file = m->config.n_ctx;
    tr__rope_update(m);
    return 0;
}

void tr__rope_free(struct tr_model *m)
{
    for (int i = 0; i < N_KIND; i++)
        free(m->freq[i]);
}

void tr__rope_update(struct tr_model *m)
{
    for (int i = 0; i < N_KIND; i++) {
        struct tr_rope *rope = &m->config.rope[i];
        struct tr_rope_scaling s = m->config.scaling[i];
        float base = rope->freq_base;
        if (i == FULL && m->rope_base > 0)
            base = (float)m->rope_base;
        if (i == FULL && m->rope_scale > 0)
            s.factor = (float)(1 / m->rope_scale);
        if (!rope->n_rot)
            continue;
        rope->scale = tr__rope_freq(m->freq[i], rope->n_rot, base, &s, m->n_ctx);
        rope->freq = m->freq[i];
    }
}

void tr_model_set_context(struct tr_model *m, int64_t n_ctx)
{
    m->n_ctx = n_ctx;
    tr__rope_update(m);
}

/* ---- other frequencies ------------------------------------------------------------ */

static int turns(const struct tr_model *m)
{
    for (int64_t i = 0; i < m->config.n_layer; i++)
        if (m->config.layer[i].rope == &m->config.rope[FULL])
            return 1;
    return 0;
}

/* The slowest pair tells how far apart positions can be that a model has seen. */
static int64_t longer(const struct tr_model *m, double slowest_before)
{
    double slowest = (double)m->freq[FULL][m->config.rope[FULL].n_rot / 2 - 1];
    double n = (double)m->n_ctx_file * (slowest_before / slowest);
    if (!(n > (double)m->n_ctx_file))
        return m->n_ctx_file;
    return n < INT_MAX ? (int64_t)n : INT_MAX;
}

static void set(struct tr_model *m, double base, double scale)
{
    m->rope_base = base;
    m->rope_scale = scale;
    tr__rope_update(m);
}

int tr_model_set_rope(struct tr_model *m, double base, double scale, struct tr_err *err)
{
    if (!(base >= 0 && base <= 1e30) || !(scale >= 0 && scale <= 1e6))
        return tr_err_set(err, TR_EINVAL,
                          "%s: rope cannot have the base %g and the scale %g",
                          tr_gguf_path(m->g), base, scale);
    if (!turns(m))
        return base > 0 || scale > 0
                   ? tr_err_set(err, TR_EUNSUPPORTED,
                                "%s: no block that sees all positions has rope, so base "
                                "and scale would change nothing", tr_gguf_path(m->g))
                   : 0;
    set(m, 0, 0);
    double slowest = (double)m->freq[FULL][m->config.rope[FULL].n_rot / 2 - 1];
    set(m, base, scale);
    m->config.n_ctx = longer(m, slowest);
    return 0;
}

void tr_model_rope(const struct tr_model *m, double *base, double *scale)
{
    *base = m->rope_base;
    *scale = m->rope_scale;
}

int tr_model_set_norm_eps(struct tr_model *m, double eps, struct tr_err *err)
{
    if (!(eps >= 0 && eps <= 1))
        return tr_err_set(err, TR_EINVAL, "%s: norms cannot have the epsilon %g",
                          tr_gguf_path(m->g), eps);
    if (!(m->norm_eps > 0))
        m->norm_eps_file = m->config.norm_eps;
    m->norm_eps = eps;
    m->config.norm_eps = eps > 0 ? (float)eps : m->norm_eps_file;
    return 0;
}

double tr_model_norm_eps(const struct tr_model *m)
{
    return m->norm_eps;
}
