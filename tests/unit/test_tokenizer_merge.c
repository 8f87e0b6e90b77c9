/* SPDX-License-Identifier: MIT
 *
 * What no single line about a tokenizer can say: that merging is that of the slow way on
 * texts of chance, that any bytes come back, that a word of a megabyte takes no longer than
 * many short ones, and that a text in pieces is the text.  Single texts are rows of
 * tokenizer_text.def; see test_tokenizer.c.
 */
#include "sanitized.h"
#include "scratch.h"
#include "toy_vocab.h"
#include "watched.h"

#include <libtrain/threads.h>
#include <libtrain/tokenizer/kind.h>

#include <math.h>
#include <time.h>

static struct toy *toy; /* of the test that runs */

static uint32_t rng_state;
static uint32_t rng(uint32_t below)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)rng_state * below >> 32);
}

/* The slow way, symbols as strings: the best pair of all, the leftmost among equals, merged
 * one at a time.  rank() tells how good a pair is, small first, HUGE_VAL: no merge. */
struct naive { char sym[4096][64]; size_t n; };

static void naive_merge(struct naive *x, double (*rank)(const char *a, const char *b))
{
    for (;;) {
        size_t at = 0;
        double best = HUGE_VAL;
        for (size_t i = 0; i + 1 < x->n; i++) {
            double r = rank(x->sym[i], x->sym[i + 1]);
            if (r < best) {
                best = r;
                at = i;
            }
        }
        if (!(best < HUGE_VAL))
            return;
        size_t n = strlen(x->sym[at]);
        memcpy(x->sym[at] + n, x->sym[at + 1], strlen(x->sym[at + 1]) + 1);
        memmove(x->sym[at + 1], x->sym[at + 2], (x->n - at - 2) * sizeof *x->sym);
        x->n--;
    }
}

static double bpe_rank(const char *a, const char *b)
{
    char line[160];
    snprintf(line, sizeof line, "%s %s", a, b);
    for (int i = 0; i < toy->n_merge; i++)
        if (!strcmp(toy->merge[i], line))
            return i;
    return HUGE_VAL;
}

static double spm_rank(const char *a, const char *b)
{
    char both[160];
    snprintf(both, sizeof both, "%s%s", a, b);
    int id = toy_find(toy, both);
    return id < 0 ? HUGE_VAL : -(double)toy->score[id];
}

/* Random merges, words from short to long, against the slow way. */
START_TEST(bpe_against_naive)
{
    static struct naive x;
    toy = toy_new("bpe");
    rng_state = 7 + (uint32_t)_i;
    char known[64][16] = { "a", "b", "c" };
    int n_known = 3;
    while (n_known < 40) {
        const char *a = known[rng((uint32_t)n_known)], *b = known[rng((uint32_t)n_known)];
        if (strlen(a) + strlen(b) > 12 || bpe_rank(a, b) < HUGE_VAL)
            continue;
        char line[40];
        snprintf(line, sizeof line, "%s %s", a, b);
        int id = toy_merge(toy, line);
        snprintf(known[n_known++], sizeof *known, "%s", toy->token[id].ptr);
    }
    struct tr_tokenizer *t = toy_open(toy, path);
    for (int round = 0; round < 60; round++) {
        char text[600];
        size_t len = 1 + rng(round < 50 ? 40 : 500);
        for (size_t i = 0; i < len; i++)
            text[i] = "abc"[rng(rng(2) ? 2 : 3)];
        text[len] = 0;
        for (x.n = 0; x.n < len; x.n++)
            snprintf(x.sym[x.n], sizeof *x.sym, "%c", text[x.n]);
        naive_merge(&x, bpe_rank);
        struct tr_tokens out = toy_encode(t, text, len, 0);
        ck_assert_uint_eq(out.n, x.n);
        for (size_t i = 0; i < x.n; i++)
            ck_assert_int_eq((int)out.id[i], toy_find(toy, x.sym[i]));
        tr_tokens_release(&out);
    }
    tr_tokenizer_free(t);
    toy_free(toy);
}
END_TEST

