/* SPDX-License-Identifier: MIT
 *
 * Byte-level BPE with sequences of bases in it (tokenizer.ggml.model "hybriddna"): between
 * <dna> and </dna> six letters at a time are a token, the last ones filled up with A, small
 * letters as large ones.  In the file such a token ends in U+E000, which tells it from text
 * that is spelt alike; six letters without one are <oov>.  Where <dna>, </dna> or <oov> is
 * missing, all is text.  The rest is in bpe.c.
 */
#include <libtrain/tokenizer/kind.h>

#include <stdlib.h>
#include <string.h>

static const char marker[] = "\xee\x80\x80", opens[] = "<dna>", closes[] = "</dna>";
enum { LETTERS = 6, N_WORD = 1 << 2 * LETTERS, MARKER = sizeof marker - 1 };

struct dna {
    int32_t begin, end, oov; /* -1: none */
    int32_t word[N_WORD];    /* two bits a letter */
};

/* The number of a word of bases, or -1. */
static int number(const char *p)
{
    static const char base[] = "ACGT";
    int n = 0;
    for (int i = 0; i < LETTERS; i++) {
        const char *at = p[i] ? strchr(base, p[i]) : NULL;
        if (!at)
            return -1;
        n = n << 2 | (int)(at - base);
    }
    return n;
}

static int is_word(const char *text, size_t len)
{
    return len == LETTERS + MARKER && !memcmp(text + LETTERS, marker, MARKER) &&
           number(text) >= 0;
}

static size_t dna_unescape(const char *text, size_t len, char *out, int *spelt)
{
    if (!is_word(text, len))
        return tr__unspell(text, len, out, spelt);
    *spelt = 0;
    memmove(out, text, LETTERS);
    return LETTERS;
}

static int dna_init(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *tokens = tr_gguf_find_kv(g, "tokenizer.ggml.tokens");
    struct dna *d = t->own = malloc(sizeof *d);
    uint64_t cursor = 0;
    if (!d)
        return tr_err_sys(err, "cannot hold a tokenizer");
    memset(d, 0xff, sizeof *d);
    for (uint32_t i = 0; i < t->vocab.n; i++) {
        struct tr_str s = tr_gguf_elem_string(tokens, &cursor);
        if (is_word(s.ptr, s.len))
            d->word[number(s.ptr)] = (int32_t)i;
        int32_t *id = tr_str_is(s, opens) ? &d->begin : tr_str_is(s, closes) ? &d->end
                    : tr_str_is(s, "<oov>") ? &d->oov : NULL;
        if (id)
            *id = (int32_t)i;
    }
    return tr__tokenizer_bpe.init(t, g, err);
}

static void dna_release(struct tr_tokenizer *t)
{
    free(t->own);
    tr__tokenizer_bpe.release(t);
}

static int has_dna(const struct dna *d)
{
    return d->begin >= 0 && d->end >= 0 && d->oov >= 0;
}

/* Where it matters who wrote what, a tag that is a control token is text. */
static int reads_dna(const struct tr_encoder *e)
{
    const struct dna *d = e->t->own;
    return has_dna(d) && tr__may_be_text(e, d->begin) && tr__may_be_text(e, d->end) &&
           tr__may_be_text(e, d->oov);
}

/* Offset of a tag in text, or len. */
static size_t find(const char *text, size_t len, const char *tag)
{
    size_t n = strlen(tag);
    for (size_t at = 0; at + n <= len; at++)
        if (!memcmp(text + at, tag, n))
            return at;
    return len;
}

static int encode_text(struct tr_encoder *e, const char *text, size_t len)
{
    size_t n = e->out->n, from = (size_t)(text - e->text);
    int rc = len ? tr__tokenizer_bpe.encode(e, text, len, 0) : 0;
    return rc || !len || !e->where ? rc : tr__note_text(e, n, from, from + len, 0);
}

static int encode_bases(struct tr_encoder *e, const char *text, size_t len)
{
    const struct dna *d = e->t->own;
    size_t base = (size_t)(text - e->text);
    int rc = 0;
    for (size_t at = 0, n; at < len && !rc; at += n) {
        char word[LETTERS];
        n = len - at < LETTERS ? len - at : LETTERS;
        memset(word, 'A', LETTERS);
        for (size_t i = 0; i < n; i++)
            word[i] = text[at + i] >= 'a' && text[at + i] <= 'z' ? text[at + i] - 'a' + 'A'
                                                                 : text[at + i];
        int32_t id = number(word) < 0 ? -1 : d->word[number(word)];
        id = id < 0 || !tr__may_be_text(e, id) ? d->oov : id;
        rc = tr__push_at(e, id, base + at, base + at + n);
    }
    return rc;
}

/* From a <dna> on; bytes of what belongs to it. */
static int encode_sequence(struct tr_encoder *e, const char *text, size_t len, size_t *used)
{
    const struct dna *d = e->t->own;
    size_t from = (size_t)(text - e->text), open = strlen(opens);
    size_t n = find(text + open, len - open, closes), end = open + n;
    *used = end == len ? len : end + strlen(closes);
    int rc = tr__push_at(e, d->begin, from, from + open);
    if (!rc)
        rc = encode_bases(e, text + open, n);
    return rc || end == len ? rc : tr__push_at(e, d->end, from + end, from + *used);
}

static int dna_encode(struct tr_encoder *e, const char *text, size_t len, int first)
{
    int rc = 0;
    (void)first;
    if (!reads_dna(e))
        return encode_text(e, text, len);
    for (size_t at = 0, used; at < len && !rc;) {
        size_t n = find(text + at, len - at, opens);
        rc = encode_text(e, text + at, n);
        at += n;
        if (at == len || rc)
            break;
        rc = encode_sequence(e, text + at, len - at, &used);
        at += used;
    }
    return rc;
}

/* Nobody knows without the text in front whether a place is inside of a sequence. */
static size_t dna_cut(struct tr_encoder *e, const char *text, size_t len)
{
    return has_dna(e->t->own) ? 0 : tr__tokenizer_bpe.cut(e, text, len);
}

const struct tr__tokenizer_kind tr__tokenizer_dna = {
    .model = "hybriddna",
    .notes = 1,
    .bos = -1,
    .eos = -1,
    .unk = -1,
    .sep = -1,
    .unescape = dna_unescape,
    .init = dna_init,
    .encode = dna_encode,
    .cut = dna_cut,
    .pair = tr__merges_pair,
    .release = dna_release,
};
