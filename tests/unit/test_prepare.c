/* SPDX-License-Identifier: MIT
 *
 * Rows become documents: rows of prepare_rows.def, each with what the model sees of it as
 * tr_prepared_show writes it; rows of text and ids; and what is counted of many.
 */
#include "scratch.h"
#include "toy_vocab.h"

#include <libtrain/prepare.h>

#include "prepare_rows.def"

static struct toy *toy; /* of the test that runs */
static struct tr_prepare p;
static struct tr_chat *chat;
static struct tr_json *args;

static void open_vocab(const char *vocab)
{
    struct tr_err err = { 0 };
    toy = toy_new(vocab);
    args = tr_json_parse("{\"bos_token\":\"<s>\"}", 19, "args", 0, 0, &err);
    ck_assert_msg(args != NULL, "%s", err.text);
    p = (struct tr_prepare){ .tokenizer = toy_open(toy, path), .args = args, .eos = -1 };
    p.around = tr_tokenizer_around(p.tokenizer);
}

static void open_template(const char *name)
{
    struct tr_err err = { 0 };
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        if (!strcmp(templates[i].name, name))
            chat = tr_chat_new(name, templates[i].text, strlen(templates[i].text), &err);
    ck_assert_msg(chat != NULL, "%s", err.text);
    p.chat = chat;
}

static void close_all(void)
{
    tr_tokenizer_free((struct tr_tokenizer *)(uintptr_t)p.tokenizer);
    tr_chat_free(chat);
    tr_json_free(args);
    toy_free(toy);
}

/* What the model sees of a row, the caller's; it must not be refused. */
static char *shown(const struct tr_row *row, struct tr_prepared *out)
{
    struct tr_err err = { 0 };
    char *text;
    size_t n;
    struct tr_preparer *w = tr_preparer_new(&p, &err);
    ck_assert_msg(w != NULL, "%s", err.text);
    ck_assert_msg(tr_prepare_row(w, row, out, &err) == 0, "%s", err.text);
    tr_preparer_free(w);
    FILE *f = open_memstream(&text, &n);
    ck_assert_int_eq(tr_prepared_show(out, p.tokenizer, 0, f, &err), 0);
    fclose(f);
    return text;
}

static struct tr_json *parse(const char *text)
{
    struct tr_err err = { 0 };
    struct tr_json *v = tr_json_parse(text, strlen(text), "row", 0, 0, &err);
    ck_assert_msg(v != NULL, "%s", err.text);
    return v;
}

/* ==== chats ==== */

START_TEST(chat_rows)
{
    const struct chat_case *c = &chats[_i];
    struct tr_prepared out = { 0 };
    struct tr_json *json = parse(c->row);
    open_vocab("chat");
    open_template(c->chat);
    p.train_on = c->on;
    p.special = c->special;
    struct tr_row row = { .kind = TR_ROW_CHAT, .chat = json, .weight = 1,
                          .completion = (size_t)c->completion };
    char *text = shown(&row, &out);
    ck_assert_str_eq(text, c->shows);
    ck_assert_uint_eq(out.n_apart, c->n_apart);
    ck_assert_uint_eq(out.n_lost, c->n_lost);
    ck_assert_uint_eq(out.n_endless, c->n_endless);
    ck_assert_uint_eq(out.n_spelt, c->n_spelt);
    for (size_t i = 0; i < out.n_doc; i++)
        ck_assert_int_eq(tr_prepared_document(&out, i).row, 1);
    free(text);
    tr_prepared_release(&out);
    tr_json_free(json);
    close_all();
}
END_TEST

static void expect_refused(const char *on, const char *json, int code, const char *says)
{
    struct tr_err err = { 0 };
    struct tr_prepared out = { 0 };
    struct tr_json *row = parse(json);
    p.train_on = on;
    struct tr_preparer *w = tr_preparer_new(&p, &err);
    if (w)
        ck_assert_int_lt(tr_prepare_row(w, &(struct tr_row){
                             .kind = TR_ROW_CHAT, .chat = row, .weight = 1,
                             .completion = TR_ROW_NO_COMPLETION }, &out, &err), 0);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
    tr_preparer_free(w);
    tr_prepared_release(&out);
    tr_json_free(row);
}

