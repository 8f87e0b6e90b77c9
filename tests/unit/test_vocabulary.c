/* SPDX-License-Identifier: MIT
 *
 * Vocabularies made of text: merges that follow from the rule by hand, those of Hugging
 * Face's tokenizers, pieces and threads, and the file that comes of it.
 */
#include "scratch.h"
#include "suite.h"

#include <libtrain/file.h>
#include <libtrain/rng.h>
#include <libtrain/threads.h>
#include <libtrain/tokenizer.h>
#include <libtrain/vocabulary.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const end_of_text[] = { "<|endoftext|>" };

static struct tr_vocabulary_args bpe_args(uint32_t size)
{
    return (struct tr_vocabulary_args){ .kind = "bpe", .pre = "gpt-2", .size = size,
                                        .special = end_of_text, .n_special = 1,
                                        .bos = end_of_text[0], .eos = end_of_text[0] };
}

/* Of one text that comes `piece` bytes at a time. */
static struct tr_vocabulary *learnt(const struct tr_vocabulary_args *a, const char *text,
                                    size_t n, size_t piece)
{
    struct tr_err err = { 0 };
    struct tr_vocabulary *v = tr_vocabulary_new(a, &err);
    ck_assert_msg(v != NULL, "%s", err.text);
    for (size_t at = 0; at < n; at += piece)
        MUST(!tr_vocabulary_add(v, text + at, piece < n - at ? piece : n - at, &err));
    ck_assert_int_eq(tr_vocabulary_end(v, &err), 0);
    ck_assert_msg(!tr_vocabulary_learn(v, &err), "%s", err.text);
    return v;
}

static void put_merge(const struct tr_vocabulary *v, size_t i, char *to, size_t room)
{
    uint32_t pair[2];
    tr_vocabulary_merge(v, i, pair);
    struct tr_str a = tr_vocabulary_token(v, pair[0]), b = tr_vocabulary_token(v, pair[1]);
    ck_assert_uint_lt(a.len + b.len + 1, room);
    snprintf(to, room, "%.*s %.*s", (int)a.len, a.ptr, (int)b.len, b.ptr);
}

/* ---- by hand ------------------------------------------------------------------------ */

static const struct {
    const char *text;
    uint64_t min_frequency;
    const char *merges; /* with ", " between them */
} by_hand[] = {
    /* l o and o w come three times each: the smaller left id first, that of l; then lo w */
    { "low low low", 0, "l o, lo w, Ġ low" },
    /* Ġ a three times; b d and c d twice, and so Ġa cd, whose left id is larger */
    { "abd abd acd acd", 0, "Ġ a, b d, c d, Ġa cd, a bd, Ġa bd" },
    /* a b before a c, by the right id */
    { "ab\nac\nab\nac", 2, "a b, a c" },
    /* runs: three neighbours a a in aaaa, two stay until the next merge */
    { "aaaa", 0, "a a, aa aa" },
    /* what comes once stays apart */
    { "xyz xy", 2, "x y" },
    /* no merge over the end of a word: a letter and a digit */
    { "a1a1a1a1", 0, "" },
    /* bytes: é is Ã ©, and a byte that is no character is one as well */
    { "é\xff é\xff", 2, "Ã ©" },
};

START_TEST(test_by_hand)
{
    char have[400] = "", one[100];
    size_t used = 0;
    struct tr_vocabulary_args a = bpe_args(300);
    a.min_frequency = by_hand[_i].min_frequency;
    struct tr_vocabulary *v = learnt(&a, by_hand[_i].text, strlen(by_hand[_i].text), 1000);
    for (size_t i = 0; i < tr_vocabulary_n_merge(v); i++) {
        put_merge(v, i, one, sizeof one);
        used += (size_t)snprintf(have + used, sizeof have - used, "%s%s", i ? ", " : "",
                                 one);
    }
    ck_assert_str_eq(have, by_hand[_i].merges);
    ck_assert_uint_eq(tr_vocabulary_n(v), 257 + tr_vocabulary_n_merge(v));
    tr_vocabulary_free(v);
}
END_TEST

/* What spells a special token is not merged, wherever that has its id: a text would become
 * it.  Other pairs go on. */
