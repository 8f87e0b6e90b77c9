/* SPDX-License-Identifier: MIT
 *
 * What config.json says of rope, beside what keys give (rope.c): factors that are tensors
 * in GGUF, an object for each kind of block where these differ, and the fields in which
 * programs of before transformers 5 look for the same.
 */
#include <libtrain/hf/archs/archs.h>
#include <libtrain/hf/export.h>

#include <stdlib.h>
#include <string.h>

/* What tensors of GGUF say in words. */
static int put_factors(const struct tr__hf_out *out, struct tr_err *err)
{
    int rc = 0;
    for (const struct tr__hf_name *n = out->arch->tensor; !rc && (n->gguf || n->hf); n++) {
        int (*unmake)(const struct tr__hf_out *, const struct tr_gguf_tensor *,
                      struct tr_err *) = n->how ? n->how->unmake : NULL;
        const struct tr_gguf_tensor *t = NULL;
        if (unmake && (t = tr_gguf_find_tensor(out->g, n->gguf)))
            rc = unmake(out, t, err);
    }
    return rc;
}

/* The base of rope in blocks with a window, where it is another than in those without: 0 if
 * there is no such thing. */
static float window_base(const struct tr__hf_out *out)
{
    char key[128];
    float base = 0;
    for (const struct tr__hf_default *d = out->arch->missing; d && d->field; d++)
        if (!strcmp(d->field, "rope_local_base_freq") && d->value)
            base = strtof(d->value, NULL);
    tr__hf_key_name(key, sizeof key, out->arch, "rope.freq_base_swa");
    return tr_gguf_f32(out->g, key, &base, NULL) < 0 ? 0 : base;
}

/* Then rope_parameters has an object for each kind of block. */
static int split_rope(const struct tr__hf_out *out, float base, struct tr_err *err)
{
    struct tr_json *both = tr_json_object(), *c = out->config;
    const struct tr_json *full = tr_json_get(c, "rope_parameters");
    int rc = tr__hf_put(both, "sliding_attention.rope_theta",
                        tr_json_number(tr__hf_short(base)), err);
    if (!rc)
        rc = tr__hf_put(both, "sliding_attention.rope_type", tr_json_text("default", 7),
                        err);
    if (!rc)
        rc = tr__hf_put(both, "full_attention", tr_json_share(full), err);
    if (!rc)
        rc = tr__hf_put(c, "rope_local_base_freq", tr_json_number(tr__hf_short(base)), err);
    if (!rc)
        return tr__hf_put(c, "rope_parameters", both, err);
    tr_json_free(both);
    return rc;
}

/* A field of rope_parameters beside it too. */
static int put_beside(struct tr_json *c, const char *field, struct tr_err *err)
{
    const struct tr_json *v = tr_json_get(tr_json_get(c, "rope_parameters"), field);
    return v ? tr__hf_put(c, field, tr_json_share(v), err) : 0;
}

/* rope_scaling: without what lies beside it.  Of longrope three fields, as Phi-3 checks. */
static int put_scaling(struct tr_json *c, const struct tr_json *rope, int is_long,
                       struct tr_err *err)
{
    struct tr_json *old = tr_json_object();
    struct tr_json_each e = tr_json_each(rope);
    int rc = 0;
    while (!rc && tr_json_next(&e)) {
        const char *to = is_long && !strcmp(e.key, "rope_type") ? "type" : e.key;
        if (!strcmp(e.key, "rope_theta") || !strcmp(e.key, "partial_rotary_factor") ||
            (is_long && !strcmp(e.key, "original_max_position_embeddings")))
            continue;
        rc = tr__hf_put(old, to, tr_json_share(e.value), err);
    }
    if (!rc)
        return tr__hf_put(c, "rope_scaling", old, err);
    tr_json_free(old);
    return rc;
}

/* Programs of before transformers 5 look for rope beside rope_parameters, not in it. */
static int put_old_rope(struct tr_json *c, struct tr_err *err)
{
    size_t n;
    struct tr_json *rope = (struct tr_json *)(uintptr_t)tr_json_get(c, "rope_parameters");
    if (!rope)
        return 0;
    if (!tr_json_get(rope, "rope_type") &&
        tr__hf_put(rope, "rope_type", tr_json_text("default", 7), err))
        return TR_ENOMEM;
    const char *type = tr_json_string(tr_json_get(rope, "rope_type"), &n);
    int is_long = !strcmp(type, "longrope");
    int rc = put_beside(c, "rope_theta", err);
    if (!rc)
        rc = put_beside(c, "partial_rotary_factor", err);
    if (!rc && is_long)
        rc = put_beside(c, "original_max_position_embeddings", err);
    return rc || !strcmp(type, "default") ? rc : put_scaling(c, rope, is_long, err);
}

int tr__hf_put_rope(const struct tr__hf_out *out, struct tr_err *err)
{
    float base = window_base(out);
    int rc = put_factors(out, err);
    if (tr__hf_field(out->config, "rope_parameters.full_attention"))
        return rc; /* the family has seen to it */
    if (!rc)
        rc = put_old_rope(out->config, err);
    if (!rc && base > 0 && tr_json_get(out->config, "rope_parameters"))
        rc = split_rope(out, base, err);
    return rc;
}