START_TEST(chats_refused)
{
    open_vocab("chat");
    expect_refused(NULL, CHAT(A), TR_EUNSUPPORTED, "no chat template");
    open_template("chatml");
    expect_refused("user,,tool", CHAT(A), TR_EINVAL, "'user,,tool' is no list of roles");
    expect_refused(NULL, CHAT("{\"role\":\"assistant\",\"content\":\"\",\"train\":1}"),
                   TR_EFORMAT, "'train' of message 1 is not true or false");
    expect_refused(NULL, CHAT(U "{\"role\":\"assistant\",\"content\":\"\",\"weight\":-1}"),
                   TR_EFORMAT, "'weight' of message 2 is no number");
    close_all();
}
END_TEST

/* Of two answers one document with two halves, the second of which weighs below 0. */
START_TEST(answers_that_are_compared)
{
    struct tr_err err = { 0 };
    struct tr_prepared out = { 0 };
    struct tr_json *good = parse(CHAT(U "{\"role\":\"assistant\",\"content\":\"b\"}"));
    struct tr_json *bad = parse(CHAT(U "{\"role\":\"assistant\",\"content\":\"a\"}"));
    open_vocab("chat");
    open_template("chatml");
    struct tr_row row = { .kind = TR_ROW_CHAT, .chat = good, .weight = 1, .completion = 1 };
    struct tr_row rival = row;
    rival.chat = bad;
    struct tr_preparer *w = tr_preparer_new(&p, &err);
    ck_assert_msg(tr_prepare_pair(w, &row, &rival, &out, &err) == 0, "%s", err.text);
    struct tr_document d = tr_prepared_document(&out, 0);
    ck_assert_uint_eq(out.n_doc, 1);
    ck_assert(d.rival > 1 && d.n == 2 * d.rival);
    for (size_t i = 0; i < d.n; i++)
        if (!(d.token[i] & TR_TOKEN_MASKED))
            ck_assert(d.weight[i] == (i < d.rival ? 1 : -1));
    ck_assert_uint_gt(out.doc[0].n_trained, 1);
    row.has_sign = 1;
    row.sign = 0; /* an answer of no worth is not learnt */
    ck_assert_int_eq(tr_prepare_row(w, &row, &out, &err), 0);
    ck_assert_uint_eq(out.doc[0].n_trained, 0);
    tr_preparer_free(w);
    tr_prepared_release(&out);
    tr_json_free(good);
    tr_json_free(bad);
    close_all();
}
END_TEST

/* Weights of the row and of the message, and the group, are the document's. */
START_TEST(weights_and_group)
{
    struct tr_prepared out = { 0 };
    struct tr_json *json = parse(
        CHAT(U "{\"role\":\"assistant\",\"content\":\"b\",\"weight\":0.5}"));
    open_vocab("chat");
    open_template("bos");
    struct tr_row row = { .kind = TR_ROW_CHAT, .chat = json, .weight = 3, .group = "g",
                          .completion = TR_ROW_NO_COMPLETION };
    free(shown(&row, &out));
    struct tr_document d = tr_prepared_document(&out, 0);
    ck_assert_uint_eq(d.n, 5);
    ck_assert_ptr_nonnull(d.weight);
    ck_assert(d.weight[3] == 1.5f && d.weight[4] == 1.5f);
    ck_assert_uint_eq(out.doc[0].n_trained, 2);
    ck_assert_str_eq(d.group, "g");
    row.weight = 2; /* 2 * 0.5 is no weight at all */
    row.group = NULL;
    free(shown(&row, &out));
    d = tr_prepared_document(&out, 0);
    ck_assert_ptr_null(d.weight);
    ck_assert_ptr_null(d.group);
    tr_prepared_release(&out);
    tr_json_free(json);
    close_all();
}
END_TEST

