/* SPDX-License-Identifier: MIT
 *
 * SentencePiece's BPE (tokenizer.ggml.model "llama"): Kudo and Richardson 2018.  Neighbours
 * merge if together they are a token, the highest score first; a character that is no token
 * becomes its bytes <0xHH>.
 *
 * In the file a space is U+2581; here it is a space, in tokens and in text alike.
 *
 * Two differences from llama.cpp are meant.  There plain text can be merged into a control
 * token, and into a user-defined one that the file writes with U+2581; here those are found
 * as they are written alone.  And bytes that are no characters are one symbol each, so that
 * none takes the letters behind it.
 *
 * SentencePiece merges over the whole text.  No merge crosses two bytes that stand beside
 * each other in no token, so the text is cut there into words, and the ids are the same.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>

#include <stdlib.h>
#include <string.h>

static const char spm_space[] = "\xe2\x96\x81"; /* U+2581 */
enum { SPACE_BYTES = sizeof spm_space - 1 };

size_t tr__spm_unescape(const char *text, size_t len, char *out, int *spelt)
{
    size_t n = 0;
    if (spelt && len && memchr(text, ' ', len))
        *spelt = 0; /* in the file a space of a text is U+2581 */
    for (size_t i = 0; i < len;) {
        if (len - i >= SPACE_BYTES && !memcmp(text + i, spm_space, SPACE_BYTES)) {
            out[n++] = ' ';
            i += SPACE_BYTES;
        } else {
            out[n++] = text[i++];
        }
    }
    return n;
}

/* Small is first: the order of IEEE floats as integers, turned round. */
static uint32_t prio_of_score(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000u ? bits : ~(bits | 0x80000000u);
}

static void spm_pair(const struct tr_tokenizer *t, const char *word, struct tr__symbol *l,
                     const struct tr__symbol *r)
{
    int32_t id = tr__idmap_find(&t->vocab.text, &t->vocab, word + l->start,
                                (size_t)l->len + r->len);
    if (id >= 0) {
        l->prio = prio_of_score(t->vocab.score[id]);
        l->to = (uint32_t)id;
    }
}

int tr__read_bytes(struct tr_tokenizer *t, struct tr_err *err)
{
    memset(t->byte_id, 0xff, sizeof t->byte_id);
    for (uint32_t i = 0; i < t->vocab.n; i++)
        if (t->vocab.type[i] == TR__TOKEN_BYTE)
            t->byte_id[(unsigned char)t->vocab.bytes[t->vocab.start[i]]] = (int32_t)i;
    for (unsigned b = 0; b < 256; b++)
        if (t->byte_id[b] < 0)
            return tr_err_set(err, TR_EFORMAT, "the vocabulary has no byte token "
                              "'<0x%02X>'", b);
    return 0;
}

int tr__no_pre(const struct tr_tokenizer *t, struct tr_err *err)
{
    if (!t->pre)
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "a vocabulary of the model '%s' has no "
                      "pre-tokenizer, and '%s' is asked for", t->kind->model, t->pre);
}

int tr__spm_init(struct tr_tokenizer *t, struct tr_err *err)
{
    int rc = tr__no_pre(t, err);
    if (!rc)
        rc = tr__read_bytes(t, err);
    if (rc)
        return rc;
    t->joint = calloc(256, sizeof *t->joint);
    return t->joint ? 0 : tr_err_sys(err, "cannot index the tokens");
}

void tr__spm_join(struct tr_tokenizer *t, unsigned char a, unsigned char b)
{
    t->joint[a][b / 8] |= (uint8_t)(1 << b % 8);
}

void tr__join_characters(struct tr_tokenizer *t)
{
    for (int a = 0x80; a < 256; a++)
        for (int b = 0x80; b < 0xc0; b++)
            tr__spm_join(t, (unsigned char)a, (unsigned char)b);
}

static int spm_init(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    (void)g;
    int rc = tr__spm_init(t, err);
    if (!rc && !t->vocab.score)
        rc = tr_err_set(err, TR_EFORMAT, "no scores in 'tokenizer.ggml.scores'");
    for (uint32_t i = 0; i < t->vocab.n && !rc; i++) {
        struct tr_str s = tr__vocab_bytes(&t->vocab, i);
        for (size_t k = 1; k < s.len; k++)
            tr__spm_join(t, (unsigned char)s.ptr[k - 1], (unsigned char)s.ptr[k]);
    }
    return rc;
}

