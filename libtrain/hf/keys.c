/* SPDX-License-Identifier: MIT
 *
 * The table of keys, walked in either direction, and the kinds of keys that are a field as it is.
 * Next: rope.c, for those that are not.
 */
#include <libtrain/hf/archs/archs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 128 };

void tr__hf_key_name(char *to, size_t size, const struct tr__hf_arch *a, const char *key)
{
    int whole = strncmp(key, "general.", 8) == 0;
    snprintf(to, size, "%s%s%s", whole ? "" : a->name, whole ? "" : ".", key);
}

/* ---- fields that are keys --------------------------------------------------------- */

/* The first field that is there, and its name; NULL if there is none. */
static const struct tr_json *first(const struct tr__hf_in *in, const struct tr__hf_key *k,
                                   const char **name)
{
    for (size_t i = 0; i < sizeof k->field / sizeof *k->field && k->field[i]; i++) {
        const struct tr_json *v = tr__hf_field(in->config, k->field[i]);
        *name = k->field[i];
        if (v)
            return v;
    }
    *name = k->field[0];
    return NULL;
}

/* 0 if it may be missing. */
static int missing(const struct tr__hf_in *in, const struct tr__hf_key *k,
                   struct tr_err *err)
{
    return k->may ? 0
                  : tr_err_set(err, TR_EFORMAT, "'%s': no '%s', which a model of %s needs",
                               in->path, k->field[0], in->arch->model_type[0]);
}

static int no_number(const struct tr__hf_in *in, const char *field, const char *what,
                     struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s': '%s' is no %s", in->path, field, what);
}

static int u32_to_gguf(const struct tr__hf_in *in, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    char key[KEY_BYTES];
    const char *field;
    const struct tr_json *v = first(in, k, &field);
    if (!v)
        return missing(in, k, err);
    int64_t n = tr_json_int(v);
    if (tr_json_kind(v) != TR_JSON_INT || tr_json_is_big(v) || n < 0 || n > UINT32_MAX)
        return no_number(in, field, "number of 32 bits", err);
    tr__hf_key_name(key, sizeof key, in->arch, k->key);
    tr_gguf_set_u32(in->w, key, (uint32_t)n);
    return 0;
}

static int f32_to_gguf(const struct tr__hf_in *in, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    char key[KEY_BYTES];
    const char *field;
    const struct tr_json *v = first(in, k, &field);
    if (!v)
        return missing(in, k, err);
    if (tr_json_kind(v) != TR_JSON_INT && tr_json_kind(v) != TR_JSON_REAL)
        return no_number(in, field, "number", err);
    tr__hf_key_name(key, sizeof key, in->arch, k->key);
    tr_gguf_set_f32(in->w, key, (float)tr_json_real(v));
    return 0;
}

static int bool_to_gguf(const struct tr__hf_in *in, const struct tr__hf_key *k,
                        struct tr_err *err)
{
    char key[KEY_BYTES];
    const char *field;
    const struct tr_json *v = first(in, k, &field);
    if (!v)
        return missing(in, k, err);
    if (tr_json_kind(v) != TR_JSON_BOOL)
        return no_number(in, field, "truth value", err);
    tr__hf_key_name(key, sizeof key, in->arch, k->key);
    tr_gguf_set_bool(in->w, key, tr_json_bool(v));
    return 0;
}

/* ---- and back --------------------------------------------------------------------- */

/* An object that is not there yet is made. */
int tr__hf_put(struct tr_json *config, const char *path, struct tr_json *v,
               struct tr_err *err)
{
    const char *dot = strrchr(path, '.');
    char at[64];
    if (dot) {
        snprintf(at, sizeof at, "%.*s", (int)(dot - path), path);
        struct tr_json *in = (struct tr_json *)(uintptr_t)tr__hf_field(config, at);
        if (!in && (in = tr_json_object()) && tr_json_set(config, at, in))
            in = NULL;
        config = in;
        path = dot + 1;
    }
    if (!config || !v || tr_json_set(config, path, v) < 0)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    return 0;
}

static int u32_to_hf(const struct tr__hf_out *out, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    char key[KEY_BYTES];
    int64_t v;
    tr__hf_key_name(key, sizeof key, out->arch, k->key);
    int rc = k->field[0] ? tr_gguf_int(out->g, key, &v, err) : 0;
    return rc <= 0 ? rc : tr__hf_put(out->config, k->field[0], tr_json_integer(v), err);
}

/* The shortest decimal that is this number in f32: 1e-05, not 9.999999747378752e-06. */
double tr__hf_short(float x)
{
    char text[32];
    for (int digits = 1; digits < 10; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if (strtof(text, NULL) == x)
            return strtod(text, NULL);
    }
    return (double)x;
}

static int f32_to_hf(const struct tr__hf_out *out, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    char key[KEY_BYTES];
    float v;
    tr__hf_key_name(key, sizeof key, out->arch, k->key);
    int rc = k->field[0] ? tr_gguf_f32(out->g, key, &v, err) : 0;
    return rc <= 0 ? rc
                   : tr__hf_put(out->config, k->field[0], tr_json_number(tr__hf_short(v)),
                                err);
}

