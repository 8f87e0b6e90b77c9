/* SPDX-License-Identifier: MIT
 *
 * What a tokenizer makes of a text, of an id and of a vocabulary that is wrong: rows of
 * tokenizer_text.def, tokenizer_words.def and tokenizer_bad.def about the vocabularies of
 * toy_vocab.def.  A bug report is one line there.  What no line can say (long texts, the
 * slow way as a judge) is in test_tokenizer_merge.c.
 */
#include "scratch.h"
#include "toy_vocab.h"

#include <libtrain/tokenizer/kind.h>

#include <math.h>

#include "tokenizer_bad.def"
#include "tokenizer_text.def"
#include "tokenizer_words.def"

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

/* ==== texts and ids ==== */

static void expect_ids(const struct tr_tokenizer *t, const char *text, int flags,
                       const char *want)
{
    struct tr_tokens out = toy_encode(t, text, strlen(text), flags);
    char have[1024] = "", *p = have;
    for (size_t i = 0; i < out.n; i++)
        p += sprintf(p, "%s%u", i ? " " : "", out.id[i]);
    ck_assert_msg(!strcmp(have, want), "'%s': %s, not %s", text, have, want);
    tr_tokens_release(&out);
}

START_TEST(text_to_ids)
{
    const char *text = texts[_i].text;
    struct tr_tokenizer *t = open_vocab(texts[_i].vocab);
    ck_assert_ptr_null(tr_tokenizer_warning(t, 0));
    ck_assert_uint_eq(tr_tokenizer_n_vocab(t), (uint32_t)toy->n);
    if (texts[_i].ids)
        expect_ids(t, text, texts[_i].flags, texts[_i].ids);
    if (!texts[_i].flags)
        toy_round_trip(t, text, strlen(text));
    close_vocab(t);
}
END_TEST

/* What was there stays, and nothing is added. */
START_TEST(text_without_ids)
{
    struct tr_tokenizer *t = open_vocab(unspelt[_i].vocab);
    struct tr_tokens out = toy_encode(t, "ok", 2, 0);
    struct tr_err err = { 0 };
    const char *text = unspelt[_i].text;
    ck_assert_int_eq(tr_tokenizer_encode(t, text, strlen(text), 0, &out, &err),
                     TR_EUNSUPPORTED);
    ck_assert_msg(strstr(err.text, unspelt[_i].says) != NULL, "%s", err.text);
    ck_assert_uint_eq(out.n, 2);
    tr_tokens_release(&out);
    close_vocab(t);
}
END_TEST

static void expect_text(const struct tr_tokenizer *t, uint32_t id, int special,
                        const char *want)
{
    char *buf = NULL;
    size_t n = 0, cap = 0;
    struct tr_err err = { 0 };
    int rc = tr_tokenizer_decode(t, id, 0, special, &buf, &n, &cap, &err);
    ck_assert_int_eq(rc, want ? 0 : TR_EFORMAT);
    ck_assert_uint_eq(n, want ? strlen(want) : 0);
    ck_assert(n == 0 || !memcmp(buf, want, n));
    free(buf);
}

START_TEST(id_to_text)
{
    struct tr_tokenizer *t = open_vocab(ids[_i].vocab);
    ck_assert_int_eq(tr_tokenizer_is_special(t, ids[_i].id), ids[_i].special);
    expect_text(t, ids[_i].id, 0, ids[_i].text);
    expect_text(t, ids[_i].id, 1, ids[_i].all);
    close_vocab(t);
}
END_TEST

START_TEST(begin_of_a_text)
{
    toy = toy_new(begins[_i].vocab);
    for (int i = 0; i < 2; i++)
        toy_change(toy, &begins[_i].edit[i]);
    struct tr_tokenizer *t = toy_open(toy, path);
    ck_assert_int_eq(tr_tokenizer_bos(t), begins[_i].bos);
    ck_assert_int_eq(tr_tokenizer_eos(t), begins[_i].eos);
    ck_assert_int_eq(tr_tokenizer_add_bos(t), begins[_i].add_bos);
    close_vocab(t);
}
END_TEST

/* ==== words ==== */

