/* SPDX-License-Identifier: MIT
 *
 * Learning a unigram vocabulary: frequent substrings and sums over all ways to make a word,
 * beside plain enumeration, and what is learnt of text whose pieces are known.
 */
#include "suite.h"

#include <libtrain/rng.h>
#include <libtrain/threads.h>
#include <libtrain/vocabulary.h>
#include <libtrain/vocabulary/rounds.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Words of small letters as symbols. */
static void add(struct tr__words *w, const char *text, uint64_t count)
{
    for (size_t i = 0; text[i]; i++)
        MUST(!tr__words_symbol(w, i, (uint32_t)(text[i] - 'a')));
    MUST(!tr__words_add(w, strlen(text), count));
}

/* ---- substrings --------------------------------------------------------------------- */

static uint64_t times(const struct tr__words *w, const uint32_t *sym, uint32_t n)
{
    uint64_t count = 0;
    for (size_t i = 0; i < w->n; i++)
        for (uint32_t k = 0; k + n <= w->word[i].n; k++)
            if (!memcmp(w->sym + w->word[i].start + k, sym, n * sizeof *sym))
                count += w->word[i].count;
    return count;
}

static int listed(const struct tr__pieces *p, const uint32_t *sym, uint32_t n)
{
    int found = 0;
    for (size_t i = 0; i < p->n; i++)
        found += p->at[i].n == n && !memcmp(p->at[i].sym, sym, n * sizeof *sym);
    return found;
}

/* A substring is listed once if it comes twice or more, and none that goes on comes as
 * often; with that many times its length as score. */
START_TEST(test_frequent)
{
    enum { LONGEST = 5 };
    struct tr__words w = { 0 };
    struct tr__pieces p = { 0 };
    struct tr_rng r = tr_rng_init(1, 0);
    for (int i = 0; i < 40; i++) {
        char text[12] = "";
        for (uint64_t n = 0, len = 1 + tr_rng_below(&r, 10); n < len; n++)
            text[n] = (char)('a' + tr_rng_below(&r, 3));
        add(&w, text, 1 + tr_rng_below(&r, 3));
    }
    ck_assert_int_eq(tr__pieces_frequent(&w, LONGEST, SIZE_MAX, &p, NULL), 0);
    ck_assert_uint_gt(p.n, 20);
    for (size_t i = 0; i < p.n; i++) {
        MUST(p.at[i].n >= 2 && p.at[i].n <= LONGEST);
        MUST(p.at[i].score == (double)(times(&w, p.at[i].sym, p.at[i].n) * p.at[i].n));
        MUST(!i || p.at[i - 1].score >= p.at[i].score);
    }
    for (size_t i = 0; i < w.n; i++)
        for (uint32_t from = 0; from < w.word[i].n; from++)
            for (uint32_t n = 2; n <= LONGEST && from + n <= w.word[i].n; n++) {
                uint32_t longer[LONGEST + 1];
                const uint32_t *sym = w.sym + w.word[i].start + from;
                uint64_t count = times(&w, sym, n), most = 0;
                memcpy(longer, sym, n * sizeof *sym);
                for (longer[n] = 0; longer[n] < 3 && n < LONGEST; longer[n]++) {
                    uint64_t k = times(&w, longer, n + 1);
                    most = k > most ? k : most;
                }
                MUST(listed(&p, sym, n) == (count >= 2 && most < count));
            }
    free(p.at);
    tr__words_release(&w);
}
END_TEST

/* ---- the lattice -------------------------------------------------------------------- */

enum { WORD = 9, PIECES = 12 };
static const char *const piece[PIECES] = { "a", "b", "ab", "ba", "aba", "bab", "abab", "aa",
                                           "bb", "abba", "baab", "aab" };
struct plain { /* all ways to make a word, one after the other */
    const char *word;
    const double *score;
    int used[WORD], n_used;
    double total, best, expected[PIECES];
};

static void ways(struct plain *x, size_t at, double score, int sum)
{
    if (!x->word[at]) {
        double p = exp(score);
        x->total += sum ? 0 : p;
        x->best = score > x->best ? score : x->best;
        for (int i = 0; sum && i < x->n_used; i++)
            x->expected[x->used[i]] += p / x->total;
        return;
    }
    for (int i = 0; i < PIECES; i++)
        if (!strncmp(x->word + at, piece[i], strlen(piece[i]))) {
            x->used[x->n_used++] = i;
            ways(x, at + strlen(piece[i]), score + x->score[i], sum);
            x->n_used--;
        }
}

