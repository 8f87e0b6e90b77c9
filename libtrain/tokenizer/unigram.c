/* SPDX-License-Identifier: MIT
 *
 * Unigram (tokenizer.ggml.model "t5"): Kudo 2018.  A token has a logarithm of a probability
 * as its score, and a text becomes the tokens with the largest sum: the best way to each
 * place is found from left to right.  A character without a token is unknown, at a score
 * ten below the least.
 *
 * Before that the text is normalised: by the map of the file, and a space is U+2581.
 * Nothing is said in a file of white space as a suffix or of spaces that stay, and
 * llama.cpp has no other way either.
 *
 * llama.cpp looks for the best way through the whole text.  Where no token has U+2581
 * behind another character, and U+2581 is a token, each U+2581 begins a word, which the
 * best way never crosses; sums of scores are exact (a float has 24 bits, a sum 53), so that
 * it makes no difference from where they are counted.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/characters.h>
#include <libtrain/tokenizer/charsmap.h>
#include <libtrain/tokenizer/kind.h>

#include <float.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "\xe2\x96\x81"; /* U+2581 */
enum { MARK = sizeof mark - 1 };

struct unigram {
    struct tr__charsmap map;
    struct tr__tree user;   /* user-defined tokens: not normalised */
    double *score;          // (n_vocab)
    double unknown;         /* score of a character without a token */
    int merges;             /* remove_extra_whitespaces */
    int words;              /* see above */
    uint8_t alone[256 / 8]; /* bytes that stay, whatever is before and behind them */
};

/* ---- reading ---------------------------------------------------------------------- */

static void read_scores(struct tr_tokenizer *t, const struct tr_gguf *g, struct unigram *u)
{
    const struct tr_gguf_kv *types = tr_gguf_find_kv(g, "tokenizer.ggml.token_type");
    float least = FLT_MAX;
    for (uint32_t i = 0; i < t->vocab.n; i++) {
        int64_t type = types ? tr_gguf_elem_int(types, i) : TR__TOKEN_NORMAL;
        float score = t->vocab.score ? t->vocab.score[i] : 0;
        int user = t->vocab.type[i] == TR__TOKEN_USER ||
                   (type == TR__TOKEN_USER && t->vocab.type[i] == TR__TOKEN_CONTROL);
        if (type == TR__TOKEN_NORMAL && score < least)
            least = score;
        u->score[i] = user ? 0 : score;
    }
    u->unknown = least - 10.0f;
}

/* 1 if U+2581 is a token and stands in none but at its beginning. */
static int begins_words(const struct tr_tokenizer *t, const struct tr_gguf *g)
{
    const struct tr_gguf_kv *tokens = tr_gguf_find_kv(g, "tokenizer.ggml.tokens");
    uint64_t cursor = 0;
    int32_t id;
    for (uint32_t i = 0; i < t->vocab.n; i++) {
        struct tr_str s = tr_gguf_elem_string(tokens, &cursor);
        size_t at = 0;
        while (s.len - at >= MARK && !memcmp(s.ptr + at, mark, MARK))
            at += MARK;
        for (at += !at; at + MARK <= s.len; at++)
            if (!memcmp(s.ptr + at, mark, MARK))
                return 0;
    }
    return tr__tree_longest(&t->trie, mark, MARK, &id) == MARK;
}

static int find_alone(struct unigram *u, struct tr_err *err)
{
    for (int c = ' '; c < 0x7f; c++)
        u->alone[c / 8] |= (uint8_t)(1 << c % 8);
    for (uint32_t i = 1; i < u->user.n; i++)
        u->alone[u->user.label[i] / 8] &= (uint8_t)~(1 << u->user.label[i] % 8);
    return tr__charsmap_alone(&u->map, u->alone, err);
}

