/* SPDX-License-Identifier: MIT
 *
 * rope_parameters of config.json and the keys of rope.  A scaling that no key can say is refused by
 * name, since the model would compute something else.
 */
#include <libtrain/hf/archs/archs.h>

#include <math.h>
#include <string.h>

enum { KEY_BYTES = 128 };

/* That of the blocks without a window, if they have their own. */
const struct tr_json *tr__hf_rope_of(const struct tr_json *config)
{
    const struct tr_json *rope = tr_json_get(config, "rope_parameters");
    const struct tr_json *full = tr_json_get(rope, "full_attention");
    return full ? full : rope;
}

static void set_f32(const struct tr__hf_in *in, const char *suffix, const struct tr_json *v)
{
    char key[KEY_BYTES];
    tr__hf_key_name(key, sizeof key, in->arch, suffix);
    if (v)
        tr_gguf_set_f32(in->w, key, (float)tr_json_real(v));
}

static void set_type(const struct tr__hf_in *in, const char *type)
{
    char key[KEY_BYTES];
    tr__hf_key_name(key, sizeof key, in->arch, "rope.scaling.type");
    tr_gguf_set_string(in->w, key, type);
}

static int scaled(const struct tr__hf_in *in, const struct tr_json *rope, const char *type,
                  struct tr_err *err)
{
    const struct tr_json *factor = tr_json_get(rope, "factor");
    if (!factor)
        return tr_err_set(err, TR_EFORMAT, "'%s': rope of type '%s' has no 'factor'",
                          in->path, type);
    set_type(in, type);
    set_f32(in, "rope.scaling.factor", factor);
    return 0;
}

static int none(const struct tr__hf_in *in, const struct tr_json *rope, struct tr_err *err)
{
    (void)in, (void)rope, (void)err;
    return 0;
}

static int linear(const struct tr__hf_in *in, const struct tr_json *rope, struct tr_err *err)
{
    return scaled(in, rope, "linear", err);
}

/* Does the family have a key, or one value only, for this? */
static int knows(const struct tr__hf_arch *a, const char *field)
{
    for (const struct tr__hf_key *k = a->key; k->kind; k++)
        if (k->field[0] && strcmp(k->field[0], field) == 0)
            return 1;
    for (const struct tr__hf_fixed *f = a->fixed; f && f->field; f++)
        if (strcmp(f->field, field) == 0)
            return 1;
    return 0;
}

/* What yarn can be told beside its usual numbers. */
static int check_yarn(const struct tr__hf_in *in, const struct tr_json *rope,
                      struct tr_err *err)
{
    static const char *const path[] = {
        "rope_parameters.mscale", "rope_parameters.mscale_all_dim", "rope_parameters.truncate",
    };
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        const struct tr_json *v = tr_json_get(rope, strchr(path[i], '.') + 1);
        int usual = !v || (tr_json_kind(v) == TR_JSON_BOOL && tr_json_bool(v));
        if (!usual && !knows(in->arch, path[i]))
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': '%s', which no GGUF of %s can say",
                              in->path, path[i], in->arch->name);
    }
    return 0;
}

static int yarn(const struct tr__hf_in *in, const struct tr_json *rope, struct tr_err *err)
{
    char key[KEY_BYTES];
    const struct tr_json *n = tr_json_get(rope, "original_max_position_embeddings");
    const struct tr_json *attn = tr_json_get(rope, "attention_factor");
    int rc = check_yarn(in, rope, err);
    if (!rc)
        rc = scaled(in, rope, "yarn", err);
    if (rc)
        return rc;
    if (!n)
        n = tr_json_get(in->config, "max_position_embeddings");
    tr__hf_key_name(key, sizeof key, in->arch, "rope.scaling.original_context_length");
    tr_gguf_set_u32(in->w, key, (uint32_t)tr_json_int(n));
    set_f32(in, "rope.scaling.yarn_ext_factor", tr_json_get(rope, "extrapolation_factor"));
    set_f32(in, "rope.scaling.yarn_attn_factor",
            attn ? attn : tr_json_get(rope, "attn_factor"));
    set_f32(in, "rope.scaling.yarn_beta_fast", tr_json_get(rope, "beta_fast"));
    set_f32(in, "rope.scaling.yarn_beta_slow", tr_json_get(rope, "beta_slow"));
    return 0;
}

static int cannot_say(const struct tr__hf_in *in, const char *type, struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': rope of type '%.60s', which no GGUF of %s "
                      "can say", in->path, type, in->arch->name);
}

/* It is a tensor in GGUF. */
static int llama3(const struct tr__hf_in *in, const struct tr_json *rope, struct tr_err *err)
{
    (void)rope;
    struct tr__hf_found f;
    return tr__hf_find_gguf(in->arch, "rope_freqs.weight", &f) ? 0
                                                               : cannot_say(in, "llama3", err);
}