START_TEST(test_lattice)
{
    struct tr__words w = { 0 }, text = { 0 };
    struct tr__pieces p = { 0 };
    struct tr__trie t = { 0 };
    struct tr__lattice l = { 0 };
    struct tr_rng r = tr_rng_init(2, 0);
    double score[PIECES];
    p.at = calloc(PIECES, sizeof *p.at);
    p.n = PIECES;
    for (int i = 0; i < PIECES; i++)
        add(&text, piece[i], 1);
    for (int i = 0; i < PIECES; i++) {
        score[i] = -1 - 6 * (double)tr_rng_uniform(&r);
        p.at[i] = (struct tr__piece){ text.sym + text.word[i].start, text.word[i].n,
                                      score[i] };
    }
    ck_assert_int_eq(tr__trie_build(&t, &p, NULL), 0);
    for (int k = 0; k < 50; k++) {
        char word[WORD + 1] = "";
        int64_t have[PIECES] = { 0 };
        for (int i = 0; i < WORD; i++)
            word[i] = (char)('a' + tr_rng_below(&r, 2));
        struct plain x = { .word = word, .score = score, .best = -INFINITY };
        ways(&x, 0, 0, 0);
        ways(&x, 0, 0, 1);
        w.n = w.n_sym = 0;
        add(&w, word, 1);
        MUST(!tr__lattice_set(&l, &t, &p, w.sym, WORD, SIZE_MAX));
        MUST(fabs(l.node[WORD].best - x.best) < 1e-12);
        tr__lattice_expect(&l, 3, have);
        for (int i = 0; i < PIECES; i++)
            MUST(fabs((double)have[i] * 0x1p-20 - 3 * x.expected[i]) < 1e-4);
    }
    tr__lattice_release(&l);
    tr__trie_release(&t);
    tr__words_release(&w);
    tr__words_release(&text);
    free(p.at);
}
END_TEST

/* ---- the whole ---------------------------------------------------------------------- */

static const char *const lexicon[] = { "kiro", "ba", "dulem", "sot", "ifni", "gepalu" };
enum { LEXICON = sizeof lexicon / sizeof *lexicon, FIXED = 3 + 17 + 2 /* ▁, \n */ };

/* Words of two to four of these. */
static char *lexicon_text(size_t *n)
{
    enum { ROOM = 200000 };
    struct tr_rng r = tr_rng_init(3, 0);
    char *text = malloc(ROOM);
    for (*n = 0; *n < ROOM - 64;) {
        for (uint64_t k = 2 + tr_rng_below(&r, 3); k > 0; k--) {
            const char *p = lexicon[tr_rng_below(&r, LEXICON)];
            memcpy(text + *n, p, strlen(p));
            *n += strlen(p);
        }
        text[(*n)++] = tr_rng_below(&r, 9) ? ' ' : '\n';
    }
    return text;
}

static struct tr_vocabulary *learnt(uint32_t size, int threads)
{
    struct tr_vocabulary_args a = { .kind = "unigram", .size = size, .coverage = 1 };
    struct tr_err err = { 0 };
    size_t n;
    char *text = lexicon_text(&n);
    tr_threads(threads);
    struct tr_vocabulary *v = tr_vocabulary_new(&a, &err);
    ck_assert_msg(v != NULL, "%s", err.text);
    ck_assert_int_eq(tr_vocabulary_add(v, text, n, &err), 0);
    ck_assert_int_eq(tr_vocabulary_end(v, &err), 0);
    ck_assert_msg(!tr_vocabulary_learn(v, &err), "%s", err.text);
    free(text);
    return v;
}

static int has(const struct tr_vocabulary *v, const char *text)
{
    for (uint32_t i = 0; i < tr_vocabulary_n(v); i++)
        if (tr_str_is(tr_vocabulary_token(v, i), text))
            return 1;
    return 0;
}

/* With room for the lexicon, the lexicon is what is found. */
START_TEST(test_lexicon)
{
    struct tr_vocabulary *v = learnt(FIXED + LEXICON, 1);
    ck_assert_uint_eq(tr_vocabulary_n(v), FIXED + LEXICON);
    for (int i = 0; i < LEXICON; i++)
        ck_assert_msg(has(v, lexicon[i]), "no '%s'", lexicon[i]);
    tr_vocabulary_free(v);
}
END_TEST

START_TEST(test_threads)
{
    struct tr_vocabulary *a = learnt(100, 1), *b = learnt(100, 3);
    ck_assert_uint_eq(tr_vocabulary_n(a), tr_vocabulary_n(b));
    for (uint32_t i = 0; i < tr_vocabulary_n(a); i++) {
        struct tr_str x = tr_vocabulary_token(a, i), y = tr_vocabulary_token(b, i);
        MUST(x.len == y.len && !memcmp(x.ptr, y.ptr, x.len));
    }
    tr_vocabulary_free(a);
    tr_vocabulary_free(b);
}
END_TEST

/* Words of a letter that goes on and on. */
START_TEST(test_long_words)
{
    struct tr_vocabulary_args a = { .kind = "unigram", .size = 12 };
    struct tr_vocabulary *v = tr_vocabulary_new(&a, NULL);
    char many[5000];
    memset(many, 'a', sizeof many);
    ck_assert_int_eq(tr_vocabulary_add(v, many, sizeof many, NULL), 0);
    ck_assert_int_eq(tr_vocabulary_learn(v, NULL), 0);
    ck_assert(has(v, "aaaaaaaaaaaaaaaa"));
    tr_vocabulary_free(v);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("unigram");
    TCase *t = tcase_create("unigram");
    tcase_add_test(t, test_frequent);
    tcase_add_test(t, test_lattice);
    tcase_add_test(t, test_lexicon);
    tcase_add_test(t, test_threads);
    tcase_add_test(t, test_long_words);
    suite_add_tcase(s, t);
    return run_suite(s);
}
