/* SPDX-License-Identifier: MIT
 *
 * Tokenizers: what the kinds share.  Meaning of the keys and their defaults: gguf.md and
 * llama.cpp's llama-vocab.cpp.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>

#include <stdlib.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* the state on the stack */
#include <xxhash.h>

static const struct tr__tokenizer_kind *const kinds[] = {
#define TR_TOKENIZER(name) &tr__tokenizer_##name,
#include <libtrain/tokenizer/kinds.def>
#undef TR_TOKENIZER
};

static const struct tr__tokenizer_kind *find_kind(const struct tr_gguf *g,
                                                  struct tr_err *err)
{
    struct tr_str name;
    int found = tr_gguf_string(g, "tokenizer.ggml.model", &name, err);
    if (found < 0)
        return NULL;
    if (!found) {
        tr_err_set(err, TR_EFORMAT, "no vocabulary: 'tokenizer.ggml.model' is missing");
        return NULL;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i]->model) == name.len &&
            !memcmp(kinds[i]->model, name.ptr, name.len))
            return kinds[i];
    tr_err_set(err, TR_EUNSUPPORTED, "unknown tokenizer model '%.*s'",
               name.len > 80 ? 80 : (int)name.len, name.ptr);
    return NULL;
}

/* A token id, or -1 for none.  *id keeps its default where the key is absent. */
static int read_id(const struct tr_gguf *g, const char *key, uint32_t n_vocab, int32_t *id,
                   struct tr_err *err)
{
    int64_t v;
    int found = tr_gguf_int(g, key, &v, err);
    if (found <= 0)
        return found;
    if (v < -1 || v >= n_vocab)
        return tr_err_set(err, TR_EFORMAT, "'%s' is %lld, the vocabulary has %u tokens",
                          key, (long long)v, n_vocab);
    *id = (int32_t)v;
    return 0;
}

static int read_ids(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    static const char *const other[] = { "unknown", "padding", "seperator", "separator",
                                         "mask", "eot", "eom", "cls" };
    const struct tr__vocab *v = &t->vocab;
    int32_t id = -1;
    t->bos = t->kind->bos < (int64_t)v->n ? t->kind->bos : -1;
    t->eos = t->kind->eos < (int64_t)v->n ? t->kind->eos : -1;
    int rc = read_id(g, "tokenizer.ggml.bos_token_id", v->n, &t->bos, err);
    if (!rc)
        rc = read_id(g, "tokenizer.ggml.eos_token_id", v->n, &t->eos, err);
    for (size_t i = 0; i < sizeof other / sizeof *other && !rc; i++) {
        char key[64] = "tokenizer.ggml.";
        strcat(strcat(key, other[i]), "_token_id");
        rc = read_id(g, key, v->n, &id, err);
    }
    return rc;
}

/* Keys that say what is put around a text, over the defaults of the kind. */
static int read_additions(struct tr_tokenizer *t, const struct tr_gguf *g,
                          struct tr_err *err)
{
    int rc = tr_gguf_bool(g, "tokenizer.ggml.add_space_prefix", &t->add_space, err);
    if (rc < 0)
        return rc;
    rc = tr_gguf_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos, err);
    if (rc < 0)
        return rc;
    if (rc == 1 && t->add_bos && t->bos < 0)
        return tr_err_set(err, TR_EFORMAT, "'tokenizer.ggml.add_bos_token' is set, but "
                          "there is no 'tokenizer.ggml.bos_token_id'");
    t->add_bos = t->add_bos && t->bos >= 0;
    return 0;
}

static int build(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    t->kind = find_kind(g, err);
    if (!t->kind)
        return -1;
    t->add_bos = t->kind->add_bos;
    t->add_space = t->kind->add_space;
    int rc = tr__vocab_read(&t->vocab, g, t->kind->unescape, err);
    if (!rc)
        rc = read_ids(t, g, err);
    if (!rc)
        rc = t->kind->init(t, g, err);
    return rc ? rc : read_additions(t, g, err);
}