static int longrope(const struct tr__hf_in *in, const struct tr_json *rope,
                    struct tr_err *err)
{
    (void)rope;
    struct tr__hf_found f;
    if (!tr__hf_find_gguf(in->arch, "rope_factors_long.weight", &f))
        return cannot_say(in, "longrope", err);
    set_type(in, "longrope");
    return 0;
}

static const struct {
    const char *name;
    int (*set)(const struct tr__hf_in *in, const struct tr_json *rope, struct tr_err *err);
} types[] = {
    { "default", none }, { "linear", linear }, { "yarn", yarn }, { "llama3", llama3 },
    { "longrope", longrope }, { "su", longrope },
};

static const char *type_name(const struct tr_json *rope)
{
    size_t n;
    const struct tr_json *type = tr_json_get(rope, "rope_type");
    return type ? tr_json_string(type, &n) : "default";
}

static int scaling(const struct tr__hf_in *in, const struct tr_json *rope,
                   struct tr_err *err)
{
    const char *name = type_name(rope);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0)
            return types[i].set(in, rope, err);
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': rope of the unknown type '%.60s'",
                      in->path, name);
}

static int to_gguf(const struct tr__hf_in *in, const struct tr__hf_key *k,
                   struct tr_err *err)
{
    (void)k;
    const struct tr_json *rope = tr__hf_rope_of(in->config);
    int rc = scaling(in, rope, err);
    if (rc)
        return rc;
    set_f32(in, "rope.freq_base", tr_json_get(rope, "rope_theta"));
    set_f32(in, "rope.freq_base_swa",
            tr__hf_field(in->config, "rope_parameters.sliding_attention.rope_theta"));
    return 0;
}

/* ---- and back --------------------------------------------------------------------- */

static int get_f32(const struct tr__hf_out *out, const char *suffix, const char *field,
                   struct tr_json *rope, struct tr_err *err)
{
    char key[KEY_BYTES];
    float v;
    tr__hf_key_name(key, sizeof key, out->arch, suffix);
    int rc = tr_gguf_f32(out->g, key, &v, err);
    return rc <= 0 ? rc : tr__hf_put(rope, field, tr_json_number(tr__hf_short(v)), err);
}

static int get_int(const struct tr__hf_out *out, const char *suffix, const char *field,
                   struct tr_json *rope, struct tr_err *err)
{
    char key[KEY_BYTES];
    int64_t v;
    tr__hf_key_name(key, sizeof key, out->arch, suffix);
    int rc = tr_gguf_int(out->g, key, &v, err);
    return rc <= 0 ? rc : tr__hf_put(rope, field, tr_json_integer(v), err);
}

static int get_all(const struct tr__hf_out *out, struct tr_json *rope, struct tr_err *err)
{
    static const char *const f32[][2] = {
        { "rope.freq_base", "rope_theta" },
        { "rope.scaling.factor", "factor" },
        { "rope.scaling.yarn_ext_factor", "extrapolation_factor" },
        { "rope.scaling.yarn_attn_factor", "attention_factor" },
        { "rope.scaling.yarn_beta_fast", "beta_fast" },
        { "rope.scaling.yarn_beta_slow", "beta_slow" },
    };
    char key[KEY_BYTES];
    struct tr_str type = { "default", 7 };
    tr__hf_key_name(key, sizeof key, out->arch, "rope.scaling.type");
    int rc = tr_gguf_string(out->g, key, &type, err);
    if (rc < 0)
        return rc;
    if (tr_str_is(type, "none"))
        type = (struct tr_str){ "default", 7 };
    rc = tr__hf_put(rope, "rope_type", tr_json_text(type.ptr, type.len), err);
    for (size_t i = 0; !rc && i < sizeof f32 / sizeof *f32; i++)
        rc = get_f32(out, f32[i][0], f32[i][1], rope, err);
    return rc ? rc
              : get_int(out, "rope.scaling.original_context_length",
                        "original_max_position_embeddings", rope, err);
}

static int to_hf(const struct tr__hf_out *out, const struct tr__hf_key *k,
                 struct tr_err *err)
{
    (void)k;
    const char *field = "rope_parameters"; /* something else of it may be there already */
    int rc = tr_json_get(out->config, field)
                 ? 0 : tr__hf_put(out->config, field, tr_json_object(), err);
    return rc ? rc
              : get_all(out, (struct tr_json *)(uintptr_t)tr_json_get(out->config, field),
                        err);
}

/* Families that have no key for a scaling. */
static int unscaled(const struct tr__hf_in *in, const struct tr__hf_key *k,
                    struct tr_err *err)
{
    (void)k;
    const char *name = type_name(tr__hf_rope_of(in->config));
    return strcmp(name, "default") == 0 ? 0 : cannot_say(in, name, err);
}

/* And those that have one for factors alone. */
static int long_or_unscaled(const struct tr__hf_in *in, const struct tr__hf_key *k,
                            struct tr_err *err)
{
    const char *name = type_name(tr__hf_rope_of(in->config));
    return strcmp(name, "longrope") && strcmp(name, "su") ? unscaled(in, k, err) : 0;
}

/* ---- pieces for families with another order --------------------------------------- */