static int bool_to_hf(const struct tr__hf_out *out, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    char key[KEY_BYTES];
    int v;
    tr__hf_key_name(key, sizeof key, out->arch, k->key);
    int rc = k->field[0] ? tr_gguf_bool(out->g, key, &v, err) : 0;
    return rc <= 0 ? rc : tr__hf_put(out->config, k->field[0], tr_json_truth(v), err);
}

/* ---- what is computed ------------------------------------------------------------- */

static int file_type(const struct tr__hf_in *in, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    (void)k, (void)err;
    tr_gguf_set_u32(in->w, "general.file_type", (uint32_t)in->file_type);
    return 0;
}

static const struct tr__hf_key key_length = TR_HF_U32_MAY("attention.key_length", "head_dim");
static const struct tr__hf_key value_length =
    TR_HF_U32_MAY("attention.value_length", "head_dim");

static int head_dim_to_gguf(const struct tr__hf_in *in, const struct tr__hf_key *k,
                            struct tr_err *err)
{
    (void)k;
    int rc = u32_to_gguf(in, &key_length, err);
    return rc ? rc : u32_to_gguf(in, &value_length, err);
}

static int head_dim_to_hf(const struct tr__hf_out *out, const struct tr__hf_key *k,
                          struct tr_err *err)
{
    (void)k;
    /* also where it is what width and heads give: some families take another one then */
    int rc = tr__hf_put(out->config, "head_dim", tr_json_integer(out->size->head_dim), err);
    return rc ? rc : u32_to_hf(out, &key_length, err);
}

static int rope_dim(const struct tr__hf_in *in, const struct tr__hf_key *k,
                    struct tr_err *err)
{
    (void)k, (void)err;
    char key[KEY_BYTES];
    tr__hf_key_name(key, sizeof key, in->arch, "rope.dimension_count");
    tr_gguf_set_u32(in->w, key, (uint32_t)in->size->head_dim);
    return 0;
}

static int no_bos(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    (void)k, (void)err;
    tr_gguf_set_bool(in->w, "tokenizer.ggml.add_bos_token", 0);
    return 0;
}

static int sigmoid(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    char key[KEY_BYTES];
    (void)k, (void)err;
    tr__hf_key_name(key, sizeof key, in->arch, "expert_gating_func");
    tr_gguf_set_u32(in->w, key, 2);
    return 0;
}

/* The families that scale scores by this have no key for it: llama.cpp takes the size of a
 * head, and for their largest models the width by heads. */
static int64_t query_scale(const struct tr__hf_sizes *s)
{
    int largest = s->n_layer == 46 || s->n_layer == 62;
    return largest && s->n_head ? s->n_embd / s->n_head : s->head_dim;
}

static int check_query_scale(const struct tr__hf_in *in, const struct tr__hf_key *k,
                             struct tr_err *err)
{
    (void)k;
    const struct tr_json *v = tr_json_get(in->config, "query_pre_attn_scalar");
    if (!v || tr_json_real(v) == (double)query_scale(in->size))
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': 'query_pre_attn_scalar' is %g, which no "
                      "GGUF of %s can say", in->path, tr_json_real(v), in->arch->name);
}

static int put_query_scale(const struct tr__hf_out *out, const struct tr__hf_key *k,
                           struct tr_err *err)
{
    (void)k;
    return tr__hf_put(out->config, "query_pre_attn_scalar",
                      tr_json_integer(query_scale(out->size)), err);
}

/* 0 where there is none, as Phi-3's reader wants it. */
static const struct tr__hf_key window = TR_HF_U32_MAY("attention.sliding_window",
                                                      "sliding_window");

static int window_or_0(const struct tr__hf_in *in, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    char key[KEY_BYTES];
    (void)k;
    tr__hf_key_name(key, sizeof key, in->arch, window.key);
    tr_gguf_set_u32(in->w, key, 0);
    return u32_to_gguf(in, &window, err);
}

static int window_not_0(const struct tr__hf_out *out, const struct tr__hf_key *k,
                        struct tr_err *err)
{
    char key[KEY_BYTES];
    int64_t v = 0;
    (void)k;
    tr__hf_key_name(key, sizeof key, out->arch, window.key);
    int rc = tr_gguf_int(out->g, key, &v, err);
    return rc < 0 || !v ? rc < 0 ? rc : 0 : u32_to_hf(out, &window, err);
}

static int has_to_hf(const struct tr__hf_out *out, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    char name[KEY_BYTES];
    int has = 0;
    for (int64_t i = 0; !has && i < out->size->n_layer; i++) {
        snprintf(name, sizeof name, "blk.%lld.%s", (long long)i, k->key);
        has = tr_gguf_find_tensor(out->g, name) != NULL;
    }
    return tr__hf_put(out->config, k->field[0], tr_json_truth(has), err);
}