static int unigram_init(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    struct unigram *u = t->own = calloc(1, sizeof *u);
    if (!u || !(u->score = malloc(t->vocab.n * sizeof *u->score)))
        return tr_err_sys(err, "cannot hold %u scores", t->vocab.n);
    unsigned text = 1u << TR__TOKEN_NORMAL | 1u << TR__TOKEN_USER | 1u << TR__TOKEN_UNUSED;
    int rc = tr__no_pre(t, err);
    if (!rc)
        rc = tr__index_tokens(t, g, text, &t->trie, err);
    if (!rc)
        rc = tr__index_tokens(t, g, 1u << TR__TOKEN_USER, &u->user, err);
    if (!rc)
        rc = tr__charsmap_read(&u->map, g, err);
    if (!rc)
        rc = tr_gguf_bool(g, "tokenizer.ggml.remove_extra_whitespaces", &u->merges, err);
    if (rc < 0)
        return rc;
    read_scores(t, g, u);
    u->words = begins_words(t, g);
    return find_alone(u, err);
}

static void unigram_release(struct tr_tokenizer *t)
{
    struct unigram *u = t->own;
    if (!u)
        return;
    tr__charsmap_release(&u->map);
    tr__tree_release(&u->user);
    free(u->score);
    free(u);
}

/* ---- the normaliser --------------------------------------------------------------- */

static int is_alone(const struct unigram *u, char c)
{
    return u->alone[(unsigned char)c / 8] >> (unsigned char)c % 8 & 1;
}

/* Bytes of the longest beginning of a user-defined token at p, whole or not. */
static size_t user_bytes(const struct unigram *u, const char *p, size_t left)
{
    size_t n = 0;
    for (uint32_t node = 0; n < left; n++) {
        node = tr__tree_step(&u->user, node, p[n]);
        if (!node)
            break;
    }
    return n;
}

/* What the bytes at p become, and how many they are; < 0: the map is broken. */
static int64_t normal_form(const struct unigram *u, const char *p, size_t left,
                           struct tr_str *to)
{
    uint32_t c;
    size_t n = user_bytes(u, p, left);
    if (!n) {
        int64_t found = tr__charsmap_find(&u->map, p, left, to);
        if (found)
            return found;
        n = tr__read_character(p, left, &c);
        if (n == 1 && *p & 0x80) {
            *to = (struct tr_str){ "\xef\xbf\xbd", 3 };
            return 1;
        }
    }
    *to = (struct tr_str){ p, n };
    return (int64_t)n;
}

struct writer {
    struct tr_encoder *e;
    int begun;   /* something but spaces has been written */
    int in_word; /* the last byte was no space */
};

static int write_byte(struct writer *w, char c, size_t from)
{
    const struct unigram *u = w->e->t->own;
    int rc = 0;
    if (c == ' ') {
        w->in_word = 0;
        return u->merges ? 0 : tr__respell(w->e, mark, MARK, from);
    }
    if (!w->in_word && (u->merges || (!w->begun && tr__puts_space(w->e->t))))
        rc = tr__respell(w->e, mark, MARK, from);
    w->begun = w->in_word = 1;
    return rc ? rc : tr__respell(w->e, &c, 1, from);
}

static int normalize(struct tr_encoder *e, const char *text, size_t len, int first)
{
    const struct unigram *u = e->t->own;
    struct writer w = { e, !first, !first };
    size_t base = (size_t)(text - e->text);
    int rc = 0;
    e->spelling.n = 0;
    for (size_t at = 0; at < len && !rc;) {
        struct tr_str to;
        if (is_alone(u, text[at]) && (at + 1 == len || is_alone(u, text[at + 1]))) {
            rc = write_byte(&w, text[at], base + at);
            at++;
            continue;
        }
        int64_t n = normal_form(u, text + at, len - at, &to);
        if (n < 0)
            return tr_err_set(e->err, TR_EFORMAT, "'tokenizer.ggml.precompiled_charsmap' "
                              "points outside of itself, or makes too much of byte %zu of "
                              "the text", base + at);
        for (size_t i = 0; i < to.len && !rc; i++)
            rc = write_byte(&w, to.ptr[i], base + at);
        at += (size_t)n;
    }
    return rc ? rc : tr__respell_end(e, base + len);
}