static int base(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    (void)k, (void)err;
    set_f32(in, "rope.freq_base", tr_json_get(tr__hf_rope_of(in->config), "rope_theta"));
    return 0;
}

static int part_of(const struct tr__hf_in *in, int64_t columns, struct tr_err *err)
{
    char key[KEY_BYTES];
    const struct tr_json *part = tr_json_get(tr__hf_rope_of(in->config),
                                             "partial_rotary_factor");
    double share = part ? tr_json_real(part) : 1;
    if (!(share >= 0 && share <= 1))
        return tr_err_set(err, TR_EFORMAT, "'%s': 'partial_rotary_factor' is %g", in->path,
                          share);
    tr__hf_key_name(key, sizeof key, in->arch, "rope.dimension_count");
    tr_gguf_set_u32(in->w, key, (uint32_t)(share * (double)columns));
    return 0;
}

static int64_t width_by_heads(const struct tr__hf_sizes *s)
{
    return s->n_head ? s->n_embd / s->n_head : 0;
}

static int part(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    (void)k;
    return part_of(in, width_by_heads(in->size), err);
}

static int part_of_head(const struct tr__hf_in *in, const struct tr__hf_key *k,
                        struct tr_err *err)
{
    (void)k;
    return part_of(in, in->size->head_dim, err);
}

/* rope_parameters may not be there yet, or hold more already. */
static int put_part(const struct tr__hf_out *out, int64_t columns, struct tr_err *err)
{
    char key[KEY_BYTES];
    int64_t n;
    tr__hf_key_name(key, sizeof key, out->arch, "rope.dimension_count");
    int rc = tr_gguf_int(out->g, key, &n, err);
    if (rc <= 0 || columns < 1)
        return rc < 0 ? rc : 0;
    if (!tr_json_get(out->config, "rope_parameters") && (rc = to_hf(out, NULL, err)))
        return rc;
    return tr__hf_put(out->config, "rope_parameters.partial_rotary_factor",
                      tr_json_number((double)n / (double)columns), err);
}

static int back_part(const struct tr__hf_out *out, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    (void)k;
    return put_part(out, width_by_heads(out->size), err);
}

static int back_part_of_head(const struct tr__hf_out *out, const struct tr__hf_key *k,
                             struct tr_err *err)
{
    (void)k;
    return put_part(out, out->size->head_dim, err);
}

static int not_scaled(const struct tr__hf_in *in, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    (void)k, (void)err;
    set_type(in, "none");
    return 0;
}

static int original(const struct tr__hf_in *in, const struct tr__hf_key *k,
                    struct tr_err *err)
{
    (void)k, (void)err;
    char key[KEY_BYTES];
    const struct tr_json *n = tr_json_get(tr__hf_rope_of(in->config),
                                          "original_max_position_embeddings");
    tr__hf_key_name(key, sizeof key, in->arch, "rope.scaling.original_context_length");
    if (n)
        tr_gguf_set_u32(in->w, key, (uint32_t)tr_json_int(n));
    return 0;
}

/* What longrope multiplies scores by (Phi-3), where there are factors. */
static int long_attn(const struct tr__hf_in *in, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    (void)k;
    char key[KEY_BYTES];
    const struct tr_json *rope = tr__hf_rope_of(in->config);
    double now = tr_json_real(tr_json_get(in->config, "max_position_embeddings"));
    double then = tr_json_real(tr_json_get(rope, "original_max_position_embeddings"));
    size_t n = tr_json_count(tr_json_get(rope, "long_factor"));
    if (!n)
        return 0;
    if (!(then > 1) || tr_json_count(tr_json_get(rope, "short_factor")) != n)
        return tr_err_set(err, TR_EFORMAT, "'%s': rope of type 'longrope' needs as many short "
                          "factors as long ones, and the original context", in->path);
    double by = now > then ? sqrt(1 + log(now / then) / log(then)) : 1;
    tr__hf_key_name(key, sizeof key, in->arch, "rope.scaling.attn_factor");
    tr_gguf_set_f32(in->w, key, (float)by);
    return 0;
}

const struct tr__hf_kind tr__hf_rope = { "rope", to_gguf, to_hf };
const struct tr__hf_kind tr__hf_rope_base = { "base of rope", base, to_hf };
const struct tr__hf_kind tr__hf_rope_part = { "part of a head", part, back_part };
const struct tr__hf_kind tr__hf_rope_part_head = { "part of a head by itself", part_of_head,
                                                   back_part_of_head };
const struct tr__hf_kind tr__hf_not_scaled = { "no scaling", not_scaled, NULL };
const struct tr__hf_kind tr__hf_original = { "original context", original, NULL };
const struct tr__hf_kind tr__hf_long_attn = { "longrope's factor", long_attn, NULL };
const struct tr__hf_kind tr__hf_unscaled = { "no scaling of rope", unscaled, NULL };
const struct tr__hf_kind tr__hf_long_or_unscaled = { "longrope or none", long_or_unscaled,
                                                     NULL };
