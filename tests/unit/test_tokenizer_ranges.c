/* SPDX-License-Identifier: MIT
 *
 * Encoding with ranges: ids are those of tr_tokenizer_encode but where a literal range spells
 * a control token, and each id knows its bytes of the text.
 */
#include "scratch.h"
#include "toy_vocab.h"

#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/special.h>

static struct toy *toy; /* of the test that runs */
static struct tr_tokenizer *t;
static struct tr_tokens out;
static struct tr_text_ranges where;

static void open_vocab(const char *vocab)
{
    toy = toy_new(vocab);
    t = toy_open(toy, path);
}

static void close_vocab(void)
{
    tr_tokens_release(&out);
    tr_text_ranges_release(&where);
    tr_tokenizer_free(t);
    toy_free(toy);
}

/* ==== who wrote what: {…} is literal ==== */

/* Vocabulary, text, ids, places of the ids, how many control tokens were spelt. */
static const struct { const char *vocab, *text, *ids, *places; uint64_t spelt; } rows[] = {
    /* first or last byte inside: text; a part in the middle alone: a token */
    { "bpe", "a<|end|>", "97 256", "0-1 1-8", 0 },
    { "bpe", "{<|end|>}<|end|>", "60 124 101 110 100 124 62 256",
      "0-1 1-2 2-3 3-4 4-5 5-6 6-7 7-14", 1 },
    { "bpe", "{<}|end|>", "60 124 101 110 100 124 62", "0-1 1-2 2-3 3-4 4-5 5-6 6-7", 1 },
    { "bpe", "<|end|{>}", "60 124 101 110 100 124 62", "0-1 1-2 2-3 3-4 4-5 5-6 6-7", 1 },
    { "bpe", "<|{end}|>", "256", "0-7", 0 },
    { "bpe", "<|{en}{d}|>", "256", "0-7", 0 },
    { "bpe", "{x}<|end|>{y}", "120 256 121", "0-1 1-8 8-9", 0 },
    /* user-defined tokens are found anywhere; a shorter one where a longer must not be */
    { "longer user", "{<user>}", "257", "0-6", 0 },
    { "across words", "<s>{x}", "60 115 62 120", "0-1 1-2 2-3 3-4", 1 },
    { "across words", "<s>x", "268", "0-4", 0 },
    /* what lies beside a range merges with it */
    { "the", "{t}he", "259", "0-3", 0 },
    { "the", " {the}", "260", "0-4", 0 },
    /* a space in front stands for no bytes, alone or in a token */
    { "spm ab", "{ab}", "263 261", "0-1 1-2", 0 },
    { "spm ab", "\n", "259 13", "0-0 0-1", 0 },
    { "spm ab", "<s>a</s>{</s>}", "1 263 2 259 63 50 118 65",
      "0-3 3-4 4-8 8-8 8-9 9-10 10-11 11-12", 1 },
    { "spm ab, no space", "a a", "260 263", "0-1 1-3", 0 },
    /* a space may be written as U+2581, and characters without a token become bytes */
    { "gemma4 ab", "ba{\xe2\x96\x81" "a}", "264 263 260", "0-1 1-2 2-6", 0 },
    { "gemma4 ab", "b\xc3\xa9", "264 198 172", "0-1 1-2 2-3", 0 },
    /* a control token that merges spell becomes its bytes */
    { "control merged", "{###}", "35 35 35", "0-1 1-2 2-3", 1 },
    { "gemma4, control merged", "{###}", "38 38 38", "0-1 1-2 2-3", 1 },
    { "words, control merged", "{###}", "38 38 38", "0-1 1-2 2-3", 1 },
    { "dna, control", "{<dna>ACGTAC<oov>}",
      "60 100 110 97 62 257 84 256 60 111 111 118 62",
      "0-1 1-2 2-3 3-4 4-5 5-8 8-9 9-11 11-12 12-13 13-14 14-15 15-16", 2 },
    { "dna", "{<dna>ACGTAC}", "259 262", "0-5 5-11", 0 },
    /* white space behind some tokens is not seen */
    { "phi", "<u> \n a<s> a", "259 261 1 260 261", "0-3 6-7 7-10 10-10 10-12", 0 },
    { "phi", "{ }<u>\n{\n}", "260 260 259", "0-0 0-1 1-4", 0 },
};

/* The text without its braces, and where they stood. */
static size_t read_text(const char *from, char *text, struct tr_text_range *r, size_t *n)
{
    size_t len = 0;
    *n = 0;
    for (; *from; from++) {
        if (*from == '{')
            r[*n].start = len;
        else if (*from == '}')
            r[(*n)++].end = len;
        else
            text[len++] = *from;
    }
    return len;
}

