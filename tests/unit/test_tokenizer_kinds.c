/* SPDX-License-Identifier: MIT
 *
 * Kinds of tokenizers whose tokens are not merged (Unigram, WordPiece, RWKV's and PLaMo
 * 2's), and those of BPE that are not merged bytes, or not only. Rows of tokenizer_kinds.def say what llama.cpp makes of small vocabularies
 * (toy_vocab.def); long texts are compared with themselves cut into pieces.
 */
#include "sanitized.h"
#include "scratch.h"
#include "toy_vocab.h"

#include <libtrain/tokenizer/characters.h>
#include <libtrain/tokenizer/charsmap.h>
#include <libtrain/tokenizer/kind.h>

#include "tokenizer_kinds.def"

static struct toy *toy; /* of the test that runs */

static struct tr_tokenizer *open_vocab(const char *vocab)
{
    toy = toy_new(vocab);
    return toy_open(toy, path);
}

static void close_vocab(struct tr_tokenizer *t)
{
    tr_tokenizer_free(t);
    toy_free(toy);
}

/* ==== rows ==== */

static void expect_back(const struct tr_tokenizer *t, const struct tr_tokens *ids,
                        const char *want)
{
    char *buf = NULL;
    size_t n = 0, cap = 0;
    struct tr_err err = { 0 };
    for (size_t i = 0; i < ids->n; i++)
        if (tr_tokenizer_decode(t, ids->id[i], i == 0, 1, &buf, &n, &cap, &err))
            ck_abort_msg("%s", err.text);
    n = tr_tokenizer_clean(t, buf, n);
    ck_assert_msg(n == strlen(want) && (!n || !memcmp(buf, want, n)), "'%.*s', not '%s'",
                  (int)n, buf ? buf : "", want);
    free(buf);
}

START_TEST(text_to_ids)
{
    const char *text = rows[_i].text;
    struct tr_tokenizer *t = open_vocab(rows[_i].vocab);
    int flags = tr_tokenizer_around(t) | (rows[_i].special ? TR_ENCODE_SPECIAL : 0);
    struct tr_tokens out = toy_encode(t, text, strlen(text), flags);
    char have[1024] = "", *p = have;
    for (size_t i = 0; i < out.n; i++)
        p += sprintf(p, "%s%u", i ? " " : "", out.id[i]);
    ck_assert_ptr_null(tr_tokenizer_warning(t, 0));
    ck_assert_msg(!strcmp(have, rows[_i].ids), "%s, '%s': %s, not %s", rows[_i].vocab, text,
                  have, rows[_i].ids);
    expect_back(t, &out, rows[_i].back);
    tr_tokens_release(&out);
    close_vocab(t);
}
END_TEST