/* Random tokens and scores, some alike; the slow way does not cut the text into words. */
START_TEST(spm_against_naive)
{
    static const char *const sym[] = { "\xe2\x96\x81", "a", "b", "\xc3\xa9", "\n" };
    static struct naive x;
    toy = toy_new("spm");
    rng_state = 11 + (uint32_t)_i;
    while (toy->n < 320) {
        char text[64] = "";
        for (uint32_t k = 1 + rng(4); k; k--)
            strcat(text, sym[rng(4)]);
        if (toy_find(toy, text) < 0)
            toy_add(toy, text, strlen(text), TOY_NORMAL, -(float)rng(30));
    }
    struct tr_tokenizer *t = toy_open(toy, path);
    for (int round = 0; round < 60; round++) {
        char text[3000] = "";
        strcpy(x.sym[0], sym[0]); /* the space in front */
        x.n = 1;
        for (uint32_t n = 1 + rng(round < 50 ? 30 : 400); n; n--) {
            uint32_t k = rng(5);
            strcpy(x.sym[x.n++], sym[k]);
            strcat(text, k ? sym[k] : " ");
        }
        naive_merge(&x, spm_rank);
        struct tr_tokens out = toy_encode(t, text, strlen(text), 0);
        size_t at = 0;
        for (size_t i = 0; i < x.n; i++) {
            int id = toy_find(toy, x.sym[i]);
            size_t n = strcmp(x.sym[i], sym[0]) ? strlen(x.sym[i]) : 1;
            for (size_t k = 0; id < 0 && k < n; k++, at++) {
                char byte = n == 1 && *x.sym[i] == *sym[0] ? ' ' : x.sym[i][k];
                ck_assert_uint_eq(out.id[at], 3u + (unsigned char)byte);
            }
            if (id >= 0)
                ck_assert_int_eq((int)out.id[at++], id);
        }
        ck_assert_uint_eq(at, out.n);
        tr_tokens_release(&out);
    }
    tr_tokenizer_free(t);
    toy_free(toy);
}
END_TEST

/* ==== any bytes, long words ==== */

static const char *const pres[] = {
    "gpt-2", "llama-bpe", "qwen2", "smollm", "default", "qwen35", "gpt-4o", "tekken",
    "dbrx", "glm4", "deepseek-v3", "minicpm5",
};
enum { N_PRE = sizeof pres / sizeof *pres };