/* Spans in characters; what is trained apart is beside it. */
START_TEST(kept_text)
{
    struct tr_prepared out = { 0 };
    struct tr_json *json = parse(
        CHAT("{\"role\":\"user\",\"content\":\"\xc3\xa9\\\"\"},"
             "{\"role\":\"assistant\",\"content\":\"t|\xe4\xb8\x96\"}," U A "," U A));
    static const char want[] =
        "{\"text\": \"U:\xc3\xa9\\\";A:\xe4\xb8\x96<end_of_turn>U:u;A:<end_of_turn>U:u;A:a<end_of_turn>\", "
        "\"trained\": [[46, 60]], \"apart\": [{\"text\": \"U:\xc3\xa9\\\";A:t|\xe4\xb8\x96<end_of_turn>\", "
        "\"trained\": [[7, 23]]}, {\"text\": \"U:\xc3\xa9\\\";A:\xe4\xb8\x96<end_of_turn>U:u;A:a<end_of_turn>\", "
        "\"trained\": [[27, 41]]}]}";
    open_vocab("chat");
    open_template("forgets");
    p.keep_text = 1;
    struct tr_row row = { .kind = TR_ROW_CHAT, .chat = json, .weight = 1,
                          .completion = TR_ROW_NO_COMPLETION };
    for (int i = 0; i < 2; i++) {
        free(shown(&row, &out));
        ck_assert_msg(out.n_text == strlen(want) && !memcmp(out.text, want, out.n_text),
                      "%.*s", (int)out.n_text, out.text);
    }
    tr_prepared_release(&out);
    tr_json_free(json);
    close_all();
}
END_TEST

/* ==== text and ids ==== */

static const uint32_t three[] = { 97, 98, 99 };
static const unsigned char mask[] = { 1, 0, 1 };

static const struct {
    struct tr_segment segment[3];
    size_t n;
    int answers, eos;
    const char *on, *shows;
} segments[] = {
    { { { .text = "u ", .n_text = 2, .weight = 1 },
        { .text = "a", .n_text = 1, .train = 1, .weight = 1 } }, 2, 1, -1, NULL,
      BOS "u ⟦a" END "⟧\n" },
    { { { .text = "u ", .n_text = 2, .weight = 1 },
        { .text = "a", .n_text = 1, .train = 1, .weight = 1 } }, 2, 1, 0, NULL,
      BOS "u ⟦a⟧\n" },
    { { { .text = "u ", .n_text = 2, .weight = 1 },
        { .text = "a", .n_text = 1, .train = 1, .weight = 0.5f } }, 2, 0, -1, NULL,
      BOS "u ⟦0.5|a⟧\n" },
    { { { .text = "u ", .n_text = 2, .train = 1, .weight = 1 },
        { .text = "a", .n_text = 1, .weight = 1 } }, 2, 1, -1, NULL,
      BOS "⟦u ⟧a" END "\n" },
    { { { .text = "u ", .n_text = 2, .weight = 1 },
        { .text = "a", .n_text = 1, .train = 1, .weight = 1 } }, 2, 1, -1, "all",
      BOS "⟦u a" END "⟧\n" },
    /* a token across both is trained; a control token that is spelt is none */
    { { { .text = "o", .n_text = 1, .weight = 1 },
        { .text = "k<s>", .n_text = 4, .train = 1, .weight = 1 } }, 2, 0, -1, NULL,
      BOS "⟦ok<s>⟧\n" },
    /* ids stand as they are */
    { { { .id = three, .n_id = 3, .mask = mask, .train = 1, .weight = 1 } }, 1, 0, -1, NULL,
      "⟦a⟧b⟦c⟧\n" },
    { { { .id = three, .n_id = 3, .weight = 1 },
        { .text = "x", .n_text = 1, .train = 1, .weight = 1 } }, 2, 1, -1, NULL,
      "abc⟦x" END "⟧\n" },
    { { { .text = "", .n_text = 0, .weight = 1 } }, 1, 0, -1, NULL, "\n" },
};

START_TEST(segment_rows)
{
    struct tr_prepared out = { 0 };
    open_vocab("chat");
    p.eos = segments[_i].eos;
    p.train_on = segments[_i].on;
    struct tr_row row = { .kind = TR_ROW_SEGMENTS, .n_segment = segments[_i].n, .weight = 1,
                          .segment = segments[_i].segment,
                          .answers = segments[_i].answers };
    char *text = shown(&row, &out);
    ck_assert_str_eq(text, segments[_i].shows);
    free(text);
    tr_prepared_release(&out);
    close_all();
}
END_TEST