START_TEST(where_ids_stand)
{
    const char *text = places[_i].text;
    struct tr_tokenizer *t = open_vocab(places[_i].vocab);
    struct tr_tokens plain = toy_encode(t, text, strlen(text), 0), out = { 0 };
    struct tr_text_ranges where = { 0 };
    struct tr_err err = { 0 };
    char have[512] = "", *p = have;
    int rc = tr_tokenizer_encode_ranges(t, text, strlen(text), 0, NULL, 0, &out, &where,
                                        &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_uint_eq(out.n, plain.n);
    ck_assert_uint_eq(out.n, where.n);
    ck_assert_int_eq(memcmp(out.id, plain.id, out.n * sizeof *out.id), 0);
    for (size_t i = 0; i < where.n; i++)
        p += sprintf(p, "%s%u:%zu-%zu", i ? " " : "", out.id[i], where.at[i].start,
                     where.at[i].end);
    ck_assert_msg(!strcmp(have, places[_i].places), "%s: %s, not %s", places[_i].vocab,
                  have, places[_i].places);
    tr_tokens_release(&plain);
    tr_tokens_release(&out);
    tr_text_ranges_release(&where);
    close_vocab(t);
}
END_TEST

/* What a user wrote is no control token, though llama.cpp would find one in plain text. */
START_TEST(literal)
{
    static const char text[] = "a<c>b <c>";
    struct tr_text_range all = { 0, sizeof text - 1 };
    struct tr_tokenizer *t = open_vocab(places[_i].vocab);
    struct tr_tokens out = { 0 };
    struct tr_err err = { 0 };
    ck_assert_int_eq(tr_tokenizer_encode_ranges(t, text, sizeof text - 1, TR_ENCODE_SPECIAL,
                                                &all, 1, &out, NULL, &err), 0);
    ck_assert_uint_gt(out.n, 0);
    for (size_t i = 0; i < out.n; i++)
        ck_assert_int_ne(t->vocab.type[out.id[i]], TR__TOKEN_CONTROL);
    tr_tokens_release(&out);
    close_vocab(t);
}
END_TEST

/* Merges of a character that is no token; alone it is its bytes.  As in llama.cpp. */
START_TEST(merged_without_token)
{
    static const char *const vocab[] = { "gemma4, no t", "sarvam, no t", "words, no t" };
    static const uint32_t want[] = { 261, 259, 3 + 't' };
    struct tr_tokenizer *t = open_vocab(vocab[_i]);
    struct tr_tokens out = toy_encode(t, "thehth", 6, 0);
    ck_assert_ptr_nonnull(tr_tokenizer_warning(t, 0)); /* merges without tokens */
    ck_assert_uint_eq(out.n, 4);
    ck_assert_int_eq(memcmp(out.id, want, sizeof want), 0);
    ck_assert_uint_eq(out.id[3], 3 + 'h'); /* "th" is one symbol: bytes */
    tr_tokens_release(&out);
    close_vocab(t);
}
END_TEST

/* ==== maps of a normaliser ==== */

/* A map of one node "a" whose only child is itself, or which has `n` bytes to replace it. */
static struct tr__charsmap one_node(size_t n)
{
    enum { UNITS = 512, CHILDREN = 256 };
    size_t size = 4 * UNITS;
    struct tr__charsmap m = { calloc(4 + size + n + 1, 1), UNITS, NULL, n + 1 };
    uint32_t base = n ? 'a' ^ CHILDREN : 'a', node = base << 10 | (n ? 1u << 8 : 0) | 'a';
    ck_assert_ptr_nonnull(m.bytes);
    memcpy(m.bytes + 4 + 4 * 'a', &node, sizeof node);
    m.strings = (char *)m.bytes + 4 + size; /* unit CHILDREN is 0: the first string */
    memset(m.bytes + 4 + size, 'y', n);
    return m;
}

/* The walk does not go on to the end of the text: from each of its places that would be a
 * square, and this would not end. */
START_TEST(node_in_itself)
{
    size_t len = SANITIZED ? 1u << 17 : 1u << 20;
    struct tr__charsmap m = one_node(0);
    char *text = malloc(len);
    struct tr_str to;
    ck_assert_ptr_nonnull(text);
    memset(text, 'a', len);
    for (size_t i = 0; i < len; i++)
        if (tr__charsmap_find(&m, text + i, len - i, &to))
            ck_abort_msg("found at %zu", i);
    free(text);
    tr__charsmap_release(&m);
}
END_TEST

START_TEST(growth)
{
    for (size_t n = 31; n < 34; n++) {
        struct tr__charsmap m = one_node(n);
        struct tr_str to = { 0 };
        int64_t want = n > 32 ? TR_EFORMAT : 1;
        ck_assert_int_eq(tr__charsmap_find(&m, "ab", 2, &to), want);
        ck_assert_uint_eq(to.len, n);
        tr__charsmap_release(&m);
    }
}
END_TEST

/* ==== long texts ==== */

static const char *const vocabs[] = { "unigram", "unigram, spaces stay",
                                      "unigram, words in words", "wordpiece", "rwkv",
                                      "plamo2", "lines", "sarvam", "words", "whitespace",
                                      "dna", "dna without" };

/* Pieces that mean something to the vocabularies, and bytes that are no characters. */
static size_t make_text(char *text, size_t len, uint32_t seed)
{
    static const char *const atom[] = {
        "a", "b", "ab", "abc", " ", "  ", "\n", "\t", "e\xcc\x81", "\xc3\xa9", "\xcc\x81",
        "\xef\xac\x81", "\xef\xbc\xa1", "\xe4\xb8\xad", "\xe4\xbd\xa0", "\xe2\x96\x81",
        "<x>", "<c>", "<", "x x", "\n\n", "<dna>", "</dna>", "ACGTAC", "x", "q",
        ".", ",", "'s", "-", "\xe4", "\xb8", "\xff", "\xef\xbb\xbf",
    };
    size_t n = 0;
    for (;;) {
        seed = seed * 1664525u + 1013904223u;
        const char *s = atom[(seed >> 16) % (sizeof atom / sizeof *atom)];
        if (n + strlen(s) > len)
            return n;
        memcpy(text + n, s, strlen(s));
        n += strlen(s);
    }
}

static const char *const all_kinds[] = {
    "unigram", "unigram, spaces stay", "unigram, words in words", "wordpiece", "rwkv", "plamo2",
    "lines", "sarvam", "words", "whitespace", "dna", "gemma4", "gemma4 ab", "spm", "spm ab",
    "bpe", "the", "ab ba", "ba ab", "whole word", "whole word, merged", "parts of characters",
    "gemma4, no t", "words, no t", "control merged"
};

/* Letters that these vocabularies merge, and little else. */
static size_t make_word(char *text, size_t len, uint32_t seed)
{
    static const char *const letters[] = { "a", "ab", "the", "ACGT", " a", "a\xcc\x81q", "#",
                                           "\n", "\xc3\xa9 ab" };
    const char *some = letters[seed % (sizeof letters / sizeof *letters)];
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        text[i] = some[(seed >> 16) % strlen(some)];
    }
    return len;
}