/* The words as they stand between bars, cut apart again. */
START_TEST(split_words)
{
    const char *words = splits[_i].words;
    struct tr_str name = { splits[_i].pre, strlen(splits[_i].pre) };
    const struct tr__pretok *kind = tr__pretok_find(name);
    struct tr__pretok_code code = { 0 };
    struct tr__splitter s = { 0 };
    char text[128], have[256], *p = have;
    size_t len = 0;
    ck_assert_ptr_nonnull(kind);
    for (const char *c = words; *c; c++)
        if (*c != '|')
            text[len++] = *c;
    ck_assert_int_eq(tr__pretok_compile(&code, kind, NULL), 0);
    ck_assert_int_eq(tr__splitter_begin(&s, &code, text, len, NULL), 0);
    for (size_t at = 0; at < len;) {
        int64_t n = tr__splitter_next(&s, at);
        ck_assert_int_gt(n, 0);
        if (at)
            *p++ = '|';
        memcpy(p, text + at, (size_t)n);
        p += n;
        at += (size_t)n;
    }
    *p = 0;
    ck_assert_str_eq(have, words);
    tr__splitter_release(&s);
    tr__pretok_release(&code);
}
END_TEST

/* ==== vocabularies that are odd or wrong ==== */

START_TEST(refused)
{
    struct tr_err err = { 0 };
    uint64_t hash;
    toy = toy_new(bad[_i].vocab);
    toy_change(toy, &bad[_i].edit);
    struct tr_tokenizer *t = toy_try(toy, path, &hash, &err);
    ck_assert_msg(t == NULL, "%s: not refused", bad[_i].what);
    ck_assert_int_lt(err.code, 0);
    ck_assert_msg(strstr(err.text, bad[_i].says) != NULL, "%s: '%s' is not in '%s'",
                  bad[_i].what, bad[_i].says, err.text);
    ck_assert_msg(strstr(err.text, path) != NULL, "no path in '%s'", err.text);
    ck_assert_int_eq(hash != 0, toy->tokens != TOY_NO_KEY);
    toy_free(toy);
}
END_TEST

START_TEST(odd_tokens)
{
    toy = toy_new("bpe");
    toy_token(toy, "", TOY_NORMAL);
    toy_token(toy, "a", TOY_NORMAL);
    size_t len = 1 << 20;
    char *big = malloc(len);
    memset(big, 'x', len);
    int id = toy_add(toy, big, len, TOY_USER, 0);
    struct tr_tokenizer *t = toy_open(toy, path);
    ck_assert_str_eq(tr_tokenizer_warning(t, 0), "1 empty tokens, the first is 258");
    ck_assert_str_eq(tr_tokenizer_warning(t, 1), "1 duplicate tokens, the first is 259");
    ck_assert_ptr_null(tr_tokenizer_warning(t, 2));
    expect_ids(t, "a", 0, "97");
    struct tr_tokens out = toy_encode(t, big, len, 0);
    ck_assert_uint_eq(out.n, 1);
    ck_assert_int_eq((int)out.id[0], id);
    tr_tokens_release(&out);
    free(big);
    close_vocab(t);
}
END_TEST

static uint64_t hash_of(const char *vocab, const struct toy_edit *edit)
{
    uint64_t hash;
    struct tr_err err = { 0 };
    toy = toy_new(vocab);
    toy_change(toy, edit);
    tr_tokenizer_free(toy_try(toy, path, &hash, &err));
    toy_free(toy);
    return hash;
}

/* Everything that decides the ids, and nothing else. */
START_TEST(vocab_hash)
{
    uint64_t plain = hash_of("ab ba", &(struct toy_edit){ 0 });
    uint64_t changed = hash_of(hashes[_i].vocab, &hashes[_i].edit);
    ck_assert_uint_ne(plain, 0);
    ck_assert_int_eq(plain == changed, hashes[_i].stays);
}
END_TEST

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

int main(void)
{
    Suite *s = suite_create("tokenizer");
    TCase *tc = tcase_create("rows");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, text_to_ids, 0, COUNT(texts));
    tcase_add_loop_test(tc, text_without_ids, 0, COUNT(unspelt));
    tcase_add_loop_test(tc, id_to_text, 0, COUNT(ids));
    tcase_add_loop_test(tc, begin_of_a_text, 0, COUNT(begins));
    tcase_add_loop_test(tc, split_words, 0, COUNT(splits));
    tcase_add_loop_test(tc, refused, 0, COUNT(bad));
    tcase_add_test(tc, odd_tokens);
    tcase_add_loop_test(tc, vocab_hash, 0, COUNT(hashes));
    suite_add_tcase(s, tc);
    return run_suite(s);
}
