/* SPDX-License-Identifier: MIT
 *
 * Tokenizers: what the kinds share.  Meaning of the keys and their defaults: gguf.md and
 * llama.cpp's llama-vocab.cpp.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/tokenizer.h>

#include <stdlib.h>
#include <string.h>


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
        tr_err_set(err, TR_EFORMAT, "no vocabulary ('tokenizer.ggml.model' is missing): it "
                   "is %s", tr_gguf_purpose(g));
        return NULL;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (tr_str_is(name, kinds[i]->model))
            return kinds[i];
    if (tr_str_is(name, "none") || tr_str_is(name, "no_vocab"))
        tr_err_set(err, TR_EFORMAT, "no vocabulary: 'tokenizer.ggml.model' is '%.*s'",
                   (int)name.len, name.ptr);
    tr_err_set(err, TR_EUNSUPPORTED, "unknown tokenizer model '%.*s'",
               name.len > 80 ? 80 : (int)name.len, name.ptr);
    return NULL;
}

/* What is no text says nothing. */
static struct tr_str word_of(const struct tr_gguf *g, const char *key)
{
    struct tr_str s = { 0 };
    return tr_gguf_string(g, key, &s, NULL) == 1 ? s : (struct tr_str){ 0 };
}

/* Another kind, if the name of the pre-tokenizer says so, which has told all then. */
static void choose_by_pre(struct tr_tokenizer *t, const struct tr_gguf *g)
{
    struct tr_str pre = word_of(g, "tokenizer.ggml.pre");
    if (t->pre)
        pre = (struct tr_str){ t->pre, strlen(t->pre) };
    const struct tr__tokenizer_kind *other = t->kind->by_pre ? t->kind->by_pre(pre) : NULL;
    if (other) {
        t->kind = other;
        t->pre = NULL;
    }
}

static int build(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    t->kind = find_kind(g, err);
    if (!t->kind)
        return -1;
    choose_by_pre(t, g);
    t->add_bos = t->kind->add_bos;
    t->add_eos = t->kind->add_eos;
    t->add_space = t->kind->add_space;
    int rc = tr__vocab_read(&t->vocab, g, t->kind->unescape, tr__keys_roles(g), err);
    if (!rc)
        rc = t->kind->init(t, g, err);
    if (!rc)
        rc = tr__keys_read(t, g, err);
    if (!rc)
        tr__named_strips(&t->vocab, word_of(g, "general.name"),
                         word_of(g, "tokenizer.ggml.pre"),
                         word_of(g, "general.architecture"));
    return rc;
}

struct tr_tokenizer *tr_tokenizer_new(const struct tr_gguf *g, struct tr_err *err)
{
    return tr_tokenizer_new_pre(g, NULL, err);
}

struct tr_tokenizer *tr_tokenizer_new_pre(const struct tr_gguf *g, const char *pre,
                                          struct tr_err *err)
{
    struct tr_tokenizer *t = calloc(1, sizeof *t);
    if (!t) {
        tr_err_sys(err, "cannot hold a tokenizer");
        return NULL;
    }
    t->pre = pre;
    t->long_word = TR__LONG_WORD;
    if (build(t, g, err)) {
        tr_err_prefix(err, "'%s'", tr_gguf_path(g));
        tr_tokenizer_free(t);
        return NULL;
    }
    t->pre = NULL;
    return t;
}

void tr_tokenizer_free(struct tr_tokenizer *t)
{
    if (!t)
        return;
    if (t->kind && t->kind->release)
        t->kind->release(t);
    tr__tree_release(&t->trie);
    tr__tree_release(&t->ends);
    free(t->joint);
    free(t->pair);
    tr__vocab_release(&t->vocab);
    tr__vocab_release(&t->extra);
    free(t);
}

const char *tr_tokenizer_warning(const struct tr_tokenizer *t, size_t i)
{
    return i < t->vocab.n_warning ? t->vocab.warning[i] : NULL;
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

int tr_tokenizer_add_eos(const struct tr_tokenizer *t)
{
    return t->add_eos;
}

int tr_tokenizer_around(const struct tr_tokenizer *t)
{
    return (t->add_bos ? TR_ENCODE_BOS : 0) | (t->add_eos ? TR_ENCODE_EOS : 0);
}

void tr_tokenizer_watch(struct tr_tokenizer *t, const struct tr_progress *p)
{
    t->progress = *p;
}

int tr_tokenizer_is_eog(const struct tr_tokenizer *t, uint32_t id)
{
    return id < t->vocab.n && (t->vocab.role[id] & TR__ROLES_THAT_END) != 0;
}

int tr_tokenizer_is_special(const struct tr_tokenizer *t, uint32_t id)
{
    if (id >= t->vocab.n)
        return 0;
    uint8_t type = t->vocab.type[id];
    return type == TR__TOKEN_CONTROL || type == TR__TOKEN_UNKNOWN ||
           type == TR__TOKEN_USER || type == TR__TOKEN_NAMED;
}

int tr__tokenizer_strips(const struct tr_tokenizer *t, uint32_t id)
{
    uint16_t role = t->vocab.role[id];
    return (role & TR__ROLE_STRIPS_LEFT ? 1 : 0) | (role & TR__ROLE_STRIPS ? 2 : 0);
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

/* What an id stands for in a text.  A token that no text should have is nothing, where
 * tokens are pieces of words. */
static struct tr_str piece(const struct tr_tokenizer *t, uint32_t id, int special)
{
    uint8_t type = t->vocab.type[id];
    int hidden = tr_tokenizer_is_special(t, id) && type != TR__TOKEN_USER;
    int nothing = type == TR__TOKEN_UNUSED || type == TR__TOKEN_UNDEFINED;
    if ((hidden && !special) || (nothing && !t->kind->all_pieces))
        return (struct tr_str){ 0 };
    return tr__vocab_bytes(&t->vocab, id);
}

int tr_tokenizer_decode(const struct tr_tokenizer *t, uint32_t id, int first, int special,
                        char **buf, size_t *n, size_t *cap, struct tr_err *err)
{
    if (id >= t->vocab.n)
        return tr_err_set(err, TR_EFORMAT, "token %u, but the vocabulary has %u", id,
                          t->vocab.n);
    struct tr_str s = piece(t, id, special);
    int is_special = tr_tokenizer_is_special(t, id), spelt = 1;
    if (first && tr__puts_space(t) && !is_special && s.len && *s.ptr == ' ') {
        s.ptr++;
        s.len--;
    }
    size_t at = *n;
    int rc = push_bytes(buf, n, cap, s, err);
    if (!rc && is_special && t->kind->all_pieces && s.len)
        *n = at + t->kind->unescape(*buf + at, s.len, *buf + at, &spelt);
    return rc;
}

size_t tr_tokenizer_clean(const struct tr_tokenizer *t, char *text, size_t len)
{
    return t->kind->clean ? t->kind->clean(text, len) : len;
}

int tr_tokenizer_cleans(const struct tr_tokenizer *t)
{
    return t->kind->clean != NULL;
}