/* Long words have another algorithm, which gives what the one for short words gives. */
START_TEST(long_words)
{
    struct tr_tokenizer *t = open_vocab(all_kinds[_i]);
    char text[300];
    for (uint32_t seed = 0; seed < 200; seed++) {
        size_t len = seed % 3 ? make_word(text, 1 + seed, seed)
                              : make_text(text, sizeof text, seed);
        t->long_word = TR__LONG_WORD;
        struct tr_tokens want = toy_encode(t, text, len, 0);
        t->long_word = seed % 5;
        struct tr_tokens have = toy_encode(t, text, len, 0);
        ck_assert_msg(have.n == want.n &&
                      (!have.n || !memcmp(have.id, want.id, have.n * sizeof *have.id)),
                      "%s: text %u: %zu ids and %zu", all_kinds[_i], seed, have.n, want.n);
        tr_tokens_release(&want);
        tr_tokens_release(&have);
    }
    close_vocab(t);
}
END_TEST

/* However it is cut, the ids are those of the whole. */
START_TEST(cut_anywhere)
{
    enum { LEN = 3000 };
    char text[LEN];
    struct tr_tokenizer *t = open_vocab(vocabs[_i]);
    for (uint32_t seed = 0; seed < (SANITIZED ? 6u : 20u); seed++) {
        struct tr_err err = { 0 };
        size_t len = make_text(text, LEN, seed);
        int flags = seed % 2 ? TR_ENCODE_SPECIAL : 0;
        struct tr_tokens whole = { 0 }, parts = { 0 };
        ck_assert_int_eq(tr__encode(t, text, len, flags, len, &whole, &err), 0);
        ck_assert_int_eq(tr__encode(t, text, len, flags, 1 + seed % 7, &parts, &err), 0);
        ck_assert_uint_eq(whole.n, parts.n);
        ck_assert_int_eq(memcmp(whole.id, parts.id, whole.n * sizeof *whole.id), 0);
        tr_tokens_release(&whole);
        tr_tokens_release(&parts);
    }
    close_vocab(t);
}
END_TEST

/* A long run of one thing takes no longer than its length: with a square this would not
 * end. */
START_TEST(long_runs)
{
    static const char *const unit[] = { "a", " ", "\xcc\x81", "q", "\xe4\xbd\xa0", "\xff" };
    struct tr_tokenizer *t = open_vocab(vocabs[_i]);
    for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
        size_t n = strlen(unit[u]), len = (SANITIZED ? 1u << 15 : 1u << 18) / n * n;
        char *text = malloc(len);
        ck_assert_ptr_nonnull(text);
        for (size_t i = 0; i < len; i += n)
            memcpy(text + i, unit[u], n);
        struct tr_tokens out = toy_encode(t, text, len, 0);
        ck_assert_uint_le(out.n, 3 * len); /* U+FFFD as bytes */
        tr_tokens_release(&out);
        free(text);
    }
    close_vocab(t);
}
END_TEST

/* ==== characters ==== */

START_TEST(characters)
{
    char bytes[4];
    uint32_t c, n_lower = 0, n_base = 0, n_class[5] = { 0 };
    for (uint32_t i = 0; i < 0x110000; i++) {
        n_lower += tr__lower(i) != i;
        n_base += tr__base_of(i) != i;
        n_class[tr__character_of(i)]++;
        size_t n = tr__write_character(i, bytes);
        ck_assert_uint_eq(tr__read_character(bytes, n, &c), n);
        ck_assert_uint_eq(c, i);
    }
    ck_assert_uint_eq(n_lower, 1433);
    ck_assert_uint_eq(n_class[TR__CHAR_SPACE], 25);
    ck_assert_uint_eq(tr__lower(0x130), 'i');
    ck_assert_uint_eq(tr__lower(0x10400), 0x10428);
    ck_assert_uint_eq(tr__base_of(0x1e09), 'c');
    ck_assert_uint_eq(tr__base_of(0xac01), 0x1100);
    ck_assert_uint_eq(tr__base_of(0xf900), 0x8c48);
    ck_assert_int_eq(tr__character_of(0x301), TR__CHAR_MARK);
    ck_assert_int_eq(tr__character_of(0x2028), TR__CHAR_SPACE);
    ck_assert_int_eq(tr__character_of(0x200b), TR__CHAR_CONTROL);
    ck_assert_int_eq(tr__character_of(0x378), TR__CHAR_OTHER); /* not assigned */
    ck_assert_uint_eq(n_base, 13233);
    ck_assert_uint_eq(n_class[TR__CHAR_MARK], 2450);
    ck_assert_uint_eq(n_class[TR__CHAR_PUNCT], 842);
}
END_TEST

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

int main(void)
{
    Suite *s = suite_create("tokenizer_kinds");
    TCase *tc = tcase_create("rows");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, text_to_ids, 0, COUNT(rows));
    tcase_add_loop_test(tc, where_ids_stand, 0, COUNT(places));
    tcase_add_loop_test(tc, literal, 0, COUNT(places));
    tcase_add_loop_test(tc, merged_without_token, 0, 3);
    tcase_add_test(tc, node_in_itself);
    tcase_add_test(tc, growth);
    tcase_add_loop_test(tc, cut_anywhere, 0, COUNT(vocabs));
    tcase_add_loop_test(tc, long_words, 0, COUNT(all_kinds));
    tcase_add_loop_test(tc, long_runs, 0, COUNT(vocabs));
    tcase_add_test(tc, characters);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