/* ---- tables ----------------------------------------------------------------------- */

/* Is a field's text the value that it must be? */
static int is_fixed(const char *text, size_t n, const struct tr__hf_fixed *f)
{
    int same = f->value && strlen(f->value) == n && memcmp(text, f->value, n) == 0;
    for (size_t i = 0; i < sizeof f->also / sizeof *f->also && f->also[i]; i++)
        same |= strlen(f->also[i]) == n && memcmp(text, f->also[i], n) == 0;
    return same;
}

/* One that is missing or null is, where null is not the question. */
static int check_fixed(const struct tr__hf_in *in, struct tr_err *err)
{
    int rc = 0;
    for (const struct tr__hf_fixed *f = in->arch->fixed; !rc && f && f->field; f++) {
        const struct tr_json *v = tr__hf_field(in->config, f->field);
        char *text = NULL;
        size_t n = 0, cap = 0;
        if (!v)
            continue;
        if (tr_json_write(v, NULL, &text, &n, &cap) < 0)
            n = 0;
        if (!is_fixed(text, n, f))
            rc = tr_err_set(err, TR_EUNSUPPORTED, "'%s': '%s' is %.*s, which no GGUF of %s "
                            "can say", in->path, f->field, (int)(n > 100 ? 100 : n),
                            text ? text : "", in->arch->name);
        free(text);
    }
    return rc;
}

int tr__hf_keys_to_gguf(const struct tr__hf_in *in, int front, struct tr_err *err)
{
    int rc = check_fixed(in, err);
    for (const struct tr__hf_key *k = in->arch->key; !rc && k->kind; k++)
        if (k->front == front && k->kind->to_gguf)
            rc = k->kind->to_gguf(in, k, err);
    return rc;
}

/* What every model has. */
static int put_names(const struct tr__hf_out *out, struct tr_err *err)
{
    const struct tr__hf_arch *a = out->arch;
    struct tr_json *class = tr_json_array();
    if (!class || tr_json_append(class, tr_json_text(a->class_name[0],
                                                     strlen(a->class_name[0]))) < 0) {
        tr_json_free(class);
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    }
    const struct tr_gguf_tensor *embd = tr_gguf_find_tensor(out->g, "token_embd.weight");
    int tied = !tr_gguf_find_tensor(out->g, "output.weight");
    int rc = tr__hf_put(out->config, "architectures", class, err);
    if (!rc)
        rc = tr__hf_put(out->config, "model_type",
                        tr_json_text(a->model_type[0], strlen(a->model_type[0])), err);
    if (!rc && embd)
        rc = tr__hf_put(out->config, "vocab_size", tr_json_integer(embd->dim[0]), err);
    return rc ? rc
              : tr__hf_put(out->config, "tie_word_embeddings", tr_json_truth(tied), err);
}

static int put_fixed(const struct tr__hf_out *out, struct tr_err *err)
{
    int rc = 0;
    for (const struct tr__hf_fixed *f = out->arch->fixed; !rc && f && f->field; f++)
        if (f->value && strcmp(f->value, "null") != 0)
            rc = tr__hf_put(out->config, f->field,
                            tr_json_parse(f->value, strlen(f->value), f->field, 0, 0, err),
                            err);
    return rc;
}

int tr__hf_keys_to_config(const struct tr__hf_out *out, struct tr_err *err)
{
    int rc = put_names(out, err);
    for (const struct tr__hf_key *k = out->arch->key; !rc && k->kind; k++)
        if (k->kind->to_hf)
            rc = k->kind->to_hf(out, k, err);
    if (!rc && out->size->n_ahead > 0) /* which block_count counts */
        rc = tr__hf_put(out->config, "num_hidden_layers",
                        tr_json_integer(out->size->n_layer), err);
    return rc ? rc : put_fixed(out, err);
}

const struct tr__hf_kind tr__hf_u32 = { "u32", u32_to_gguf, u32_to_hf };
const struct tr__hf_kind tr__hf_f32 = { "f32", f32_to_gguf, f32_to_hf };
const struct tr__hf_kind tr__hf_bool = { "bool", bool_to_gguf, bool_to_hf };
const struct tr__hf_kind tr__hf_file_type = { "file type", file_type, NULL };
const struct tr__hf_kind tr__hf_head_dim = { "head size", head_dim_to_gguf, head_dim_to_hf };
const struct tr__hf_kind tr__hf_has = { "a tensor", NULL, has_to_hf };
const struct tr__hf_kind tr__hf_rope_dim = { "columns of rope", rope_dim, NULL };
const struct tr__hf_kind tr__hf_no_bos = { "no BOS", no_bos, NULL };
const struct tr__hf_kind tr__hf_query_scale = { "scale of queries", check_query_scale,
                                                put_query_scale };
const struct tr__hf_kind tr__hf_window_or_0 = { "window", window_or_0, window_not_0 };
const struct tr__hf_kind tr__hf_sigmoid = { "sigmoid", sigmoid, NULL };
