/* SPDX-License-Identifier: MIT
 *
 * WordPiece as BERT has it (tokenizer.ggml.model "bert"): Devlin et al. 2018.  A text
 * becomes words: white space parts them, a punctuation mark or a Chinese character is one,
 * letters are in lower case and without accents if the file says nothing else.  A word
 * becomes the longest token that it begins with, then the longest that the rest begins
 * with, and unknown if a rest has none.  In the file a word begins with U+2581, and what
 * continues one does not.
 *
 * Tokens of any type are found, control tokens too, as llama.cpp finds them.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/characters.h>
#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/special.h>

#include <stdlib.h>

static const char mark[] = "\xe2\x96\x81"; /* U+2581 */
enum { MARK = sizeof mark - 1 };

struct wordpiece {
    int lower, strip; /* accents */
};

static int wordpiece_init(struct tr_tokenizer *t, const struct tr_gguf *g,
                          struct tr_err *err)
{
    struct wordpiece *w = t->own = malloc(sizeof *w);
    if (!w)
        return tr_err_sys(err, "cannot hold a tokenizer");
    w->lower = 1;
    int rc = tr__no_pre(t, err);
    if (!rc)
        rc = tr_gguf_bool(g, "tokenizer.ggml.normalizer.lowercase", &w->lower, err);
    w->strip = w->lower;
    if (rc >= 0)
        rc = tr_gguf_bool(g, "tokenizer.ggml.normalizer.strip_accents", &w->strip, err);
    return rc < 0 ? rc : tr__index_tokens(t, g, ~0u, &t->trie, err);
}

static void wordpiece_release(struct tr_tokenizer *t)
{
    free(t->own);
}

/* The word in e->spelling, which ends at offset `to` of the text, becomes its ids. */
static int end_word(struct tr_encoder *e, size_t to)
{
    struct tr__spelling *s = &e->spelling;
    size_t ids = e->out->n, notes = e->where ? e->where->n : 0;
    int32_t id = -1;
    int rc = s->n > MARK ? tr__respell_end(e, to) : 0;
    size_t len = s->n > MARK ? s->n : 0;
    for (size_t at = 0, n; at < len && !rc; at += n) {
        n = tr__longest_token(e, s->bytes + at, len - at, &id);
        if (!n) {
            e->out->n = ids;
            if (e->where)
                e->where->n = notes;
            rc = tr__push_at(e, e->t->unk, e->where ? s->from[0] : 0, to);
            break;
        }
        rc = tr__push_at(e, id, e->where ? s->from[at] : 0, e->where ? s->from[at + n] : 0);
    }
    s->n = 0;
    return rc;
}

static int add_character(struct tr_encoder *e, uint32_t c, size_t from)
{
    const struct wordpiece *w = e->t->own;
    char bytes[4];
    size_t n = tr__write_character(w->lower ? tr__lower(c) : c, bytes);
    int rc = e->spelling.n ? 0 : tr__respell(e, mark, MARK, from);
    return rc ? rc : tr__respell(e, bytes, n, from);
}

/* BERT takes all that is printable in ASCII and no letter or digit for punctuation. */
static int is_alone(uint32_t c, enum tr__character class)
{
    int symbol = c < 0x7f && (c == '$' || c == '+' || c == '<' || c == '=' || c == '>' ||
                              c == '^' || c == '`' || c == '|' || c == '~');
    return symbol || class == TR__CHAR_PUNCT || tr__is_chinese(c);
}

/* A character of n bytes at offset `at` of the text of the call. */
static int take(struct tr_encoder *e, uint32_t c, size_t at, size_t n)
{
    const struct wordpiece *w = e->t->own;
    int rc = 0;
    c = w->strip ? tr__base_of(c) : c;
    enum tr__character class = tr__character_of(c);
    if (class == TR__CHAR_SPACE)
        return end_word(e, at);
    if (c == 0 || c == TR__NO_CHARACTER || class == TR__CHAR_CONTROL ||
        (w->strip && class == TR__CHAR_MARK))
        return 0;
    if (!is_alone(c, class))
        return add_character(e, c, at);
    rc = end_word(e, at);
    if (!rc)
        rc = add_character(e, c, at);
    return rc ? rc : end_word(e, at + n);
}

