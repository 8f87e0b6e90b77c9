/* SPDX-License-Identifier: MIT
 *
 * What a bundle says of its model: sizes, as Hugging Face's config.json would have them but
 * by the names of MLC (mlc_families.c), how the tokenizer works, how to sample.
 */
#include <libtrain/publish/mlc_config.h>

#include <libtrain/hf/hf.h>

#include <string.h>

/* ---- what config.json would say --------------------------------------------------- */

static struct tr_json *hf_config(const struct tr_gguf *g, int tie, struct tr_err *err)
{
    struct tr__hf_sizes size;
    struct tr__hf_out out = { .g = g, .size = &size };
    if (!(out.arch = tr__hf_of_gguf(g, err)) || tr__hf_sizes_of_gguf(g, &size, err))
        return NULL;
    if (!(out.config = tr_json_object())) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a configuration");
        return NULL;
    }
    int rc = tr__hf_keys_to_config(&out, err);
    if (!rc)
        rc = tr__hf_put_rope(&out, err);
    if (!rc && ((!tr_json_get(out.config, "head_dim") &&
                 tr_json_set(out.config, "head_dim", tr_json_integer(size.head_dim))) ||
                (tie && tr_json_set(out.config, "tie_word_embeddings", tr_json_truth(1)))))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for a configuration");
    if (!rc)
        return out.config;
    tr_json_free(out.config);
    return NULL;
}

static const char *rope_type(const struct tr_json *config)
{
    size_t n;
    const struct tr_json *type = tr__hf_field(config, "rope_parameters.rope_type");
    return type ? tr_json_string(type, &n) : "default";
}

/* What is beside it in config.json, and in it here. */
static void put_long(struct tr__put *to, const struct tr_json *config)
{
    static const char *const name[] = { "max_position_embeddings",
                                        "original_max_position_embeddings" };
    tr__put_text(to, "rope_type", "longrope");
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (tr_json_get(config, name[i]))
            tr__put(to, name[i], tr_json_share(tr_json_get(config, name[i])));
}

/* The scaling of rope, by which a library was compiled: MLC knows two, each in one family. */
static int put_scaling(struct tr__put *o, const struct tr_gguf *g,
                       const struct tr__mlc_family *family, const struct tr_json *config,
                       struct tr_err *err)
{
    const char *type = rope_type(config);
    int llama = family == &tr__mlc_llama, phi3 = family == &tr__mlc_phi3;
    if (!strcmp(type, "default")) {
        if (llama || phi3)
            tr__put_null(o, "rope_scaling");
        return 0;
    }
    if (!(llama && !strcmp(type, "llama3")) && !(phi3 && !strcmp(type, "longrope")))
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': %s models of MLC have no scaling of "
                          "rope of the type %s", tr_gguf_path(g), family->model_type, type);
    struct tr__put to = { tr_json_object(), 0 };
    struct tr_json_each e = tr_json_each(tr_json_get(config, "rope_scaling"));
    while (tr_json_next(&e))
        if (e.value)
            tr__put(&to, e.key, tr_json_share(e.value));
    if (phi3)
        put_long(&to, config);
    tr__put_object(o, "rope_scaling", &to);
    return 0;
}

/* ---- sizes ------------------------------------------------------------------------ */

static void put_fields(struct tr__put *o, const struct tr__mlc_family *family,
                       const struct tr_json *config)
{
    for (const struct tr__mlc_field *f = family->field; f->name; f++) {
        const struct tr_json *v = f->hf ? tr__hf_field(config, f->hf) : NULL;
        if (v)
            tr__put(o, f->name, tr_json_share(v));
        else if (f->json)
            tr__put_json(o, f->name, f->json);
    }
}

static int64_t field_int(const struct tr_json *config, const char *name)
{
    const struct tr_json *v = tr__hf_field(config, name);
    return v ? tr_json_int(v) : 0;
}

/* A browser takes the memory of all positions at once. */
enum { USUAL_CONTEXT = 4096 };

struct context { /* positions */
    int64_t n, chunk;
};

/* MLC lets all blocks see everything, so where some should not, no more is asked of them. */
static int context_of(struct context *c, const struct tr__mlc_family *family,
                      const struct tr_json *config, const char *path, int64_t wanted,
                      struct tr_err *err)
{
    int64_t own = field_int(config, family->positions ? "n_positions"
                                                      : "max_position_embeddings");
    int64_t window = field_int(config, "sliding_window"), most = own;
    if (family->positions && wanted && wanted != own)
        return tr_err_set(err, TR_EINVAL, "'%s' has a table of %lld positions: it can have no "
                          "other context", path, (long long)own);
    if (wanted > own && own > 0)
        return tr_err_set(err, TR_EINVAL, "'%s' is made for %lld positions: a context of %lld is "
                          "beyond them", path, (long long)own, (long long)wanted);
    if (family->window_context && window) {
        int64_t sees = window > family->window_context ? window : family->window_context;
        most = sees < most ? sees : most;
    }
    if (most > USUAL_CONTEXT && !family->positions)
        most = USUAL_CONTEXT;
    c->n = wanted ? wanted : most;
    c->chunk = c->n < family->most_chunk ? c->n : family->most_chunk;
    return 0;
}