START_TEST(test_special_that_is_merged)
{
    static const char *const special[] = { "<|endoftext|>", "low" };
    struct tr_vocabulary_args a = bpe_args(300);
    char last[20];
    a.special = special;
    a.n_special = 2;
    a.special_last = _i;
    struct tr_vocabulary *v = learnt(&a, "low low", 7, 7);
    ck_assert_uint_eq(tr_vocabulary_n_merge(v), 3); /* lo, Ġlo, Ġlow, but not low */
    ck_assert_uint_eq(tr_vocabulary_n(v), 2 + 256 + 3);
    put_merge(v, 2, last, sizeof last);
    ck_assert_str_eq(last, "Ġlo w");
    tr_vocabulary_free(v);
}
END_TEST

/* ---- beside tokenizers -------------------------------------------------------------- */

#define GOLDEN "tests/golden/bpe."

START_TEST(test_golden)
{
    static const char *const special[] = { "<|endoftext|>", "<|pad|>" };
    struct tr_vocabulary_args a = bpe_args(600);
    char *text, *merges, one[400];
    size_t n, n_merges;
    a.special = special;
    a.n_special = 2;
    ck_assert_int_eq(tr_read_all(GOLDEN "txt", &text, &n, NULL), 0);
    ck_assert_int_eq(tr_read_all(GOLDEN "merges", &merges, &n_merges, NULL), 0);
    struct tr_vocabulary *v = learnt(&a, text, n, 7);
    ck_assert_uint_eq(tr_vocabulary_n(v), 600);
    char *line = strtok(merges, "\n");
    for (size_t i = 0; i < tr_vocabulary_n_merge(v); i++, line = strtok(NULL, "\n")) {
        put_merge(v, i, one, sizeof one);
        ck_assert_ptr_nonnull(line);
        ck_assert_str_eq(one, line);
    }
    ck_assert_ptr_null(line);
    tr_vocabulary_free(v);
    free(text);
    free(merges);
}
END_TEST

/* ---- SentencePiece's BPE ------------------------------------------------------------ */

static struct tr_vocabulary_args spm_args(uint32_t size)
{
    return (struct tr_vocabulary_args){ .kind = "spm", .size = size, .coverage = 1 };
}

static const struct {
    const char *text;
    uint64_t min_frequency;
    const char *tokens; /* behind <unk>, <s>, </s> and the bytes, with ", " between them */
} spm_by_hand[] = {
    /* a space in front of each line; characters by count, then code; no merge with a line's
     * end, a digit or a sign */
    { "ab\nab\n", 2, "\n, ▁, a, b, ▁a, ▁ab" },
    { "low, low 7 low7\n", 2, "▁, l, o, w, 7, \n, ,, ▁l, ow, ▁low" },
    /* spaces in front of another one are a word */
    { "a   a   a", 2, "▁, a, ▁a, ▁▁" },
    { "\n\n", 2, "\n, ▁" },
    /* what is no character has no token, and U+2581 is not taken for a space */
    { "a\xff" "a▁a", 1, "a, ▁, ▁a" },
};

START_TEST(test_spm_by_hand)
{
    enum { FIXED = 3 + 256 };
    char have[400] = "";
    size_t used = 0;
    struct tr_vocabulary_args a = spm_args(300);
    a.min_frequency = spm_by_hand[_i].min_frequency;
    const char *text = spm_by_hand[_i].text;
    struct tr_vocabulary *v = learnt(&a, text, strlen(text), 3);
    for (uint32_t i = FIXED; i < tr_vocabulary_n(v); i++) {
        struct tr_str s = tr_vocabulary_token(v, i);
        used += (size_t)snprintf(have + used, sizeof have - used, "%s%.*s",
                                 i > FIXED ? ", " : "", (int)s.len, s.ptr);
    }
    ck_assert_str_eq(have, spm_by_hand[_i].tokens);
    tr_vocabulary_free(v);
}
END_TEST

