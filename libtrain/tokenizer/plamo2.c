/* SPDX-License-Identifier: MIT
 *
 * PLaMo 2's tokenizer (tokenizer.ggml.model "plamo2"): as in Unigram a text becomes the
 * tokens with the largest sum of scores, which are whole ten-thousandths here; the best way
 * is found from right to left, and of ways that are equal the longest token is taken.  A
 * character without a token is its bytes, at a score of -1000.  A byte order mark in front
 * of a text is left out.  Nothing is normalised.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/characters.h>
#include <libtrain/tokenizer/kind.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN = -10000000, INVALID = -20000000 };

static int plamo2_init(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    int32_t *score = t->own = malloc(t->vocab.n * sizeof *score);
    if (!score)
        return tr_err_sys(err, "cannot hold %u scores", t->vocab.n);
    for (uint32_t i = 0; i < t->vocab.n; i++) {
        double x = t->vocab.score ? round((double)t->vocab.score[i] * 1e4) : 0;
        score[i] = x > INVALID && x < INT32_MAX ? (int32_t)x : INVALID;
    }
    int rc = tr__no_pre(t, err);
    if (!rc)
        rc = tr__read_bytes(t, err);
    if (!rc)
        rc = tr__index_tokens(t, g, ~(1u << TR__TOKEN_BYTE), &t->trie, err);
    if (!rc && t->trie.longest >= 1 << 15)
        rc = tr_err_set(err, TR_EUNSUPPORTED, "a token of %zu bytes is too long",
                        t->trie.longest);
    return rc ? rc : tr__join_trie(t, err);
}

static void plamo2_release(struct tr_tokenizer *t)
{
    free(t->own);
}

/* The text with U+FFFD for what is no character. */
static int read_text(struct tr_encoder *e, const char *text, size_t len, int first)
{
    size_t base = (size_t)(text - e->text), at = 0;
    int rc = 0;
    if (first && len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        at = 3;
    e->spelling.n = 0;
    for (size_t n; at < len && !rc; at += n) {
        uint32_t c;
        char bytes[4];
        n = tr__read_character(text + at, len - at, &c);
        rc = tr__respell(e, bytes, tr__write_character(c, bytes), base + at);
    }
    return rc ? rc : tr__respell_end(e, base + len);
}

enum { SPELT = 1 << 15 }; /* in e->way: a character that is its bytes */

/* The best token at `at`, where a character of n bytes stands; what it costs from there.
 * Place p is e->best[p & ring]. */
static void choose(const struct tr_encoder *e, size_t len, size_t at, size_t n, size_t ring)
{
    const struct tr_tokenizer *t = e->t;
    const int32_t *score = t->own;
    struct tr__best *best = e->best;
    struct tr__best b = { best[(at + n) & ring].score - UNKNOWN, 0, -1 };
    size_t bytes = n;
    uint32_t node = 0;
    for (size_t end = at; end < len;) {
        node = tr__tree_step(&t->trie, node, e->spelling.bytes[end++]);
        if (!node)
            break;
        int32_t id = t->trie.id[node];
        if (id < 0 || score[id] <= INVALID || !tr__may_be_text(e, id))
            continue;
        double cost = best[end & ring].score - score[id];
        if (cost <= b.score) {
            b = (struct tr__best){ cost, 0, id };
            bytes = end - at;
        }
    }
    best[at & ring] = b;
    e->way[at] = (uint16_t)(b.id >= 0 ? bytes : bytes | SPELT);
}

static int push_way(struct tr_encoder *e, size_t len)
{
    const struct tr__spelling *s = &e->spelling;
    int rc = 0;
    for (size_t at = 0, end; at < len && !rc; at = end) {
        int spelt = e->way[at] & SPELT;
        int32_t id = -1;
        end = at + (e->way[at] & (SPELT - 1));
        size_t from = e->where ? s->from[at] : 0, to = e->where ? s->from[end] : 0;
        if (!spelt) {
            tr__tree_longest(&e->t->trie, s->bytes + at, end - at, &id);
            rc = tr__push_at(e, id, from, to);
        }
        for (size_t i = at; spelt && i < end && !rc; i++)
            rc = tr__push_at(e, e->t->byte_id[(unsigned char)s->bytes[i]], from, to);
    }
    return rc;
}

static int plamo2_encode(struct tr_encoder *e, const char *text, size_t len, int first)
{
    int rc = read_text(e, text, len, first);
    size_t n = e->spelling.n;
    if (rc || !n)
        return rc;
    size_t ring = 4;
    while (ring <= e->t->trie.longest)
        ring *= 2;
    if (tr__grow(&e->best, &e->cap_best, ring, sizeof *e->best) ||
        tr__spool_grow(&e->way, &e->cap_way, n, sizeof *e->way))
        return tr_err_sys(e->err, "cannot hold a text of %zu bytes", n);
    ring--;
    e->best[n & ring] = (struct tr__best){ 0, 0, -1 };
    for (size_t at = n, end = n; at-- > 0;) {
        e->best[at & ring].score = INFINITY; /* a token that ends in a character is none */
        if ((e->spelling.bytes[at] & 0xc0) == 0x80)
            continue;
        choose(e, n, at, end - at, ring);
        end = at;
    }
    return push_way(e, n);
}

/* Between two characters whose bytes stand beside each other in no token. */
static size_t plamo2_cut(struct tr_encoder *e, const char *text, size_t len)
{
    for (size_t at = 4; at < len; at++)
        if (tr__is_apart(e->t, text, len, at))
            return at;
    return 0;
}

const struct tr__tokenizer_kind tr__tokenizer_plamo2 = {
    .model = "plamo2",
    .around = TR__AROUND_NEVER,
    .all_pieces = 1,
    .notes = 1,
    .bos = 1,
    .eos = 2,
    .unk = 0,
    .sep = -1,
    .unescape = tr__plain_text,
    .init = plamo2_init,
    .encode = plamo2_encode,
    .cut = plamo2_cut,
    .release = plamo2_release,
};