static void put_context(struct tr__put *o, const struct context *c)
{
    tr__put_int(o, "context_window_size", c->n);
    tr__put_int(o, "prefill_chunk_size", c->chunk);
}

static int put_model(struct tr__put *to, const struct tr_gguf *g,
                     const struct tr__mlc_family *family, const struct tr_json *config,
                     const struct context *c, struct tr_err *err)
{
    struct tr__put o = { tr_json_object(), 0 };
    put_fields(&o, family, config);
    int rc = put_scaling(&o, g, family, config, err);
    put_context(&o, c);
    if (family->inside) {
        struct tr__put outer = { tr_json_object(), 0 };
        tr__put_object(&outer, family->inside, &o);
        tr__put_int(&outer, "vocab_size", field_int(config, "vocab_size"));
        put_context(&outer, c);
        tr__put_bool(&outer, "is_text_model", 1);
        o = outer;
    }
    tr__put_int(&o, "tensor_parallel_shards", 1);
    tr__put_int(&o, "max_batch_size", 128);
    tr__put_object(to, "model_config", &o);
    return rc;
}

/* ---- tokens ----------------------------------------------------------------------- */

enum { UNUSED_TOKEN = 5 };

/* Tokens that the tokenizer has, which may be fewer than rows of the table. */
static int64_t active(const struct tr_gguf *g, int64_t n_vocab)
{
    const struct tr_gguf_kv *type = tr_gguf_find_kv(g, "tokenizer.ggml.token_type");
    int64_t n = 0;
    if (!type || type->type != TR_GGUF_ARRAY || (int64_t)type->count != n_vocab)
        return n_vocab;
    for (uint64_t i = 0; i < type->count; i++)
        n += tr_gguf_elem_int(type, i) != UNUSED_TOKEN;
    return n;
}

static int put_tokens(struct tr__put *o, const struct tr_gguf *g, struct tr_err *err)
{
    static const char *const id[][2] = {
        { "pad_token_id", "tokenizer.ggml.padding_token_id" },
        { "bos_token_id", "tokenizer.ggml.bos_token_id" },
        { "eos_token_id", "tokenizer.ggml.eos_token_id" },
    };
    struct tr_str model = { "", 0 };
    struct tr__put info = { tr_json_object(), 0 };
    int prefix = 1, rc = tr_gguf_string(g, "tokenizer.ggml.model", &model, err);
    if (rc >= 0)
        rc = tr_gguf_bool(g, "tokenizer.ggml.add_space_prefix", &prefix, err);
    int pieces = tr_str_is(model, "llama"), space = pieces && prefix;
    tr__put_text(&info, "token_postproc_method", pieces ? "byte_fallback" : "byte_level");
    tr__put_bool(&info, "prepend_space_in_encode", space);
    tr__put_bool(&info, "strip_space_in_decode", space);
    tr__put_object(o, "tokenizer_info", &info);
    for (size_t i = 0; rc >= 0 && i < sizeof id / sizeof *id; i++) {
        int64_t n = 0;
        rc = tr_gguf_int(g, id[i][1], &n, err);
        tr__put_int(o, id[i][0], n);
    }
    return rc < 0 ? rc : 0;
}

/* ---- all -------------------------------------------------------------------------- */

static void put_sampling(struct tr__put *o)
{
    tr__put_real(o, "temperature", 1.0);
    tr__put_real(o, "presence_penalty", 0.0);
    tr__put_real(o, "frequency_penalty", 0.0);
    tr__put_real(o, "repetition_penalty", 1.0);
    tr__put_real(o, "top_p", 1.0);
}

int tr__mlc_config(struct tr__put *o, const struct tr__mlc_weights *w,
                   const struct tr_tokenizer *tok, int64_t n_ctx, struct tr_err *err)
{
    const struct tr_gguf *g = w->g;
    const struct tr__mlc_family *family = w->family;
    struct context c = { 0 };
    struct tr_json *config = hf_config(g, w->tie, err);
    int rc = config ? context_of(&c, family, config, tr_gguf_path(g), n_ctx, err)
                    : TR_EUNSUPPORTED;
    if (!rc) {
        int64_t n_vocab = field_int(config, "vocab_size");
        tr__put_text(o, "version", "0.1.0");
        tr__put_text(o, "model_type", family->model_type);
        tr__put_text(o, "quantization", w->quant->name);
        rc = put_model(o, g, family, config, &c, err);
        tr__put_int(o, "vocab_size", n_vocab);
        put_context(o, &c);
        tr__put_int(o, "sliding_window_size", -1);
        tr__put_int(o, "attention_sink_size", -1);
        tr__put_int(o, "tensor_parallel_shards", 1);
        tr__put_int(o, "pipeline_parallel_stages", 1);
        tr__put_bool(o, "disaggregation", 0);
        tr__put_int(o, "active_vocab_size", active(g, tr_tokenizer_n_vocab(tok)));
        put_sampling(o);
        tr__put_text(o, "model_task", "chat");
        tr__put_null(o, "embedding_metadata");
    }
    if (!rc)
        rc = put_tokens(o, g, err);
    tr_json_free(config);
    return rc;
}