/* A token has 16 characters at most. */
START_TEST(test_spm_longest)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    char many[60 * sizeof text];
    size_t longest = 0;
    many[0] = '\0';
    for (int i = 0; i < 60; i++)
        strcat(many, text);
    struct tr_vocabulary_args a = spm_args(400);
    struct tr_vocabulary *v = learnt(&a, many, strlen(many), 100);
    for (uint32_t i = 0; i < tr_vocabulary_n(v); i++)
        if (tr_vocabulary_token(v, i).len > longest)
            longest = tr_vocabulary_token(v, i).len;
    ck_assert_uint_eq(longest, 16);
    tr_vocabulary_free(v);
}
END_TEST

/* The rarest characters are left out, and a size without room for the others is refused. */
START_TEST(test_spm_coverage)
{
    struct tr_err err = { 0 };
    struct tr_vocabulary_args a = spm_args(264);
    a.coverage = 0.99;
    char text[] = "aaaabbbb aaaabbbb aaaabbbb aaaabbbb aaaabbbb aaaabbbb aaaabbbb aaaabbbb "
                  "aaaabbbb aaaabbbb aaaabbbb aaaabbbb aaaabbbb aaaabbbb aaaabbbb z";
    struct tr_vocabulary *v = learnt(&a, text, strlen(text), 10);
    for (uint32_t i = 0; i < tr_vocabulary_n(v); i++)
        MUST(!tr_str_is(tr_vocabulary_token(v, i), "z"));
    tr_vocabulary_free(v);
    a.coverage = 1;
    a.size = 262;
    v = tr_vocabulary_new(&a, &err);
    ck_assert_int_eq(tr_vocabulary_add(v, text, strlen(text), &err), 0);
    ck_assert_int_eq(tr_vocabulary_learn(v, &err), TR_EINVAL);
    ck_assert_msg(strstr(err.text, "room for the 4 most frequent") != NULL, "%s", err.text);
    tr_vocabulary_free(v);
}
END_TEST

/* ---- pieces and threads ------------------------------------------------------------- */

enum { MUCH = 600 << 10 };

/* Words of a few letters with all kinds of ends, and characters of several bytes. */
static char *random_text(void)
{
    static const char *const part[] = { "ab", "ba", "c", " ", "  ", "\n", "1", "ü", "灯",
                                        ". " };
    char *text = malloc(MUCH);
    struct tr_rng r = tr_rng_init(7, 0);
    size_t n = 0;
    while (n + 4 < MUCH) {
        const char *p = part[tr_rng_below(&r, sizeof part / sizeof *part)];
        memcpy(text + n, p, strlen(p));
        n += strlen(p);
    }
    memset(text + n, 'x', MUCH - n);
    return text;
}

static void same(const struct tr_vocabulary *a, const struct tr_vocabulary *b)
{
    ck_assert_uint_eq(tr_vocabulary_n(a), tr_vocabulary_n(b));
    ck_assert_uint_eq(tr_vocabulary_n_word(a), tr_vocabulary_n_word(b));
    for (uint32_t i = 0; i < tr_vocabulary_n(a); i++) {
        struct tr_str x = tr_vocabulary_token(a, i), y = tr_vocabulary_token(b, i);
        MUST(x.len == y.len && !memcmp(x.ptr, y.ptr, x.len));
    }
}

START_TEST(test_pieces_and_threads)
{
    struct tr_vocabulary_args a = bpe_args(400);
    char *text = random_text();
    a.by_line = _i;
    tr_threads(1);
    struct tr_vocabulary *one = learnt(&a, text, MUCH, MUCH);
    tr_threads(3);
    struct tr_vocabulary *more = learnt(&a, text, MUCH, 100001);
    same(one, more);
    tr_vocabulary_free(one);
    tr_vocabulary_free(more);
    free(text);
}
END_TEST

/* ---- the file ----------------------------------------------------------------------- */

