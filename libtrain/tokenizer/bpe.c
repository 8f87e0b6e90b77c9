/* SPDX-License-Identifier: MIT
 *
 * Byte-level BPE (tokenizer.ggml.model "gpt2"): Radford et al. 2019.  In the file a byte is
 * written as a printable character; here tokens are the bytes themselves, and a merge is
 * a pair of ids with a rank.
 */
#include <libtrain/tokenizer/kind.h>

#include <stdlib.h>
#include <string.h>

/* The byte that a character of GPT-2's alphabet stands for, or -1: what is printable in
 * Latin-1 is itself, the other bytes are U+0100 and up, in order. */
static int byte_of_char(unsigned c)
{
    if ((c >= 0x21 && c <= 0x7e) || (c >= 0xa1 && c <= 0xac) || (c >= 0xae && c <= 0xff))
        return (int)c;
    if (c < 0x100 || c > 0x143)
        return -1;
    c -= 0x100;
    return c <= 0x20 ? (int)c : c <= 0x42 ? (int)c - 0x21 + 0x7f : 0xad;
}

/* A character outside the alphabet stands for its UTF-8. */
static size_t bpe_unescape(const char *text, size_t len, char *out)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        int two = i + 1 < len && s[i] >= 0xc2 && s[i] <= 0xc5 && (s[i + 1] & 0xc0) == 0x80;
        int byte = byte_of_char(two ? (s[i] & 0x1fu) << 6 | (s[i + 1] & 0x3fu) : s[i]);
        if (s[i] >= 0x80 && !two)
            byte = -1;
        if (byte >= 0) {
            out[n++] = (char)byte;
            i += two ? 2 : 1;
        } else {
            out[n++] = text[i++];
            if (two)
                out[n++] = text[i++];
        }
    }
    return n;
}

static uint64_t pair_hash(uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: spreads what is near */
    return key ^ key >> 32;
}

/* The slot of a pair, or the empty one where it belongs. */
static struct tr__pair *pair_slot(const struct tr_tokenizer *t, uint64_t key)
{
    for (uint64_t i = pair_hash(key) & t->pair_mask;; i = (i + 1) & t->pair_mask) {
        struct tr__pair *p = &t->pair[i];
        if (!p->to_plus || p->key == key)
            return p;
    }
}

static void bpe_pair(const struct tr_tokenizer *t, const char *word, struct tr__symbol *l,
                     const struct tr__symbol *r)
{
    (void)word;
    const struct tr__pair *p = pair_slot(t, (uint64_t)l->id << 32 | (uint32_t)r->id);
    if (p->to_plus) {
        l->prio = p->rank;
        l->to = p->to_plus - 1;
    }
}

/* The id with these bytes, or -1.  Merges and the tokens they make mostly stand in the same
 * order: near the one before, `guess`, is the place to look first. */
static int32_t find_near(const struct tr__vocab *v, uint32_t guess, const char *p,
                         size_t len)
{
    for (uint32_t id = guess; !v->n_twice && id < v->n && id < guess + 2; id++) {
        struct tr_str s = tr__vocab_bytes(v, id);
        if (s.len == len && v->type[id] == TR__TOKEN_NORMAL && !memcmp(s.ptr, p, len))
            return (int32_t)id;
    }
    return tr__idmap_find(&v->text, v, p, len);
}

/* "left right", one space between two tokens whose bytes together are a token too. */
static int add_merge(struct tr_tokenizer *t, struct tr_str s, uint32_t rank, char *bytes,
                     uint32_t *guess)
{
    const char *space = s.len ? memchr(s.ptr, ' ', s.len) : NULL;
    if (!space || memchr(space + 1, ' ', (size_t)(s.ptr + s.len - space - 1)))
        return 0;
    size_t left_len = (size_t)(space - s.ptr);
    size_t n_left = bpe_unescape(s.ptr, left_len, bytes);
    size_t n_right = bpe_unescape(space + 1, s.len - left_len - 1, bytes + n_left);
    int32_t left = tr__idmap_find(&t->vocab.text, &t->vocab, bytes, n_left);
    int32_t right = tr__idmap_find(&t->vocab.text, &t->vocab, bytes + n_left, n_right);
    int32_t to = find_near(&t->vocab, *guess, bytes, n_left + n_right);
    if (left < 0 || right < 0 || to < 0)
        return 0;
    uint64_t key = (uint64_t)left << 32 | (uint32_t)right;
    struct tr__pair *p = pair_slot(t, key);
    if (p->to_plus)
        return 0;
    *p = (struct tr__pair){ key, rank, (uint32_t)to + 1 };
    *guess = (uint32_t)to;
    return 1;
}