/* ---- the best way ----------------------------------------------------------------- */

static void better(struct tr__best *to, double score, uint32_t from, int32_t id)
{
    if (score > to->score)
        *to = (struct tr__best){ score, from, id };
}

/* The tokens that begin at `at`, where a character of n bytes stands.  Place p is
 * e->best[p & ring]. */
static void extend(const struct tr_encoder *e, const char *text, size_t len, size_t at,
                   size_t n, size_t ring)
{
    const struct tr_tokenizer *t = e->t;
    struct tr__best *best = e->best;
    const struct unigram *u = t->own;
    double score = best[at & ring].score;
    int known = 0;
    uint32_t node = 0;
    for (size_t end = at; end < len;) {
        node = tr__tree_step(&t->trie, node, text[end++]);
        if (!node)
            break;
        int32_t id = t->trie.id[node];
        if (id < 0 || !tr__may_be_text(e, id))
            continue;
        known |= end - at == n;
        better(&best[end & ring], score + u->score[id], (uint32_t)at, id);
    }
    if (!known)
        better(&best[(at + n) & ring], score + u->unknown, (uint32_t)at, t->unk);
}

/* Turn the links round: best[at].from becomes where the token that begins there ends. */
static void turn(struct tr__best *best, uint32_t len)
{
    for (uint32_t at = len, end = 0, next;; at = next) {
        next = best[at].from;
        best[at].from = end;
        end = at;
        if (!at)
            break;
    }
}

/* Unknown neighbours are one. */
static int push_way(struct tr_encoder *e, const char *text, size_t len)
{
    struct tr__best *best = e->best;
    const size_t *from = e->where ? e->spelling.from + (text - e->spelling.bytes) : NULL;
    int rc = 0;
    turn(best, (uint32_t)len);
    for (size_t at = 0, end; at < len && !rc; at = end) {
        end = best[at].from;
        int32_t id = best[end].id;
        while (id == e->t->unk && end < len && best[best[end].from].id == id)
            end = best[end].from;
        rc = tr__push_at(e, id, from ? from[at] : 0, from ? from[end] : 0);
    }
    return rc;
}

/* ---- a long word: places in a ring, and of each way to one its last token ---------- */

static struct tr__best nowhere(const struct tr_encoder *e)
{
    return (struct tr__best){ -DBL_MAX, 0, e->t->unk };
}

/* The longest step, in bytes. */
static size_t reach(const struct tr_encoder *e)
{
    size_t character = 4, longest = e->t->trie.longest;
    return longest > character ? longest : character;
}

/* Room for the way, and a ring of places; its size less one. */
static int make_ring(struct tr_encoder *e, size_t len, size_t *ring)
{
    for (*ring = 1; *ring <= reach(e);)
        *ring *= 2;
    if (tr__grow(&e->best, &e->cap_best, *ring, sizeof *e->best) ||
        tr__spool_grow(&e->way, &e->cap_way, len + 1, sizeof *e->way))
        return tr_err_sys(e->err, "cannot hold a word of %zu bytes", len);
    --*ring;
    return 0;
}

static void find_way(struct tr_encoder *e, const char *text, size_t len, size_t ring)
{
    size_t ready = 0;
    e->best[0] = (struct tr__best){ 0, 0, e->t->unk };
    for (size_t at = 0, n;; at += n) {
        e->way[at] = (uint16_t)((uint32_t)at - e->best[at & ring].from);
        if (at == len)
            break;
        while (ready < len && ready < at + reach(e))
            e->best[++ready & ring] = nowhere(e);
        n = tr__character_bytes(text[at], len - at);
        extend(e, text, len, at, n, ring);
    }
}

static void turn_way(uint16_t *way, size_t len)
{
    uint16_t bytes = 0;
    for (size_t at = len, back;; at -= back) {
        back = way[at];
        way[at] = bytes;
        bytes = (uint16_t)back;
        if (!at)
            break;
    }
}

