/* SPDX-License-Identifier: MIT
 *
 * BPE on characters whose words are what stands between white space: as
 * tokenizer.ggml.model (jina-embeddings-v2-base-zh) white space is lost and letters become
 * small where the file says so; as pre-tokenizer of "gpt2" white space is words as well.  A
 * character without a token becomes its bytes <0xHH>, if there are such.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/characters.h>
#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/special.h>

#include <stdlib.h>
#include <string.h>

struct whitespace {
    int drops, lower;
};

static int init(struct tr_tokenizer *t, const struct tr_gguf *g, int drops,
                struct tr_err *err)
{
    struct whitespace *w = t->own = calloc(1, sizeof *w);
    t->joint = calloc(256, sizeof *t->joint);
    if (!w || !t->joint)
        return tr_err_sys(err, "cannot hold a tokenizer");
    w->drops = drops;
    memset(t->byte_id, 0xff, sizeof t->byte_id);
    for (uint32_t i = 0; i < t->vocab.n; i++)
        if (t->vocab.type[i] == TR__TOKEN_BYTE)
            t->byte_id[(unsigned char)t->vocab.bytes[t->vocab.start[i]]] = (int32_t)i;
    tr__join_characters(t);
    return tr__merges_read(t, g, err);
}

static int characters_init(struct tr_tokenizer *t, const struct tr_gguf *g,
                           struct tr_err *err)
{
    return init(t, g, 0, err);
}

static int whitespace_init(struct tr_tokenizer *t, const struct tr_gguf *g,
                           struct tr_err *err)
{
    struct tr_str pre = { 0 };
    int rc = tr__no_pre(t, err);
    if (!rc && tr_gguf_string(g, "tokenizer.ggml.pre", &pre, NULL) == 1 &&
        !tr_str_is(pre, "whitespace"))
        rc = tr_err_set(err, TR_EUNSUPPORTED, "'tokenizer.ggml.pre' is '%.*s' in a "
                        "vocabulary of the model 'whitespace'",
                        pre.len > 80 ? 80 : (int)pre.len, pre.ptr);
    rc = rc ? rc : init(t, g, 1, err);
    if (rc)
        return rc;
    struct whitespace *w = t->own;
    rc = tr_gguf_bool(g, "tokenizer.ggml.normalizer.lowercase", &w->lower, err);
    return rc < 0 ? rc : 0;
}

static void whitespace_release(struct tr_tokenizer *t)
{
    free(t->own);
}

static int push_symbol(struct tr_encoder *e, const char *word, size_t i)
{
    const struct tr__symbol *s = &e->work.sym[i];
    size_t base = (size_t)(word - e->spelling.bytes);
    const size_t *from = e->where ? e->spelling.from + base + s->start : NULL;
    int rc = 0;
    if (tr__symbol_is_token(e, s))
        return tr__push_at(e, s->id, from ? from[0] : 0, from ? from[s->len] : 0);
    for (uint32_t k = 0; k < s->len && !rc; k++)
        rc = tr__push_at(e, e->t->byte_id[(unsigned char)word[s->start + k]],
                         from ? from[k] : 0, from ? from[k + 1] : 0);
    return rc;
}

static int first_symbols(struct tr_encoder *e, const char *word, size_t len)
{
    int rc = tr__work_reserve(e, len);
    e->work.n_sym = 0;
    for (size_t at = 0, n; at < len && !rc; at += n) {
        n = tr__character_bytes(word[at], len - at);
        e->work.sym[e->work.n_sym++] = (struct tr__symbol){
            .start = (uint32_t)at, .len = (uint32_t)n,
            .id = tr__merges_symbol(e->t, word + at, n),
        };
    }
    return rc;
}

static int push_symbols(struct tr_encoder *e, const char *word)
{
    int rc = 0;
    for (uint32_t i = 0; i != TR__NO_SYMBOL && !rc; i = e->work.sym[i].next)
        rc = push_symbol(e, word, i);
    return rc;
}

/* Of what merges may bring together. */
static const struct tr__word_kind words = { first_symbols, push_symbols };

/* The word in e->spelling, which ends at offset `to` of the text. */
static int end_word(struct tr_encoder *e, size_t to)
{
    struct tr__spelling *s = &e->spelling;
    int rc = s->n ? tr__respell_end(e, to) : 0;
    for (size_t at = 0, end; at < s->n && !rc; at = end) {
        for (end = at + 1; end < s->n; end++) {
            unsigned char a = (unsigned char)s->bytes[end - 1];
            unsigned char b = (unsigned char)s->bytes[end];
            if (!(e->t->joint[a][b / 8] >> b % 8 & 1))
                break;
        }
        rc = tr__merge_word(e, &words, s->bytes + at, end - at);
    }
    s->n = 0;
    return rc;
}

static int whitespace_encode(struct tr_encoder *e, const char *text, size_t len, int first)
{
    const struct whitespace *w = e->t->own;
    size_t base = (size_t)(text - e->text);
    int rc = 0, was_space = 0;
    (void)first;
    e->spelling.n = 0;
    for (size_t at = 0, n; at < len && !rc; at += n) {
        uint32_t c;
        char small[4];
        n = tr__read_character(text + at, len - at, &c);
        int space = tr__character_of(c) == TR__CHAR_SPACE;
        if (space != was_space)
            rc = end_word(e, base + at);
        was_space = space;
        if (rc || (space && w->drops))
            continue;
        uint32_t lower = w->lower ? tr__lower(c) : c;
        rc = lower == c ? tr__respell(e, text + at, n, base + at)
                        : tr__respell(e, small, tr__write_character(lower, small), base + at);
    }
    return rc ? rc : end_word(e, base + len);
}

/* In front of a space that stands behind none. */
static size_t whitespace_cut(struct tr_encoder *e, const char *text, size_t len)
{
    (void)e;
    for (size_t at = 1; at < len; at++)
        if (tr__is_space(text[at]) && !tr__is_space(text[at - 1]) &&
            (unsigned char)text[at - 1] < 0x80)
            return at;
    return 0;
}

const struct tr__tokenizer_kind tr__tokenizer_whitespace = {
    .model = "whitespace",
    .notes = 1,
    .bos = -1,
    .eos = -1,
    .unk = -1,
    .sep = -1,
    .unescape = tr__plain_text,
    .init = whitespace_init,
    .encode = whitespace_encode,
    .cut = whitespace_cut,
    .pair = tr__merges_pair,
    .release = whitespace_release,
};

const struct tr__tokenizer_kind tr__tokenizer_characters = {
    .model = "gpt2",
    .notes = 1,
    .bos = -1,
    .eos = -1,
    .unk = -1,
    .sep = -1,
    .unescape = tr__plain_text,
    .init = characters_init,
    .encode = whitespace_encode,
    .cut = whitespace_cut,
    .pair = tr__merges_pair,
    .release = whitespace_release,
};
