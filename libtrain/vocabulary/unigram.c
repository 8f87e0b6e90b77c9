/* SPDX-License-Identifier: MIT
 *
 * Unigram (Kudo 2018): each token has a probability, and a text is cut so that it is the
 * most probable.  Learning begins with all frequent substrings of words and ends with those
 * that the words are made of best.  Ids are <unk>, <s>, </s>, the special tokens, the
 * characters, and the other tokens, the most probable first.  Read next: suffixes.c,
 * rounds.c, lattice.c.
 */
#include <libtrain/vocabulary/rounds.h>
#include <libtrain/vocabulary/spaced.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

enum { MOST = 1000000, LONG = 512 }; /* pieces to begin with, symbols of a part of a word */

/* ---- words -------------------------------------------------------------------------- */

/* Ways to make a long word are more than a double can count. */
static int cut_long(struct tr__words *w, struct tr_err *err)
{
    size_t n = w->n;
    for (size_t i = 0; i < n; i++) {
        struct tr__word all = w->word[i];
        for (uint32_t at = LONG; at < all.n; at += LONG) {
            uint32_t left = all.n - at < LONG ? all.n - at : LONG;
            if (tr__grow(&w->word, &w->cap, w->n + 1, sizeof *w->word))
                return tr_err_set(err, TR_ENOMEM, "out of memory for %zu words", w->n + 1);
            w->word[w->n++] = (struct tr__word){ all.start + at, left, all.count };
        }
        w->word[i].n = all.n < LONG ? all.n : LONG;
    }
    return 0;
}

/* A piece for each character, with how often it stands there; ids[i] is i. */
static int add_symbols(const struct tr__words *w, struct tr__pieces *p, uint32_t *ids,
                       uint32_t n_before, uint32_t n, struct tr_err *err)
{
    if (tr__grow(&p->at, &p->cap, n, sizeof *p->at))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %u characters", n);
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = n_before + i;
        p->at[i] = (struct tr__piece){ &ids[i], 1, 1 };
    }
    p->n = n;
    for (size_t i = 0; i < w->n; i++)
        for (uint32_t k = 0; k < w->word[i].n; k++)
            p->at[w->sym[w->word[i].start + k] - n_before].score +=
                (double)w->word[i].count;
    return 0;
}

/* ---- tokens ------------------------------------------------------------------------- */

static int by_score(const void *x, const void *y)
{
    const struct tr__piece *a = x, *b = y;
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->sym[i] != b->sym[i])
            return a->sym[i] < b->sym[i] ? -1 : 1;
    return 0;
}

static int add_piece(struct tr_vocabulary *v, const struct tr__piece *p, struct tr_err *err)
{
    char text[4 * TR__PIECE_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        struct tr_str s = tr__strings_at(&v->token, p->sym[i]);
        memcpy(text + n, s.ptr, s.len);
        n += s.len;
    }
    if (tr__strings_find(&v->token, text, n) >= 0)
        return 0; /* a special token */
    v->score[v->token.n] = (float)p->score;
    return tr__vocabulary_token(v, text, n, TR__TYPE_NORMAL, err);
}

static int add_pieces(struct tr_vocabulary *v, struct tr__pieces *p, size_t n_before,
                      size_t n_symbol, struct tr_err *err)
{
    int rc = 0;
    v->score = calloc(v->token.n + p->n, sizeof *v->score);
    if (!v->score)
        return tr_err_sys(err, "cannot hold %zu scores", p->n);
    for (size_t i = 0; i < n_symbol; i++)
        v->score[n_before + i] = (float)p->at[i].score;
    qsort(p->at + n_symbol, p->n - n_symbol, sizeof *p->at, by_score);
    for (size_t i = n_symbol; i < p->n && v->token.n < v->args.size && !rc; i++)
        rc = add_piece(v, &p->at[i], err);
    return rc;
}

/* ---- all ---------------------------------------------------------------------------- */

static int learn(struct tr_vocabulary *v, struct tr__words *words, size_t n_before,
                 struct tr_err *err)
{
    struct tr__pieces p = { 0 };
    uint32_t n_symbol = (uint32_t)(v->token.n - n_before);
    uint32_t *ids = malloc(n_symbol * sizeof *ids + 1);
    int rc = ids ? cut_long(words, err) : tr_err_sys(err, "cannot hold %u ids", n_symbol);
    if (!rc)
        rc = add_symbols(words, &p, ids, (uint32_t)n_before, n_symbol, err);
    if (!rc)
        rc = tr__pieces_frequent(words, TR__PIECE_MAX, MOST, &p, err);
    if (!rc)
        rc = tr__rounds(words, &p, n_symbol, v->args.size - n_before, &v->progress, err);
    if (!rc)
        rc = add_pieces(v, &p, n_before, n_symbol, err);
    free(p.at);
    free(ids);
    return rc;
}

static int unigram_learn(struct tr_vocabulary *v, struct tr_err *err)
{
    struct tr__characters c = { 0 };
    struct tr__words words = { 0 };
    int rc = tr__spaced_begin(v, 0, &c, err);
    if (!rc)
        rc = tr__spaced_words_of(v, &c, &words, err);
    tr__strings_release(&v->word);
    tr__characters_release(&c);
    if (!rc)
        rc = learn(v, &words, v->kind->n_fixed + v->args.n_special, err);
    tr__words_release(&words);
    return rc;
}

const struct tr__vocabulary_kind tr__vocabulary_unigram = {
    .name = "unigram",
    .architecture = "t5",
    .model = "t5",
    .spaced = 1,
    .fixed = tr__spaced_fixed,
    .n_fixed = 3,
    .bos = "<s>",
    .eos = "</s>",
    .words = &tr__spaced_words,
    .learn = unigram_learn,
    .write = tr__spaced_write,
};