/* The token that these bytes are. */
static int32_t token_of(const struct tr_encoder *e, const char *text, size_t len)
{
    const struct tr__tree *tree = &e->t->trie;
    uint32_t node = 0;
    for (size_t i = 0; i < len; i++)
        if (!(node = tr__tree_step(tree, node, text[i])))
            return e->t->unk;
    int32_t id = tree->id[node];
    return id >= 0 && tr__may_be_text(e, id) ? id : e->t->unk;
}

static int encode_long(struct tr_encoder *e, const char *text, size_t len)
{
    size_t ring;
    int32_t last = -1;
    int rc = make_ring(e, len, &ring);
    if (rc)
        return rc;
    find_way(e, text, len, ring);
    turn_way(e->way, len);
    for (size_t at = 0; at < len && !rc; at += e->way[at]) {
        int32_t id = token_of(e, text + at, e->way[at]);
        if (id != last || id != e->t->unk)
            rc = tr__push_at(e, id, 0, 0);
        last = id;
    }
    return rc;
}

static int encode_word(struct tr_encoder *e, const char *text, size_t len)
{
    if (len > e->t->long_word && !e->where && reach(e) < UINT16_MAX)
        return encode_long(e, text, len);
    if (len >= UINT32_MAX - 1)
        return tr_err_set(e->err, TR_EUNSUPPORTED, "a word of %zu bytes is too long", len);
    if (tr__grow(&e->best, &e->cap_best, len + 1, sizeof *e->best))
        return tr_err_sys(e->err, "cannot hold a word of %zu bytes", len);
    for (size_t i = 0; i <= len; i++)
        e->best[i] = (struct tr__best){ i ? -DBL_MAX : 0, 0, e->t->unk };
    for (size_t at = 0, n; at < len; at += n) {
        n = tr__character_bytes(text[at], len - at);
        extend(e, text, len, at, n, SIZE_MAX);
    }
    return push_way(e, text, len);
}

/* ---- the kind --------------------------------------------------------------------- */

/* Where the next word begins, behind `at`.  No byte in front of it may be the first of a
 * character that reaches into it. */
static size_t word_end(const struct unigram *u, const char *text, size_t len, size_t at)
{
    const unsigned char *s = (const unsigned char *)text;
    for (at++; u->words && at + MARK <= len; at++) {
        const char *next = memchr(text + at, mark[0], len - at);
        at = next ? (size_t)(next - text) : len;
        if (at + MARK > len || memcmp(text + at, mark, MARK) != 0)
            continue;
        if (s[at - 1] < 0xc0 && (at < 2 || s[at - 2] < 0xe0) &&
            (at < 3 || s[at - 3] < 0xf0) &&
            (at < MARK || memcmp(text + at - MARK, mark, MARK) != 0))
            return at;
    }
    return len;
}

static int unigram_encode(struct tr_encoder *e, const char *text, size_t len, int first)
{
    int rc = normalize(e, text, len, first);
    const char *s = e->spelling.bytes;
    for (size_t at = 0, end; at < e->spelling.n && !rc; at = end) {
        end = word_end(e->t->own, s, e->spelling.n, at);
        rc = e->where || e->n_literal
           ? encode_word(e, s + at, end - at)
           : tr__memo_word(e, s + at, end - at, encode_word);
    }
    return rc;
}

/* In front of a space, behind a character that the normaliser leaves as it is. */
static size_t unigram_cut(struct tr_encoder *e, const char *text, size_t len)
{
    const struct unigram *u = e->t->own;
    for (size_t at = 1; at < len && u->words && is_alone(u, ' '); at++)
        if (text[at] == ' ' && text[at - 1] != ' ' && is_alone(u, text[at - 1]))
            return at;
    return 0;
}

const struct tr__tokenizer_kind tr__tokenizer_unigram = {
    .model = "t5",
    .add_eos = 1,
    .spaces = 1,
    .notes = 1,
    .bos = -1,
    .eos = 1,
    .unk = 2,
    .sep = -1,
    .unescape = tr__spm_unescape,
    .init = unigram_init,
    .encode = unigram_encode,
    .cut = unigram_cut,
    .release = unigram_release,
};