START_TEST(test_round_trip)
{
    struct tr_vocabulary_args a = bpe_args(500);
    struct tr_err err = { 0 };
    struct tr_tokens t = { 0 };
    char *text, *back = NULL;
    size_t n, n_back = 0, cap = 0;
    ck_assert_int_eq(tr_read_all(GOLDEN "txt", &text, &n, NULL), 0);
    struct tr_vocabulary *v = learnt(&a, text, n, n);
    ck_assert_msg(!tr_vocabulary_write(v, path, &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    struct tr_tokenizer *tok = tr_tokenizer_new(g, &err);
    ck_assert_msg(tok != NULL, "%s", err.text);
    ck_assert_ptr_null(tr_tokenizer_warning(tok, 0));
    ck_assert_int_eq(tr_tokenizer_eos(tok), 0);
    ck_assert_int_eq(tr_tokenizer_encode(tok, text, n, 0, &t, &err), 0);
    ck_assert_uint_lt(t.n, n / 2);
    for (size_t i = 0; i < t.n; i++)
        MUST(!tr_tokenizer_decode(tok, t.id[i], !i, 1, &back, &n_back, &cap, &err));
    ck_assert_uint_eq(n_back, n);
    ck_assert_mem_eq(back, text, n);
    tr_tokens_release(&t);
    tr_tokenizer_free(tok);
    tr_gguf_close(g);
    tr_vocabulary_free(v);
    free(text);
    free(back);
}
END_TEST

/* ---- what cannot be ----------------------------------------------------------------- */

static const char *const twice[] = { "<s>", "</s>", "<s>" };
static const char *const empty[] = { "" };
static const struct {
    struct tr_vocabulary_args a;
    const char *words;
} refused[] = {
    { { .kind = "bpf", .pre = "gpt-2", .size = 300 }, "no kind of vocabulary 'bpf'" },
    { { .kind = "bpe", .pre = "gpt2?", .size = 300 }, "no pre-tokenizer 'gpt2?'" },
    { { .kind = "bpe", .pre = "gpt-2", .size = 258, .special = twice, .n_special = 3 },
      "'<s>' is given twice" },
    { { .kind = "bpe", .pre = "gpt-2", .size = 257, .special = twice, .n_special = 2 },
      "it has 258 at least" },
    { { .kind = "bpe", .pre = "gpt-2", .size = 300, .special = empty, .n_special = 1 },
      "has no text" },
    { { .kind = "spm", .size = 258 }, "it has 259 at least" },
    { { .kind = "spm", .size = 300, .special = twice, .n_special = 1 },
      "'<s>' is there anyway" },
    { { .kind = "unigram", .size = 4, .special = twice + 1, .n_special = 1 },
      "'</s>' is there anyway" },
    { { .kind = "unigram", .size = 2 }, "it has 3 at least" },
    { { .kind = "spm", .pre = "gpt-2", .size = 300 }, "has no pre-tokenizer" },
    { { .kind = "bpe", .pre = "gpt-2", .size = 300, .eos = "</s>" },
      "EOS '</s>' is none of the special tokens" },
};

START_TEST(test_refused)
{
    struct tr_err err = { 0 };
    ck_assert_ptr_null(tr_vocabulary_new(&refused[_i].a, &err));
    ck_assert_int_eq(err.code, TR_EINVAL);
    ck_assert_msg(strstr(err.text, refused[_i].words) != NULL, "%s", err.text);
}
END_TEST

START_TEST(test_nothing)
{
    struct tr_err err = { 0 };
    struct tr_vocabulary_args a = bpe_args(300);
    struct tr_vocabulary *v = tr_vocabulary_new(&a, &err);
    ck_assert_int_eq(tr_vocabulary_add(v, "", 0, &err), 0);
    ck_assert_int_eq(tr_vocabulary_end(v, &err), 0);
    ck_assert_int_eq(tr_vocabulary_learn(v, &err), TR_EFORMAT);
    tr_vocabulary_free(v);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vocabulary");
    TCase *t = tcase_create("bpe");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_loop_test(t, test_by_hand, 0, sizeof by_hand / sizeof *by_hand);
    tcase_add_loop_test(t, test_special_that_is_merged, 0, 2);
    tcase_add_test(t, test_golden);
    tcase_add_loop_test(t, test_spm_by_hand, 0, sizeof spm_by_hand / sizeof *spm_by_hand);
    tcase_add_test(t, test_spm_longest);
    tcase_add_test(t, test_spm_coverage);
    tcase_add_loop_test(t, test_pieces_and_threads, 0, 2);
    tcase_add_test(t, test_round_trip);
    tcase_add_loop_test(t, test_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_test(t, test_nothing);
    suite_add_tcase(s, t);
    return run_suite(s);
}