static size_t word_end(const struct tr_tokenizer *t, const char *text, size_t len,
                       size_t at)
{
    for (at++; at < len; at++) {
        unsigned char a = (unsigned char)text[at - 1], b = (unsigned char)text[at];
        if (!(t->joint[a][b / 8] >> b % 8 & 1))
            break;
    }
    return at;
}

/* One symbol for each character; a byte that belongs to none is one too. */
static int first_symbols(struct tr_encoder *e, const char *word, size_t len)
{
    int rc = tr__work_reserve(e, len);
    if (rc)
        return rc;
    size_t n_sym = 0;
    for (size_t at = 0, n; at < len; at += n) {
        n = tr__utf8_len(word + at, len - at);
        n = n ? n : 1;
        e->work.sym[n_sym++] = (struct tr__symbol){
            .start = (uint32_t)at, .len = (uint32_t)n,
            .id = tr__merges_symbol(e->t, word + at, n),
        };
    }
    e->work.n_sym = n_sym;
    return 0;
}

static const struct tr__word_kind words = { first_symbols, tr__push_symbols };

static int encode_word(struct tr_encoder *e, const char *word, size_t len)
{
    if (e->t->kind->whole_lines && *word == '\n') {
        int32_t id = tr__whole_word(e, word, len);
        if (id >= 0)
            return tr__push_id(e, (uint32_t)id);
    }
    return tr__merge_word(e, &words, word, len);
}

/* The first word behind the space that SentencePiece puts in front of a text. */
static int encode_first(struct tr_encoder *e, const char *text, size_t len)
{
    char *word = NULL;
    size_t cap = 0;
    if (tr__spool_grow(&word, &cap, len + 1, 1))
        return tr_err_sys(e->err, "cannot hold a word of %zu bytes", len);
    word[0] = ' ';
    memcpy(word + 1, text, len);
    int rc = encode_word(e, word, len + 1);
    tr__spool_free(word, cap, 1);
    return rc;
}

static int encode_spaced(struct tr_encoder *e, const char *text, size_t len, int first)
{
    size_t at = 0;
    int rc = 0;
    if (first && tr__puts_space(e->t)) {
        at = word_end(e->t, text, len, 0);
        rc = encode_first(e, text, at);
    }
    while (at < len && !rc) {
        size_t end = word_end(e->t, text, len, at);
        rc = tr__memo_word(e, text + at, end - at, encode_word);
        at = end;
    }
    return rc;
}

static int has_spm_space(const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    while ((p = memchr(p, spm_space[0], (size_t)(end - p))) != NULL) {
        if (end - p >= SPACE_BYTES && !memcmp(p, spm_space, SPACE_BYTES))
            return 1;
        p++;
    }
    return 0;
}

int tr__spm_encode(struct tr_encoder *e, const char *text, size_t len, int first)
{
    if (!has_spm_space(text, len))
        return encode_spaced(e, text, len, first);
    char *copy = NULL;
    size_t cap = 0;
    if (tr__spool_grow(&copy, &cap, len, 1))
        return tr_err_sys(e->err, "cannot hold %zu bytes of text", len);
    len = tr__spm_unescape(text, len, copy, NULL);
    int rc = encode_spaced(e, copy, len, first);
    tr__spool_free(copy, cap, 1);
    return rc;
}

/* Between two words whose neighbouring bytes are no part of a U+2581: those are words of
 * the text with spaces too. */
size_t tr__spm_cut(struct tr_encoder *e, const char *text, size_t len)
{
    for (size_t at = word_end(e->t, text, len, 0); at < len;
         at = word_end(e->t, text, len, at)) {
        int inside = (text[at] & 0xc0) == 0x80;
        if (!inside && text[at] != spm_space[0] && text[at - 1] != spm_space[2])
            return at;
    }
    return 0;
}

const struct tr__tokenizer_kind tr__tokenizer_spm = {
    .model = "llama",
    .add_bos = 1,
    .add_space = 1,
    .spaces = 1,
    .bos = 1,
    .eos = 2,
    .unk = 0,
    .sep = -1,
    .unescape = tr__spm_unescape,
    .init = spm_init,
    .encode = tr__spm_encode,
    .cut = tr__spm_cut,
    .pair = spm_pair,
};