static int read_merges(struct tr_tokenizer *t, const struct tr_gguf_kv *kv,
                       struct tr_err *err)
{
    char *bytes = NULL;
    size_t cap = 0;
    int rc = 0;
    uint64_t cursor = 0;
    uint32_t guess = 0;
    for (uint32_t i = 0; i < kv->count && !rc; i++) {
        struct tr_str s = tr_gguf_elem_string(kv, &cursor);
        if (s.len > cap) {
            free(bytes);
            cap = 2 * s.len;
            bytes = malloc(cap);
        }
        if (cap && !bytes)
            rc = tr_err_sys(err, "cannot hold a merge of %zu bytes", s.len);
        else if (!add_merge(t, s, i, bytes, &guess))
            rc = tr_err_set(err, TR_EFORMAT, "merge %u '%.*s' is not two tokens that make "
                            "a third, or stands there twice", i,
                            s.len > 80 ? 80 : (int)s.len, s.ptr);
    }
    free(bytes);
    return rc;
}

static int init_merges(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *kv;
    int found = tr_gguf_array(g, "tokenizer.ggml.merges", TR_GGUF_STRING, &kv, err);
    if (found < 0)
        return found;
    if (!found)
        return tr_err_set(err, TR_EFORMAT, "no merges in 'tokenizer.ggml.merges'");
    /* A token of n bytes is the result of n - 1 pairs at most: what is more cannot be
     * right, and the table stays in proportion to the file. */
    if (kv->count > t->vocab.start[t->vocab.n])
        return tr_err_set(err, TR_EFORMAT, "%llu merges for %u tokens",
                          (unsigned long long)kv->count, t->vocab.n);
    uint64_t size = 4;
    while (size < kv->count + kv->count / 2)
        size *= 2;
    t->pair_mask = size - 1;
    t->pair = calloc(size, sizeof *t->pair);
    if (!t->pair)
        return tr_err_sys(err, "cannot hold %llu merges", (unsigned long long)kv->count);
    return read_merges(t, kv, err);
}

static int bpe_init(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_str name;
    int found = tr_gguf_string(g, "tokenizer.ggml.pre", &name, err);
    if (found < 0)
        return found;
    if (!found)
        return tr_err_set(err, TR_EUNSUPPORTED, "no pre-tokenizer in 'tokenizer.ggml.pre'");
    const struct tr__pretok *pre = tr__pretok_find(name);
    if (!pre)
        return tr_err_set(err, TR_EUNSUPPORTED, "unknown pre-tokenizer '%.*s'",
                          name.len > 80 ? 80 : (int)name.len, name.ptr);
    t->add_bos = pre->add_bos;
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        t->byte_id[b] = tr__idmap_find(&t->vocab.text, &t->vocab, &byte, 1);
    }
    int rc = init_merges(t, g, err);
    return rc ? rc : tr__pretok_compile(&t->pretok, pre, err);
}

static int encode_word(struct tr__encoder *e, const char *word, size_t len)
{
    const struct tr_tokenizer *t = e->t;
    if (t->pretok.kind->ignore_merges) {
        int32_t id = tr__idmap_find(&t->vocab.text, &t->vocab, word, len);
        if (id >= 0)
            return tr__push_id(e, (uint32_t)id);
    }
    int rc = tr__work_reserve(e, len);
    if (rc)
        return rc;
    for (size_t i = 0; i < len; i++) {
        int32_t id = t->byte_id[(unsigned char)word[i]];
        if (id < 0)
            return tr_err_set(e->err, TR_EUNSUPPORTED, "byte 0x%02x at offset %zu of the "
                              "text has no token in this vocabulary",
                              (unsigned char)word[i], (size_t)(word + i - e->text));
        e->work.sym[i] = (struct tr__symbol){ .start = (uint32_t)i, .len = 1, .id = id };
    }
    e->work.n_sym = len;
    tr__merge(e, word);
    return tr__push_symbols(e, word);
}

static int bpe_encode(struct tr__encoder *e, const char *text, size_t len, int first)
{
    (void)first;
    int rc = tr__splitter_begin(&e->splitter, &e->t->pretok, text, len, e->err);
    for (size_t at = 0; at < len && !rc;) {
        int64_t n = tr__splitter_next(&e->splitter, at);
        if (n < 0)
            return tr_err_set(e->err, TR_ENOMEM, "cannot split the text at byte %zu "
                              "(pcre2 %d)", (size_t)(text + at - e->text), (int)n);
        rc = tr__memo_word(e, text + at, (size_t)n, encode_word);
        at += (size_t)n;
    }
    return rc;
}

static size_t bpe_cut(struct tr__encoder *e, const char *text, size_t len)
{
    if (tr__splitter_begin(&e->splitter, &e->t->pretok, text, len, NULL))
        return 0;
    size_t at = tr__splitter_cut(&e->splitter);
    /* What is left of a character cut in two counts as no letter.  In front that is no
     * place to cut at; at the end it would be. */
    return at + 4 <= len ? at : 0;
}

static void bpe_release(struct tr_tokenizer *t)
{
    tr__pretok_release(&t->pretok);
    free(t->pair);
}

const struct tr__tokenizer_kind tr__tokenizer_bpe = {
    .model = "gpt2",
    .add_bos = 0, /* the pre-tokenizer decides */
    .add_space = 0,
    .bos = -1,
    .eos = -1,
    .unescape = bpe_unescape,
    .init = bpe_init,
    .encode = bpe_encode,
    .cut = bpe_cut,
    .pair = bpe_pair,
    .release = bpe_release,
};
