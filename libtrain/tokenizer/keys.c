/* SPDX-License-Identifier: MIT
 *
 * What the keys tokenizer.ggml.* say of special tokens and of what is put around a text;
 * meanings and defaults are those of gguf.md and of llama.cpp's llama-vocab.cpp.  A key
 * that does not matter for the work at hand does not stop it: an id that is no token is
 * told and left out, and what needs it (BOS, EOS) fails when it is needed.
 *
 * No effect, here as there, have the other ids without role, add_sep_token (for ranking)
 * and token_type_count.  What decides how a kind cuts or normalises its text, that kind
 * reads. Read next: named.c, for tokens that no key names.
 */
#include <libtrain/tokenizer/kind.h>

#include <stdio.h>
#include <string.h>

enum { OTHER, BOS, EOS, UNK, SEP };

static const struct {
    const char *name; /* tokenizer.ggml.NAME_token_id */
    uint8_t what, role;
} keys[] = {
    { "bos", BOS, 0 },
    { "eos", EOS, TR__ROLE_ENDS },
    { "eot", OTHER, TR__ROLE_ENDS },
    { "eom", OTHER, TR__ROLE_ENDS },
    { "unknown", UNK, 0 },
    { "padding", OTHER, 0 },
    { "seperator", SEP, 0 }, /* so it is spelt; the other is not known to llama.cpp */
    { "separator", OTHER, 0 },
    { "mask", OTHER, 0 },
    { "cls", OTHER, 0 },
    { "fim_pre", OTHER, TR__ROLE_FIM_PRE },
    { "fim_suf", OTHER, TR__ROLE_FIM_SUF },
    { "fim_mid", OTHER, TR__ROLE_FIM_MID },
    { "fim_pad", OTHER, TR__ROLE_FIM_PAD },
    { "fim_rep", OTHER, TR__ROLE_FIM_REPO },
    { "fim_sep", OTHER, TR__ROLE_FIM_SEP },
    { "prefix", OTHER, TR__ROLE_FIM_PRE }, /* older names */
    { "suffix", OTHER, TR__ROLE_FIM_SUF },
    { "middle", OTHER, TR__ROLE_FIM_MID },
};

/* 1 and the id that key i names, 0 if it names none, or a failure. */
static int read_id(const struct tr_gguf *g, size_t i, uint32_t n_vocab, int32_t *id,
                   struct tr_err *err)
{
    char key[64];
    int64_t v = -1;
    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", keys[i].name);
    int found = tr_gguf_int(g, key, &v, NULL);
    if (found < 0)
        return tr_err_set(err, found, "'%s' is no integer", key);
    if (v < -1 || v >= n_vocab)
        return tr_err_set(err, TR_EFORMAT, "'%s' is %lld, the vocabulary has %u tokens",
                          key, (long long)v, n_vocab);
    *id = (int32_t)v;
    return found;
}

uint16_t tr__keys_roles(const struct tr_gguf *g)
{
    const struct tr_gguf_kv *tokens = tr_gguf_find_kv(g, "tokenizer.ggml.tokens");
    uint32_t n = tokens && tokens->count <= INT32_MAX ? (uint32_t)tokens->count : 0;
    uint16_t roles = 0;
    int32_t id = -1;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (read_id(g, i, n, &id, NULL) == 1 && id >= 0)
            roles |= keys[i].role;
    return roles & (uint16_t)~TR__ROLE_ENDS; /* several may end a text */
}

static void set_id(struct tr_tokenizer *t, size_t i, int32_t id)
{
    int32_t *place[] = { NULL, &t->bos, &t->eos, &t->unk, &t->sep };
    if (place[keys[i].what])
        *place[keys[i].what] = id;
    if (id >= 0)
        t->vocab.role[id] |= keys[i].role;
}

/* A default that no key has changed counts like a key. */
static void read_ids(struct tr_tokenizer *t, const struct tr_gguf *g)
{
    int32_t n = (int32_t)t->vocab.n;
    t->bos = t->kind->bos < n ? t->kind->bos : -1;
    t->eos = t->kind->eos < n ? t->kind->eos : -1;
    t->unk = t->kind->unk < n ? t->kind->unk : -1;
    t->sep = t->kind->sep < n ? t->kind->sep : -1;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct tr_err err = { 0 };
        int32_t id = -1;
        int found = read_id(g, i, t->vocab.n, &id, &err);
        if (found == 1)
            set_id(t, i, id);
        else if (found < 0)
            tr__vocab_warn(&t->vocab, "%s: left out", err.text);
    }
    if (t->eos >= 0)
        t->vocab.role[t->eos] |= TR__ROLE_ENDS;
}

/* What is put around a text, where the kind leaves it to the file. */
static int read_around(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    int by_pre = t->add_bos;
    int rc = tr_gguf_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos, err);
    if (rc == 1 && !t->add_bos && t->kind->always_bos)
        tr__vocab_warn(&t->vocab, "'tokenizer.ggml.add_bos_token' is false, but a model "
                       "with this tokenizer needs BOS: it is taken as true, as llama.cpp "
                       "does");
    if (rc == 0 || (rc == 1 && t->kind->always_bos))
        t->add_bos = by_pre && t->bos >= 0;
    return rc < 0 ? rc : tr_gguf_bool(g, "tokenizer.ggml.add_eos_token", &t->add_eos, err);
}

int tr__keys_read(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, "tokenizer.ggml.suppress_tokens");
    read_ids(t, g);
    if (kv && kv->count)
        tr__vocab_warn(&t->vocab, "'%s' has no effect here", kv->key);
    int rc = tr_gguf_bool(g, "tokenizer.ggml.add_space_prefix", &t->add_space, err);
    if (rc >= 0 && t->kind->around == TR__AROUND_KEYS)
        rc = read_around(t, g, err);
    if (t->kind->around == TR__AROUND_SEP)
        t->eos = t->sep; /* it ends no text that is generated */
    return rc < 0 ? rc : 0;
}
