/* SPDX-License-Identifier: MIT
 *
 * layer_types of config.json, a word a block, and the keys that say the same in truth values or
 * in numbers.
 */
#include <libtrain/hf/archs/archs.h>

#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 128 };

static int is_text(const struct tr_json *v, const char *text)
{
    size_t n;
    return v && strcmp(tr_json_string(v, &n), text) == 0;
}

int tr__hf_layer_types(const struct tr__hf_in *in, const char *field,
                       const struct tr_json **list, struct tr_err *err)
{
    *list = tr_json_get(in->config, field);
    if (!*list || (int64_t)tr_json_count(*list) == in->size->n_layer)
        return 0;
    return tr_err_set(err, TR_EFORMAT, "'%s': '%s' has %zu entries, the model %lld blocks",
                      in->path, field, tr_json_count(*list), (long long)in->size->n_layer);
}

int tr__hf_set_layers(const struct tr__hf_in *in, const char *key, const char *field,
                      const char *word, struct tr_err *err)
{
    char name[KEY_BYTES];
    const struct tr_json *list;
    int rc = tr__hf_layer_types(in, field, &list, err);
    size_t n = (size_t)(in->size->n_layer + in->size->n_ahead); /* the latter are not */
    unsigned char *is = rc || !list ? NULL : calloc(n + 1, 1);
    if (rc || !list)
        return rc;
    if (!is)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    for (int64_t i = 0; i < in->size->n_layer; i++)
        is[i] = (unsigned char)is_text(tr_json_at(list, (size_t)i), word);
    tr__hf_key_name(name, sizeof name, in->arch, key);
    tr_gguf_set_array(in->w, name, TR_GGUF_BOOL, is, n);
    free(is);
    return 0;
}

int tr__hf_put_layers(const struct tr__hf_out *out, const char *key, const char *field,
                      const char *word, const char *other, struct tr_err *err)
{
    char name[KEY_BYTES];
    const struct tr_gguf_kv *kv;
    tr__hf_key_name(name, sizeof name, out->arch, key);
    int rc = tr_gguf_array(out->g, name, TR_GGUF_BOOL, &kv, err);
    struct tr_json *list = rc == 1 ? tr_json_array() : NULL;
    if (rc != 1)
        return rc;
    uint64_t blocks = (uint64_t)out->size->n_layer; /* without those ahead */
    for (uint64_t i = 0; list && i < kv->count && i < blocks; i++) {
        const char *text = tr_gguf_elem_int(kv, i) ? word : other;
        if (tr_json_append(list, tr_json_text(text, strlen(text)))) {
            tr_json_free(list);
            list = NULL;
        }
    }
    return tr__hf_put(out->config, field, list, err);
}

int tr__hf_set_by_layer(const struct tr__hf_in *in, const char *key, const char *field,
                        const char *word, int32_t yes, int32_t no, struct tr_err *err)
{
    char name[KEY_BYTES];
    const struct tr_json *list;
    int rc = tr__hf_layer_types(in, field, &list, err);
    if (rc)
        return rc;
    if (!list)
        return tr_err_set(err, TR_EFORMAT, "'%s': no '%s', which a model of %s needs", in->path,
                          field, in->arch->model_type[0]);
    int32_t *v = calloc((size_t)in->size->n_layer + 1, sizeof *v);
    if (!v)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    for (int64_t i = 0; i < in->size->n_layer; i++)
        v[i] = is_text(tr_json_at(list, (size_t)i), word) ? yes : no;
    tr__hf_key_name(name, sizeof name, in->arch, key);
    tr_gguf_set_array(in->w, name, TR_GGUF_I32, v, (uint64_t)in->size->n_layer);
    free(v);
    return 0;
}

int tr__hf_put_by_layer(const struct tr__hf_out *out, const char *key, const char *field,
                        const char *yes, const char *no, struct tr_err *err)
{
    char name[KEY_BYTES];
    const struct tr_gguf_kv *kv;
    tr__hf_key_name(name, sizeof name, out->arch, key);
    int rc = tr_gguf_ints(out->g, name, &kv, err);
    struct tr_json *list = rc == 1 ? tr_json_array() : NULL;
    if (rc != 1)
        return rc;
    for (uint64_t i = 0; list && i < kv->count; i++) {
        const char *text = tr_gguf_elem_int(kv, i) > 0 ? yes : no;
        if (tr_json_append(list, tr_json_text(text, strlen(text)))) {
            tr_json_free(list);
            list = NULL;
        }
    }
    return tr__hf_put(out->config, field, list, err);
}

static int set_window_layers(const struct tr__hf_in *in, const struct tr__hf_key *k,
                             struct tr_err *err)
{
    (void)k;
    if (!tr_json_get(in->config, "sliding_window"))
        return 0;
    return tr__hf_set_layers(in, "attention.sliding_window_pattern", "layer_types",
                             "sliding_attention", err);
}

static int put_window_layers(const struct tr__hf_out *out, const struct tr__hf_key *k,
                             struct tr_err *err)
{
    (void)k;
    return tr__hf_put_layers(out, "attention.sliding_window_pattern", "layer_types",
                             "sliding_attention", "full_attention", err);
}

const struct tr__hf_kind tr__hf_window_layers = { "blocks with a window", set_window_layers,
                                                  put_window_layers };

static int set_kv(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    (void)k;
    return tr__hf_set_by_layer(in, "attention.head_count_kv", "layer_types", "conv", 0,
                               (int32_t)in->size->n_head_kv, err);
}

static int put_kv(const struct tr__hf_out *out, const struct tr__hf_key *k,
                  struct tr_err *err)
{
    (void)k;
    int rc = tr__hf_put_by_layer(out, "attention.head_count_kv", "layer_types",
                                 "full_attention", "conv", err);
    return rc ? rc
              : tr__hf_put(out->config, "num_key_value_heads",
                           tr_json_integer(out->size->n_head_kv), err);
}

const struct tr__hf_kind tr__hf_kv_by_layer = { "heads of keys", set_kv, put_kv };
