/* SPDX-License-Identifier: MIT
 *
 * config.json and generation_config.json of a GGUF.  What the family's table gives is in
 * keys.c; here is what every model has, and how both are written.
 */
#include <libtrain/base/base.h>
#include <libtrain/file.h>
#include <libtrain/hf/archs/archs.h>
#include <libtrain/hf/export.h>
#include <libtrain/hf/text.h>

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- special tokens --------------------------------------------------------------- */

static int64_t id_of(const struct tr_gguf *g, const char *key)
{
    int64_t id = -1;
    return tr_gguf_int(g, key, &id, NULL) == 1 ? id : -1;
}

static int put_id(struct tr_json *c, const struct tr_gguf *g, const char *field,
                  const char *key, struct tr_err *err)
{
    int64_t id = id_of(g, key);
    if (id >= 0)
        return tr__hf_put(c, field, tr_json_integer(id), err);
    return tr_json_set(c, field, NULL) ? tr_err_set(err, TR_ENOMEM, "out of memory") : 0;
}

/* What is not there is null: what transformers takes for one that is missing may be beyond
 * the vocabulary. */
static int put_ids(struct tr_json *c, const struct tr_gguf *g, struct tr_err *err)
{
    static const char *const of[][2] = {
        { "bos_token_id", "tokenizer.ggml.bos_token_id" },
        { "eos_token_id", "tokenizer.ggml.eos_token_id" },
        { "pad_token_id", "tokenizer.ggml.padding_token_id" },
    };
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof of / sizeof *of; i++)
        rc = put_id(c, g, of[i][0], of[i][1], err);
    return rc;
}

/* Whatever may end a turn: one id, or a list of them. */
static int put_ends(struct tr_json *c, const struct tr_gguf *g, struct tr_err *err)
{
    static const char *const key[] = {
        "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
        "tokenizer.ggml.eom_token_id",
    };
    int64_t id[3];
    int n = 0, rc = 0;
    for (int i = 0; i < 3; i++) {
        id[n] = id_of(g, key[i]);
        int known = id[n] < 0;
        for (int k = 0; k < n; k++)
            known |= id[k] == id[n];
        n += !known;
    }
    if (n < 2)
        return n ? tr__hf_put(c, "eos_token_id", tr_json_integer(id[0]), err) : 0;
    struct tr_json *list = tr_json_array();
    for (int i = 0; list && !rc && i < n; i++)
        rc = tr_json_append(list, tr_json_integer(id[i]));
    if (!rc)
        return tr__hf_put(c, "eos_token_id", list, err);
    tr_json_free(list);
    return tr_err_set(err, TR_ENOMEM, "out of memory");
}

/* ---- generation_config.json ------------------------------------------------------- */

/* general.sampling.*, how the model wants to be sampled: the number of fewest digits. */
static int put_number(struct tr_json *c, const struct tr_gguf *g, const char *field,
                      const char *key, struct tr_err *err)
{
    int64_t whole;
    float x;
    if (tr_gguf_int(g, key, &whole, NULL) == 1)
        return tr__hf_put(c, field, tr_json_integer(whole), err);
    if (tr_gguf_f32(g, key, &x, NULL) != 1 || !isfinite(x))
        return 0;
    return tr__hf_put(c, field, tr_json_number(tr__hf_short(x)), err);
}

static int generation(const struct tr__hf_gifts *x, struct tr_json *c, struct tr_err *err)
{
    static const char *const of[][2] = {
        { "top_k", "general.sampling.top_k" }, { "top_p", "general.sampling.top_p" },
        { "min_p", "general.sampling.min_p" }, { "temperature", "general.sampling.temp" },
        { "repetition_penalty", "general.sampling.penalty_repeat" },
    };
    size_t before = tr_json_count(c);
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof of / sizeof *of; i++)
        rc = put_number(c, x->g, of[i][0], of[i][1], err);
    if (!rc && tr_json_count(c) > before)
        rc = tr__hf_put(c, "do_sample", tr_json_truth(1), err);
    if (!rc)
        rc = put_ids(c, x->g, err);
    return rc ? rc : put_ends(c, x->g, err);
}

/* ---- config.json ------------------------------------------------------------------ */

static const char *name_of(const struct tr_dtype *type)
{
    return type == &tr_f32 ? "float32" : type == &tr_f16 ? "float16" : "bfloat16";
}

/* Families that have no heads of keys by themselves cannot have fewer of these. */
static int check_heads(const struct tr__hf_gifts *x, const struct tr_json *c,
                       struct tr_err *err)
{
    const struct tr__hf_sizes *s = x->size;
    if (s->n_head_kv == s->n_head || tr_json_get(c, "num_key_value_heads"))
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': %lld heads of keys for %lld of queries, "
                      "which no config.json of %s can say", tr_gguf_path(x->g),
                      (long long)s->n_head_kv, (long long)s->n_head, x->arch->model_type[0]);
}

static int config(const struct tr__hf_gifts *x, const struct tr_dtype *type,
                  struct tr_json *c, struct tr_err *err)
{
    struct tr__hf_out out = { x->arch, x->size, x->g, c };
    int rc = tr__hf_keys_to_config(&out, err);
    if (!rc)
        rc = check_heads(x, c, err);
    if (!rc)
        rc = put_ids(c, x->g, err);
    if (!rc)
        rc = tr__hf_put_rope(&out, err);
    const char *name = name_of(type);
    /* transformers 5 says dtype, and takes this */
    return rc ? rc
              : tr__hf_put(c, "torch_dtype", tr_json_text(name, strlen(name)), err);
}

int tr__hf_configs(const struct tr__hf_gifts *x, const struct tr_dtype *type,
                   const struct tr__folder *to, struct tr_err *err)
{
    struct tr_json *c = tr_json_object(), *gen = tr_json_object();
    int rc = c && gen ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory");
    if (!rc)
        rc = config(x, type, c, err);
    if (!rc)
        rc = generation(x, gen, err);
    if (!rc)
        rc = tr__hf_json_file(c, to, "config.json", err);
    if (!rc)
        rc = tr__hf_json_file(gen, to, "generation_config.json", err);
    tr_json_free(gen);
    tr_json_free(c);
    return rc;
}
