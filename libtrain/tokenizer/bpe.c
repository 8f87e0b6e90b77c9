/* SPDX-License-Identifier: MIT
 *
 * Byte-level BPE (tokenizer.ggml.model "gpt2"): Radford et al. 2019.  In the file a byte is
 * written as a printable character; here tokens are the bytes themselves, and a merge is
 * a pair of ids with a rank.  Read next: merges.c, where those come from, and merge.c.
 */
#include <libtrain/tokenizer/kind.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the pre-tokenizer ------------------------------------------------------------ */

static struct tr_str str(const char *s)
{
    return (struct tr_str){ s, strlen(s) };
}

/* One name of each pattern: there are many others for the same. */
static const struct tr__pretok *unknown(struct tr_str name, struct tr_err *err)
{
    char known[330] = "";
    size_t used = 0;
    const struct tr__pattern *last = NULL;
    for (size_t i = 0; tr__pretok_at(i) && used < sizeof known; i++) {
        const struct tr__pretok *p = tr__pretok_at(i);
        if (p->pattern != last)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
                                     last ? ", " : "", p->name);
        last = p->pattern;
    }
    tr_err_set(err, TR_EUNSUPPORTED, "unknown pre-tokenizer '%.*s': --pre NAME puts a "
               "known one in its place (%s, or another name of these)",
               name.len > 80 ? 80 : (int)name.len, name.ptr, known);
    return NULL;
}

/* Names that stand for tokens of characters: other kinds. */
static const struct {
    const char *name;
    const struct tr__tokenizer_kind *kind;
} of_characters[] = {
    { "gemma4", &tr__tokenizer_gemma4 },
    { "granite-embed-multi-311m", &tr__tokenizer_gemma4 },
    { "sarvam-moe", &tr__tokenizer_sarvam },
    { "whitespace", &tr__tokenizer_characters },
};

static const struct tr__tokenizer_kind *by_pre(struct tr_str pre)
{
    for (size_t i = 0; i < sizeof of_characters / sizeof *of_characters; i++)
        if (tr_str_is(pre, of_characters[i].name))
            return of_characters[i].kind;
    return NULL;
}

/* The name that was asked for, or that of the file, or what llama.cpp takes without one. */
static int pre_name(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_str *name,
                    struct tr_err *err)
{
    int found = tr_gguf_string(g, "tokenizer.ggml.pre", name, err);
    if (found < 0)
        return found;
    if (t->pre) {
        *name = str(t->pre);
    } else if (!found || tr_str_is(*name, "default")) {
        tr__vocab_warn(&t->vocab, "%s 'tokenizer.ggml.pre': words are cut as llama.cpp's "
                       "'default' cuts them, which is seldom how the model was trained; "
                       "--pre NAME is another way, such as gpt-2",
                       found ? "'default' in" : "no");
        *name = str("default");
    }
    return 0;
}

static const struct tr__pretok *find_pre(struct tr_tokenizer *t, const struct tr_gguf *g,
                                         struct tr_err *err)
{
    struct tr_str name;
    if (pre_name(t, g, &name, err))
        return NULL;
    const struct tr__pretok *pre = tr__pretok_find(name);
    return pre ? pre : unknown(name, err);
}

/* ---- the kind --------------------------------------------------------------------- */

static int read_merges(struct tr_tokenizer *t, const struct tr_gguf *g, int bare,
                       struct tr_err *err)
{
    if (!bare || tr_gguf_find_kv(g, "tokenizer.ggml.merges"))
        return tr__merges_read(t, g, err);
    t->pair = calloc(1, sizeof *t->pair);
    return t->pair ? 0 : tr_err_sys(err, "cannot hold merges");
}

static int bpe_init(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr__pretok *pre = find_pre(t, g, err);
    if (!pre)
        return TR_EUNSUPPORTED;
    t->add_bos = (pre->flags & TR__PRE_BOS) != 0;
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        t->byte_id[b] = tr__idmap_find(&t->vocab.text, &t->vocab, &byte, 1);
    }
    int rc = read_merges(t, g, pre->flags & TR__PRE_BARE, err);
    return rc ? rc : tr__pretok_compile(&t->pretok, pre, err);
}

static int first_symbols(struct tr_encoder *e, const char *word, size_t len)
{
    const struct tr_tokenizer *t = e->t;
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
    return 0;
}

static const struct tr__word_kind words = { first_symbols, tr__push_symbols };

static int encode_word(struct tr_encoder *e, const char *word, size_t len)
{
    if (e->t->pretok.kind->flags & TR__PRE_WHOLE) {
        int32_t id = tr__whole_word(e, word, len);
        if (id >= 0)
            return tr__push_id(e, (uint32_t)id);
    }
    return tr__merge_word(e, &words, word, len);
}

static int bpe_encode(struct tr_encoder *e, const char *text, size_t len, int first)
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

static size_t bpe_cut(struct tr_encoder *e, const char *text, size_t len)
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
}

const struct tr__tokenizer_kind tr__tokenizer_bpe = {
    .model = "gpt2",
    .add_bos = 0, /* the pre-tokenizer decides */
    .add_space = 0,
    .bos = -1,
    .eos = -1,
    .unk = -1,
    .sep = -1,
    .unescape = tr__unspell,
    .by_pre = by_pre,
    .init = bpe_init,
    .encode = bpe_encode,
    .cut = bpe_cut,
    .pair = tr__merges_pair,
    .release = bpe_release,
};