/* What stands between white space of ASCII. */
static int encode_stretch(struct tr_encoder *e, const char *text, size_t len)
{
    size_t base = (size_t)(text - e->text);
    int rc = 0;
    e->spelling.n = 0;
    for (size_t at = 0, n; at < len && !rc; at += n) {
        uint32_t c;
        n = tr__read_character(text + at, len - at, &c);
        rc = take(e, c, base + at, n);
    }
    return rc ? rc : end_word(e, base + len);
}

static int wordpiece_encode(struct tr_encoder *e, const char *text, size_t len, int first)
{
    (void)first;
    int rc = 0;
    for (size_t at = 0, end; at < len && !rc; at = end + 1) {
        for (end = at; end < len && !tr__is_space(text[end]);)
            end++;
        if (end == at)
            continue;
        rc = e->where || e->n_literal ? encode_stretch(e, text + at, end - at)
                      : tr__memo_word(e, text + at, end - at, encode_stretch);
    }
    return rc;
}

/* Between two Chinese characters. */
static int between_chinese(const char *text, size_t len, size_t at)
{
    uint32_t before, behind;
    if (at < 4 || ((unsigned char)text[at] & 0xc0) == 0x80)
        return 0;
    size_t n = ((unsigned char)text[at - 3] & 0xc0) == 0x80 ? 4 : 3;
    return tr__read_character(text + at - n, n, &before) == n && tr__is_chinese(before) &&
           tr__utf8_len(text + at, len - at) >= 3 &&
           tr__read_character(text + at, len - at, &behind) >= 3 &&
           tr__is_chinese(behind);
}

static size_t wordpiece_cut(struct tr_encoder *e, const char *text, size_t len)
{
    (void)e;
    for (size_t at = 1; at < len; at++)
        if (tr__is_space(text[at]) || between_chinese(text, len, at))
            return at;
    return 0;
}

/* ---- back to text ----------------------------------------------------------------- */

/* A contraction; llama.cpp leaves the space in front of 't, 'd and 'll. */
static int closes_up(const char *p, size_t left)
{
    if (*p != '\'' || left < 2)
        return 0;
    return p[1] == 's' || p[1] == 'm' ||
           (left > 2 && p[2] == 'e' && (p[1] == 'r' || p[1] == 'v'));
}

/* Leave out the spaces in front of what `wants` none there. */
static size_t close_up(char *text, size_t len, int (*wants)(const char *p, size_t left))
{
    size_t n = len ? 1 : 0;
    for (size_t i = 1; i < len; i++) {
        if (text[i - 1] == ' ' && wants(text + i, len - i))
            n--;
        text[n++] = text[i];
    }
    return n;
}

static int ends_sentence(const char *p, size_t left)
{
    (void)left;
    return *p == '?' || *p == '!' || *p == '.' || *p == ',';
}

/* An apostrophe by itself has no space around it. */
static size_t close_apostrophes(char *text, size_t len)
{
    size_t n = len ? 1 : 0;
    for (size_t i = 1; i < len; i++) {
        int alone = text[i] == '\'' && text[i - 1] == ' ' && i + 1 < len &&
                    text[i + 1] == ' ';
        n -= (size_t)alone;
        text[n++] = text[i];
        if (alone)
            text[++i] = 0; /* it is no space in front of what follows */
    }
    return n;
}

static size_t wordpiece_clean(char *text, size_t len)
{
    len = close_up(text, len, ends_sentence);
    len = close_apostrophes(text, len);
    return close_up(text, len, closes_up);
}

const struct tr__tokenizer_kind tr__tokenizer_wordpiece = {
    .model = "bert",
    .add_bos = 1,
    .add_eos = 1,
    .around = TR__AROUND_SEP,
    .notes = 1,
    .bos = 101,
    .eos = -1,
    .unk = 100,
    .sep = 102,
    .unescape = tr__spm_unescape,
    .init = wordpiece_init,
    .encode = wordpiece_encode,
    .cut = wordpiece_cut,
    .release = wordpiece_release,
    .clean = wordpiece_clean,
};
