/* SPDX-License-Identifier: MIT
 *
 * How a file says that rope's frequencies are scaled.  What that means is in rope.c; the
 * factors per pair are tensors, which context.c finds.
 */
#include <libtrain/model/reader.h>

#include <limits.h>
#include <string.h>

/* What "rope.scaling.type" may be. */
static const struct kind {
    const char *name;
    int divides;      /* the factor divides frequencies */
    float ext_factor; /* of yarn, where no key says it */
} kinds[] = {
    { "linear", 1, 0 }, /* also where there is no type, says llama.cpp */
    { "none", 0, 0 },
    { "yarn", 1, 1 },
    { "longrope", 0, 0 }, /* its tensors say all */
};

static const struct kind *read_kind(struct tr__reader *r)
{
    struct tr_str type = { kinds[0].name, strlen(kinds[0].name) };
    int found = r->bad ? 0
                       : tr_gguf_string(r->g, tr__read_name(r, "rope.scaling.type"), &type,
                                        r->err);
    if (found < 0)
        r->bad = found;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (tr_str_is(type, kinds[i].name))
            return &kinds[i];
    if (!r->bad)
        r->bad = tr_err_set(r->err, TR_EUNSUPPORTED,
                            "%s: rope scaling '%.*s' (%s) is not supported",
                            tr_gguf_path(r->g), (int)(type.len < 64 ? type.len : 64),
                            type.ptr, r->name);
    return &kinds[0];
}

/* A factor of 0 says that there is none. */
static float read_factor(struct tr__reader *r)
{
    /* the second is its name in old files */
    int old = !tr__read_has(r, "rope.scaling.factor");
    float factor = tr__read_number(r, old ? "rope.scale_linear" : "rope.scaling.factor", 0);
    if (factor < 0 && !r->bad)
        r->bad = tr_err_set(r->err, TR_EFORMAT, "%s: '%s' is %g, not a number above 0",
                            tr_gguf_path(r->g), r->name, (double)factor);
    return factor;
}

/* Above 0, or 0 where the key is not there. */
static float read_if_there(struct tr__reader *r, const char *suffix)
{
    return tr__read_has(r, suffix) ? tr__read_positive(r, suffix, 1) : 0;
}

/* Below 0 it is not set, says llama.cpp. */
static float read_ext_factor(struct tr__reader *r, float usual)
{
    float v = tr__read_number(r, "rope.scaling.yarn_ext_factor", usual);
    return v < 0 ? usual : v;
}

void tr__scaling_read(struct tr__reader *r, const struct tr_config *c,
                      struct tr_rope_scaling *s)
{
    const struct kind *kind = read_kind(r);
    float factor = read_factor(r);
    *s = (struct tr_rope_scaling){ .n_ctx_train = c->n_ctx,
                                   .factor = kind->divides ? factor : 0 };
    s->attn_factor = read_if_there(r, "rope.scaling.attn_factor");
    s->n_ctx_orig =
        tr__read_int(r, "rope.scaling.original_context_length", 1, INT_MAX, c->n_ctx);
    if (!kind->ext_factor)
        return;
    s->ext_factor = read_ext_factor(r, kind->ext_factor);
    s->beta_fast = tr__read_positive(r, "rope.scaling.yarn_beta_fast", 32);
    s->beta_slow = tr__read_positive(r, "rope.scaling.yarn_beta_slow", 1);
    s->yarn_attn_factor = read_if_there(r, "rope.scaling.yarn_attn_factor");
    s->log_multiplier = tr__read_number(r, "rope.scaling.yarn_log_multiplier", 0);
    s->no_truncate = r->arch->yarn_no_truncate;
}