START_TEST(text_rows)
{
    struct tr_prepared out = { 0 };
    struct tr_err err = { 0 };
    open_vocab("chat");
    struct tr_row row = { .kind = TR_ROW_TEXT, .text = "ok<s>", .n_text = 5, .weight = 1 };
    char *text = shown(&row, &out);
    ck_assert_str_eq(text, BOS "⟦ok<s>⟧\n");
    ck_assert_int_eq(tr_prepared_document(&out, 0).row, 0);
    ck_assert_uint_eq(out.n_spelt, 1);
    free(text);
    p.special = 1;
    row.text = "<s><s>a";
    row.n_text = 7;
    text = shown(&row, &out);
    ck_assert_str_eq(text, BOS "⟦a⟧\n");
    free(text);
    row.n_text = 0;
    text = shown(&row, &out);
    ck_assert_str_eq(text, "\n");
    free(text);
    struct tr_segment bad = { .id = (const uint32_t[]){ 262 }, .n_id = 1, .weight = 1 };
    struct tr_preparer *w = tr_preparer_new(&p, &err);
    ck_assert_int_eq(tr_prepare_row(w, &(struct tr_row){
                         .kind = TR_ROW_SEGMENTS, .segment = &bad, .n_segment = 1 },
                         &out, &err), TR_EFORMAT);
    ck_assert_str_eq(err.text, "token 262, but the vocabulary has 262");
    tr_preparer_free(w);
    tr_prepared_release(&out);
    close_all();
}
END_TEST

/* ==== what is counted ==== */

/* A row of one document of n tokens; the caller's. */
static void count(struct tr_prepare_stats *s, size_t n, size_t n_trained, uint64_t hash)
{
    struct tr_prepared_doc d = { .n = n, .n_trained = n_trained };
    struct tr_prepared r = { .doc = &d, .n_doc = 1, .n_token = n, .hash = hash };
    tr_prepare_stats_add(s, &r);
}

START_TEST(lengths)
{
    struct tr_prepare_stats s;
    ck_assert_int_eq(tr_prepare_stats_init(&s, 100, NULL), 0);
    for (size_t n = 1; n <= 1000; n++)
        count(&s, n, n - 1, n);
    ck_assert_uint_eq(tr_prepare_stats_length(&s, 0), 1);
    ck_assert_uint_eq(tr_prepare_stats_length(&s, 0.5), 500);
    ck_assert_uint_eq(tr_prepare_stats_length(&s, 0.99), 990);
    ck_assert_uint_eq(tr_prepare_stats_length(&s, 1), 1000);
    ck_assert_uint_eq(s.n_over, 900);
    ck_assert_uint_eq(s.n_untrained, 1);
    ck_assert_uint_eq(s.n_trained, 999 * 1000 / 2);
    tr_prepare_stats_release(&s);
    /* each class holds its own length and is no wider than told */
    for (uint64_t n = 1000; n < (uint64_t)1 << 39; n += 1 + n / 7) {
        ck_assert_int_eq(tr_prepare_stats_init(&s, 0, NULL), 0);
        count(&s, n, 1, 1);
        count(&s, 2 * n, 1, 2);
        uint64_t found = tr_prepare_stats_length(&s, 0.5);
        MUST(found >= n && found - n <= n / 256);
        tr_prepare_stats_release(&s);
    }
}
END_TEST

START_TEST(seen_before)
{
    struct tr_prepare_stats s;
    ck_assert_int_eq(tr_prepare_stats_init(&s, 0, NULL), 0);
    for (int twice = 0; twice < 2; twice++)
        for (uint64_t i = 0; i < 100000; i++)
            count(&s, 5, 1, i * 0x9e3779b97f4a7c15u);
    count(&s, 0, 0, 77);
    count(&s, 0, 0, 77);
    ck_assert_uint_eq(s.n_row, 200002);
    ck_assert_uint_eq(s.n_twice, 100000);
    ck_assert_uint_eq(s.n_empty, 2);
    ck_assert_uint_eq(s.n_untrained, 0);
    tr_prepare_stats_release(&s);
}
END_TEST

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

int main(void)
{
    Suite *s = suite_create("prepare");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, chat_rows, 0, COUNT(chats));
    tcase_add_test(tc, chats_refused);
    tcase_add_test(tc, weights_and_group);
    tcase_add_test(tc, answers_that_are_compared);
    tcase_add_test(tc, kept_text);
    tcase_add_loop_test(tc, segment_rows, 0, COUNT(segments));
    tcase_add_test(tc, text_rows);
    tcase_add_test(tc, lengths);
    tcase_add_test(tc, seen_before);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