struct tr_tokenizer *tr_tokenizer_new(const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_tokenizer *t = calloc(1, sizeof *t);
    if (!t) {
        tr_err_sys(err, "cannot hold a tokenizer");
        return NULL;
    }
    if (build(t, g, err)) {
        tr_err_prefix(err, "'%s'", tr_gguf_path(g));
        tr_tokenizer_free(t);
        return NULL;
    }
    return t;
}

void tr_tokenizer_free(struct tr_tokenizer *t)
{
    if (!t)
        return;
    if (t->kind)
        t->kind->release(t);
    tr__vocab_release(&t->vocab);
    free(t);
}

const char *tr_tokenizer_warning(const struct tr_tokenizer *t, size_t i)
{
    for (size_t k = 0; k < sizeof t->vocab.warning / sizeof *t->vocab.warning; k++)
        if (*t->vocab.warning[k] && i-- == 0)
            return t->vocab.warning[k];
    return NULL;
}

uint64_t tr_vocab_hash(const struct tr_gguf *g)
{
    static const char *const key[] = {
        "tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type", "tokenizer.ggml.scores", "tokenizer.ggml.merges",
    };
    XXH64_state_t state;
    XXH64_reset(&state, 0);
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, key[i]);
        if (!kv && !strcmp(key[i], "tokenizer.ggml.tokens"))
            return 0;
        /* what each part is and how long, so that none runs into the next */
        uint64_t head[3] = { i, kv ? kv->elem : 0, kv ? kv->data_bytes : 0 };
        XXH64_update(&state, head, sizeof head);
        if (kv && kv->data_bytes)
            XXH64_update(&state, kv->data, kv->data_bytes);
    }
    uint64_t hash = XXH64_digest(&state);
    return hash ? hash : 1;
}

uint32_t tr_tokenizer_n_vocab(const struct tr_tokenizer *t)
{
    return t->vocab.n;
}

int32_t tr_tokenizer_bos(const struct tr_tokenizer *t)
{
    return t->bos;
}

int32_t tr_tokenizer_eos(const struct tr_tokenizer *t)
{
    return t->eos;
}

int tr_tokenizer_add_bos(const struct tr_tokenizer *t)
{
    return t->add_bos;
}

int tr_tokenizer_is_special(const struct tr_tokenizer *t, uint32_t id)
{
    if (id >= t->vocab.n)
        return 0;
    uint8_t type = t->vocab.type[id];
    return type == TR__TOKEN_CONTROL || type == TR__TOKEN_UNKNOWN || type == TR__TOKEN_USER;
}

static int push_bytes(char **buf, size_t *n, size_t *cap, struct tr_str s,
                      struct tr_err *err)
{
    if (tr__grow(buf, cap, *n + s.len, 1))
        return tr_err_sys(err, "cannot hold %zu bytes of text", *n + s.len);
    if (s.len)
        memcpy(*buf + *n, s.ptr, s.len);
    *n += s.len;
    return 0;
}

int tr_tokenizer_decode(const struct tr_tokenizer *t, uint32_t id, int first, int special,
                        char **buf, size_t *n, size_t *cap, struct tr_err *err)
{
    if (id >= t->vocab.n)
        return tr_err_set(err, TR_EFORMAT, "token %u, but the vocabulary has %u", id,
                          t->vocab.n);
    uint8_t type = t->vocab.type[id];
    int is_special = tr_tokenizer_is_special(t, id);
    if (!special && is_special && type != TR__TOKEN_USER)
        return 0;
    struct tr_str s = tr__vocab_bytes(&t->vocab, id);
    if (first && t->add_space && !is_special && s.len && *s.ptr == ' ') {
        s.ptr++;
        s.len--;
    }
    return push_bytes(buf, n, cap, s, err);
}