START_TEST(who_wrote_what)
{
    struct tr_text_range literal[4];
    char text[128], ids[512] = "", places[512] = "", *p = ids, *q = places;
    struct tr_err err = { 0 };
    size_t n, len = read_text(rows[_i].text, text, literal, &n);
    uint32_t id;
    open_vocab(rows[_i].vocab);
    struct tr_encoder *e = tr_encoder_new(t, &err);
    ck_assert_ptr_nonnull(e);
    int rc = tr_encoder_encode(e, text, len, TR_ENCODE_SPECIAL, literal, n, &out, &where,
                               &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    ck_assert_uint_eq(out.n, where.n);
    for (size_t i = 0; i < out.n; i++) {
        p += sprintf(p, "%s%u", i ? " " : "", out.id[i]);
        q += sprintf(q, "%s%zu-%zu", i ? " " : "", where.at[i].start, where.at[i].end);
    }
    ck_assert_str_eq(ids, rows[_i].ids);
    ck_assert_str_eq(places, rows[_i].places);
    ck_assert_uint_eq(tr_encoder_spelt(e, &id), rows[_i].spelt);
    ck_assert(!rows[_i].spelt || tr_tokenizer_is_special(t, id));
    tr_encoder_free(e);
    close_vocab();
}
END_TEST

/* Plain text is what llama.cpp makes of it, whatever the same encoder was asked before. */
START_TEST(merged_by_turns)
{
    struct tr_text_range all = { 0, 3 };
    struct tr_err err = { 0 };
    open_vocab("control merged");
    struct tr_encoder *e = tr_encoder_new(t, &err);
    ck_assert_ptr_nonnull(e);
    for (size_t i = 0; i < 4; i++) {
        out.n = 0;
        ck_assert_int_eq(tr_encoder_encode(e, "###", 3, 0, &all, i % 2, &out, NULL, &err), 0);
        ck_assert_uint_eq(out.n, i % 2 ? 3 : 1);
        ck_assert_uint_eq(out.id[0], i % 2 ? 35 : 259);
    }
    tr_encoder_free(e);
    close_vocab();
}
END_TEST

/* BOS and EOS stand for no bytes; what was there stays, also after a failure. */
START_TEST(around_and_failure)
{
    struct tr_text_range all = { 0, 1 };
    struct tr_err err = { 0 };
    open_vocab("spm ab");
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(tr_tokenizer_encode_ranges(t, "a", 1, TR_ENCODE_BOS | TR_ENCODE_EOS,
                                                    &all, 1, &out, &where, &err), 0);
    ck_assert_uint_eq(out.n, 6);
    ck_assert_uint_eq(where.n, 6);
    ck_assert_uint_eq(out.id[3], 1);
    ck_assert_uint_eq(out.id[5], 2);
    ck_assert_uint_eq(where.at[3].end, 0);
    ck_assert_uint_eq(where.at[5].start, 1);
    close_vocab();
    open_vocab("no bell");
    ck_assert_int_eq(tr_tokenizer_encode_ranges(t, "a", 1, 0, NULL, 0, &out, &where, &err), 0);
    ck_assert_int_eq(tr_tokenizer_encode_ranges(t, "bc\a", 3, 0, NULL, 0, &out, &where,
                                                &err), TR_EUNSUPPORTED);
    ck_assert_uint_eq(out.n, 1);
    ck_assert_uint_eq(where.n, 1);
    close_vocab();
}
END_TEST

/* ==== texts of chance ==== */

static uint32_t rng_state;
static uint32_t rng(uint32_t below)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)rng_state * below >> 32);
}

static const char *const atoms[] = {
    "a", "b", "s", "re", "word", "'s", " ", " ", "  ", "\n", "\t", "12", ".", "<",
    "\xc3\xa9", "\xe4\xb8\x96", "\xe2\x96\x81", "\xe2", "\x81", "\xff", "<user>", "<|end|>",
    "<s>", "</s>", "<s>x", "d e", "x\n", "a\xe4\xb8", "<u>", "<u>",
};

static size_t random_text(char *text)
{
    size_t len = 0;
    for (uint32_t n = rng(60); n; n--) {
        const char *s = atoms[rng(sizeof atoms / sizeof *atoms)];
        memcpy(text + len, s, strlen(s));
        len += strlen(s);
    }
    return len;
}

/* The places ascend, hold what their ids stand for, and leave out white space alone. */
static void check_places(const char *text, size_t len)
{
    size_t at = 0, n = 0, cap = 0;
    char *buf = NULL;
    for (size_t i = 0; i <= where.n; i++) {
        size_t from = i < where.n ? where.at[i].start : len;
        for (; at < from; at++)
            MUST(toy->n_key && tr__is_space(text[at]));
        if (i == where.n)
            break;
        n = 0;
        MUST(tr_tokenizer_decode(t, out.id[i], 0, 1, &buf, &n, &cap, NULL) == 0);
        size_t wide = where.at[i].end - from, put = n == wide + 1 && *buf == ' ';
        for (size_t k = put; k < n && from < where.at[i].end; k++)
            if (buf[k] == ' ' && text[from] != ' ')
                from += 3;
            else
                MUST(buf[k] == text[from++]);
        MUST(from == where.at[i].end);
        at = where.at[i].end;
    }
    free(buf);
}

static const char *const vocabs[] = {
    "across words", "spm across words", "gemma4 across words", "phi", "bpe",
};
enum { N_VOCAB = sizeof vocabs / sizeof *vocabs };

/* One encoder for all texts: ids of tr_tokenizer_encode. */
START_TEST(texts_of_chance)
{
    static char text[60 * 16];
    struct tr_err err = { 0 };
    open_vocab(vocabs[_i]);
    struct tr_encoder *e = tr_encoder_new(t, &err);
    rng_state = 5;
    for (int round = 0; round < 2000; round++) {
        size_t len = random_text(text);
        struct tr_text_range all = { 0, len };
        int special = rng(2);
        struct tr_tokens want = toy_encode(t, text, len, special ? TR_ENCODE_SPECIAL : 0);
        out.n = where.n = 0;
        MUST(tr_encoder_encode(e, text, len, TR_ENCODE_SPECIAL, &all, !special, &out, &where,
                               &err) == 0);
        MUST(out.n == want.n && where.n == want.n);
        MUST(!out.n || !memcmp(out.id, want.id, out.n * sizeof *out.id));
        check_places(text, len);
        tr_tokens_release(&want);
    }
    tr_encoder_free(e);
    close_vocab();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tokenizer_ranges");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, who_wrote_what, 0, (int)(sizeof rows / sizeof *rows));
    tcase_add_test(tc, merged_by_turns);
    tcase_add_test(tc, around_and_failure);
    tcase_add_loop_test(tc, texts_of_chance, 0, N_VOCAB);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