START_TEST(bpe_round_trip)
{
    toy = toy_new("parts of characters");
    toy_pre(toy, pres[_i], 0);
    struct tr_tokenizer *t = toy_open(toy, path);
    char *text = malloc(1 << 20), *p = text;
    for (int b = 0; b < 256; b++) {
        *p = (char)b;
        toy_round_trip(t, p++, 1);
    }
    toy_round_trip(t, text, 256);
    p = text;
    for (unsigned c = 0; c < 0x30000; c += c < 0x3000 ? 1 : 5) {
        if (c >= 0x800)
            *p++ = (char)(c < 0x10000 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
        if (c >= 0x10000)
            *p++ = (char)(0x80 | (c >> 12 & 0x3f));
        if (c >= 0x80)
            *p++ = (char)((c < 0x800 ? 0xc0 : 0x80) | (c >> 6 & (c < 0x800 ? 0x1f : 0x3f)));
        *p++ = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
    }
    toy_round_trip(t, text, (size_t)(p - text)); /* surrogates are in it too */
    rng_state = 3;
    for (int round = 0; round < 300; round++) {
        size_t len = rng(100);
        for (size_t i = 0; i < len; i++)
            text[i] = rng(2) ? (char)rng(256) : " a'\n1\xe2\x82"[rng(7)];
        toy_round_trip(t, text, len);
    }
    free(text);
    tr_tokenizer_free(t);
    toy_free(toy);
}
END_TEST

/* What the words are made of: as it stands in a text, in a merge, in a piece. */
static const struct { const char *text, *merge, *piece; } letters[] = {
    { "a", "a", "a" },   { " ", "\u0120", "\u2581" }, { "ab", "ab", "ab" },
    { "<", "<", "<" },   { "\n", "\u010a", "\n" },    { "1", "1", "1" },
};
enum { N_LETTER = sizeof letters / sizeof *letters };

/* Tokens of 2, 4, 8, 16 and 32 times s, where characters are tokens and have scores (spm),
 * are tokens (gemma4), or bytes are. */
enum { BYTES, SPM, GEMMA4 };
static void add_runs(const char *s, int kind)
{
    char run[256], line[600];
    int spm = kind == SPM, two = !strcmp(s, "ab") && !spm;
    if (kind != BYTES && !two)
        toy_token(toy, s, TOY_NORMAL);
    for (const char *c = two && kind == GEMMA4 ? "ab" : ""; *c; c++)
        toy_token(toy, (char[]){ *c, 0 }, TOY_NORMAL);
    if (two)
        toy_merge(toy, "a b");
    snprintf(run, sizeof run, "%s", s);
    for (int k = 1; k <= 5; k++) {
        snprintf(line, sizeof line, spm ? "%s%s" : "%s %s", run, run);
        int id = spm ? toy_add(toy, line, strlen(line), TOY_NORMAL, (float)k)
                     : toy_merge(toy, line);
        snprintf(run, sizeof run, "%s", toy->token[id].ptr);
    }
}

/* What is quadratic for a naive merge: 1 MiB that is one word. */
START_TEST(long_words)
{
    static const char *const vocab[] = { "bpe", "llama-bpe", "spm", "gemma4" };
    static const int kind[] = { BYTES, BYTES, SPM, GEMMA4 };
    int k = kind[_i / N_LETTER];
    const char *s = letters[_i % N_LETTER].text;
    toy = toy_new(vocab[_i / N_LETTER]);
    add_runs(k == BYTES ? letters[_i % N_LETTER].merge : letters[_i % N_LETTER].piece, k);
    struct tr_tokenizer *t = toy_open(toy, path);
    size_t len = SANITIZED ? 1 << 16 : 1 << 20;
    char *big = malloc(len);
    for (size_t i = 0; i < len; i++)
        big[i] = s[i % strlen(s)];
    clock_t begun = clock();
    toy_round_trip(t, big, len);
    double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
    ck_assert_msg(SANITIZED || seconds < 2, "%g s", seconds);
    free(big);
    tr_tokenizer_free(t);
    toy_free(toy);
}
END_TEST

/* ==== pieces ==== */

/* What decides where a word ends, and tokens that lie across such places. */
static const char *const atoms[] = {
    "a", "b", "s", "re", "word", "'", "'s", "'ve", " ", " ", "  ", "\n", "\r\n", "\t", "1",
    "123", "1234", ".", "!?", "<", "\xc3\xa9", "\xe4\xb8\x96", "\xe3\x80\x82", "\xcc\x81",
    "\xc2\xa0", "\xe2\x80\x83", "\xc5\xbf", "\xd9\xa3", "\xf0\x9f\x98\x80", "\xe2\x96\x81",
    "\xe2", "\x82", "\x81", "\xff", "\xf0\x9f", "<user>", "<|end|>", "<s>", "d e", "x\n",
    "d", "e", "x", "run", "B", "\xe3\x81\x82", "\xe3\x83\xbb", "\xe3\x82\x99", "\x01", "/",
};

static size_t random_text(char *text, size_t n_atom)
{
    size_t len = 0;
    uint32_t n = 1 + rng(sizeof atoms / sizeof *atoms); /* sometimes just the first ones */
    for (size_t i = 0; i < n_atom; i++) {
        const char *s = atoms[rng(n)];
        if (!strcmp(s, "run") && !rng(8)) { /* letters, longer than a place is looked for */
            for (size_t k = 0; k < 1200; k++)
                len += (size_t)sprintf(text + len, "\xc3\xa9");
            continue;
        }
        memcpy(text + len, s, strlen(s));
        len += strlen(s);
    }
    return len;
}

/* However small the pieces, and on any number of threads: the ids of the whole. */
START_TEST(pieces)
{
    static const size_t piece[] = { 1, 2, 7, 50 };
    static char text[300 * 2400 + 1];
    int longer = 0, most = 0;
    toy = toy_new(_i < N_PRE    ? "across words"
                  : _i == N_PRE ? "spm across words"
                                : "gemma4 across words");
    if (_i < N_PRE)
        toy_pre(toy, pres[_i], 0);
    struct tr_tokenizer *t = toy_open(toy, path);
    rng_state = 11;
    for (int round = 0; round < (SANITIZED ? 30 : 150); round++) {
        size_t len = random_text(text, 1 + rng(300));
        int flags = rng(2) ? TR_ENCODE_SPECIAL : 0;
        struct tr_tokens want = { 0 }, have = { 0 };
        struct tr_encoder e = { .t = t, .text = text };
        longer += tr__next_cut(&e, text, len, 0, 1, flags) < len;
        tr__splitter_release(&e.splitter);
        ck_assert_int_eq(tr__encode(t, text, len, flags, SIZE_MAX, &want, NULL), 0);
        for (size_t k = 0; k < sizeof piece / sizeof *piece; k++) {
            tr_threads(1 + (int)(k % 2));
            have.n = 0;
            struct watched seen = { 0 };
            tr_tokenizer_watch(t, &(struct tr_progress){ watched_at, &seen });
            ck_assert_int_eq(tr__encode(t, text, len, flags, piece[k], &have, NULL), 0);
            ck_assert(!len || (seen.done == (int64_t)len && seen.total == (int64_t)len));
            most = seen.n > most ? seen.n : most;
            tr_tokenizer_watch(t, &(struct tr_progress){ 0 });
            ck_assert_uint_eq(have.n, want.n);
            ck_assert(!memcmp(have.id, want.id, want.n * sizeof *want.id));
        }
        tr_tokens_release(&want);
        tr_tokens_release(&have);
    }
    ck_assert_int_gt(longer, SANITIZED ? 20 : 100); /* most texts were cut */
    ck_assert_int_gt(most, SANITIZED ? 0 : 1); /* few texts: none is read in several parts */
    tr_tokenizer_free(t);
    toy_free(toy);
}
END_TEST

/* Of several failures, the first in the text is told. */
START_TEST(pieces_fail)
{
    toy = toy_new("no bell");
    struct tr_tokenizer *t = toy_open(toy, path);
    char text[20000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i > 9000 && i % 100 == 50 ? '\a' : i % 3 ? 'a' : ' ';
    for (int n = 1; n <= 2; n++) {
        struct tr_tokens out = toy_encode(t, "ok", 2, 0);
        struct tr_err err = { 0 };
        tr_threads(n);
        ck_assert_int_eq(tr__encode(t, text, sizeof text, 0, 10, &out, &err),
                         TR_EUNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "byte 0x07 at offset 9050 "));
        ck_assert_uint_eq(out.n, 2);
        tr_tokens_release(&out);
    }
    tr_tokenizer_free(t);
    toy_free(toy);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tokenizer_merge");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, bpe_against_naive, 0, 4);
    tcase_add_loop_test(tc, spm_against_naive, 0, 4);
    tcase_add_loop_test(tc, bpe_round_trip, 0, N_PRE);
    tcase_add_loop_test(tc, long_words, 0, 4 * N_LETTER);
    tcase_add_loop_test(tc, pieces, 0, N_PRE + 2);
    tcase_add_test(tc, pieces_fail);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
