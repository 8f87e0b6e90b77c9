/* SPDX-License-Identifier: MIT
 *
 * Chat templates: what Jinja makes of several hundred small ones (chat_*.def), what is
 * refused and how, where bytes came from, which message gave what, and limits.
 */
#include <libtrain/chat.h>
#include <libtrain/json.h>

#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row { const char *source, *text; };

#define GIVES(source, text) { source, text },
#define FAILS(source) { source, NULL },
static const struct row statements[] = {
#include "chat_statements.def"
};
static const struct row expressions[] = {
#include "chat_expressions.def"
};
#undef GIVES
#undef FAILS

/* What the rows of the tables are rendered with. */
static const char for_statements[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"},"
    "{\"role\": \"user\", \"content\": \"U1\"}, {\"role\": \"assistant\","
    " \"content\": \"A1\"},"
    "{\"role\": \"user\", \"content\": \"U2\"}], \"chat_template_kwargs\": {\"x\": \"ctx\","
    "\"l\": [1, 2, 3], \"d\": {\"a\": 1, \"b\": 2}, \"y\": null, \"e\": []}}";
static const char for_expressions[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Hello  W\303\266rld\\n\"},"
    "{\"role\": \"assistant\", \"content\": [{\"type\": \"text\", \"text\": \"a<b>\"},"
    "{\"type\": \"image\"}], \"n\": 3, \"x\": 1.5, \"b\": true, \"z\": null}],"
    "\"tools\": [{\"name\": \"f\", \"params\": {\"b\": 1, \"A\": [1, 2, {\"q\": \"it's\"}],"
    "\"c\": null, \"d\": \"x\\\"y\"}}], \"chat_template_kwargs\": {"
    "\"s\": \"  abc-def ghi  \", \"n\": 7, \"f\": 2.5, \"big\": 12345678901234567890,"
    "\"l\": [3, 1, 2], \"d\": {\"k\": 1, \"items\": 2, \"Z\": 0}, \"e\": \"\", \"em\": [],"
    "\"m\": [{\"a\": 1, \"r\": \"x\"}, {\"a\": 3, \"r\": \"y\"}, {\"a\": 2, \"r\": \"X\"},"
    "{\"r\": \"z\"}], \"u\": \"\303\200\303\211\303\237 \316\243\316\261\317\202 "
    "\304\260\304\261 \307\206\"}}";

static struct tr_json *json(const char *text)
{
    struct tr_err err = { 0 };
    struct tr_json *v = tr_json_parse(text, strlen(text), "row", 0, 0, &err);
    ck_assert_msg(v != NULL, "%s", err.text);
    return v;
}

/* Parse and render; the failure's code, or 0. */
static int render(const char *source, const struct tr_json *row, const struct tr_json *args,
                  struct tr_chat_text *t, struct tr_err *err)
{
    struct tr_chat *c = tr_chat_new("t", source, strlen(source), err);
    int rc = c ? tr_chat_render(c, row, args, 1785056707, t, err) : err->code;
    tr_chat_free(c);
    return rc;
}

static void check_rows(const struct row *row, size_t n, const char *with)
{
    struct tr_chat_text t = { 0 };
    struct tr_json *v = json(with);
    int bad = 0;
    for (size_t i = 0; i < n; i++) {
        struct tr_err err = { 0 };
        int rc = render(row[i].source, v, NULL, &t, &err);
        int ok = row[i].text ? !rc && t.n == strlen(row[i].text) &&
                                   memcmp(t.text, row[i].text, t.n) == 0
                             : rc == TR_EFORMAT && strncmp(err.text, "'t' line ", 9) == 0;
        if (!ok && bad++ < 10)
            printf("# %s\n# gives %s%.*s\n# not   %s\n", row[i].source, err.text,
                   rc ? 0 : (int)t.n, rc ? "" : t.text, row[i].text ? row[i].text
                       : "an error");
    }
    tr_json_free(v);
    tr_chat_text_release(&t);
    ck_assert_int_eq(bad, 0);
}

START_TEST(as_jinja)
{
    setenv("TZ", "UTC", 1);
    check_rows(statements, sizeof statements / sizeof *statements, for_statements);
    check_rows(expressions, sizeof expressions / sizeof *expressions, for_expressions);
}
END_TEST

START_TEST(refused)
{
    static const struct row rows[] = {
#define REFUSED(source, text) { source, text },
#include "chat_refused.def"
#undef REFUSED
    };
    struct tr_chat_text t = { 0 };
    struct tr_json *v = json(for_statements);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tr_err err = { 0 };
        ck_assert_int_eq(render(rows[i].source, v, NULL, &t, &err), TR_EFORMAT);
        ck_assert_str_eq(err.text, rows[i].text);
    }
    tr_json_free(v);
    tr_chat_text_release(&t);
}
END_TEST

/* The rendering with [ ] around what came from the row. */
static void marked(const struct tr_chat_text *t, char *to, size_t room)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i <= t->n && n + 3 < room; i++) {
        if (k < t->n_data && t->data[k].end == i) {
            to[n++] = ']';
            k++;
        }
        if (k < t->n_data && t->data[k].start == i)
            to[n++] = '[';
        if (i < t->n)
            to[n++] = t->text[i];
    }
    to[n] = 0;
}

START_TEST(origin)
{
    static const struct row rows[] = {
#define FROM(source, text) { source, text },
#include "chat_origin.def"
#undef FROM
    };
    struct tr_chat_text t = { 0 };
    struct tr_json *args = json("{\"bos\": \"<s>\"}");
    struct tr_json *v = json(
        "{\"messages\": [{\"role\": \"user\", \"content\": \" a<|x|>B \"}],"
        "\"tools\": [{\"n\": \"f\", \"k\": [1, \"v\"]}],"
        "\"chat_template_kwargs\": {\"kw\": \"K\303\266\", \"two\": \"p-q\"}}");
    char text[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tr_err err = { 0 };
        int rc = render(rows[i].source, v, args, &t, &err);
        ck_assert_msg(rc == 0, "%s: %s", rows[i].source, err.text);
        marked(&t, text, sizeof text);
        ck_assert_msg(strcmp(text, rows[i].text) == 0, "%s gives %s, not %s",
                      rows[i].source,
                      text, rows[i].text);
    }
    tr_json_free(v);
    tr_json_free(args);
    tr_chat_text_release(&t);
}
END_TEST

static const char talk[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \" S \"},"
    "{\"role\": \"user\", \"content\": \"U1\"}, {\"role\": \"assistant\","
    " \"content\": \"A1\"},"
    "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"U\"},"
    "{\"type\": \"text\", \"text\": \"2\"}]}, {\"role\": \"assistant\","
    " \"content\": \"A2\"}],"
    "\"add_generation_prompt\": false}";

/* The rendering with { } around the turns of the assistant. */
static void turns(const struct tr_chat *c, const struct tr_json *v,
                  const struct tr_json *args,
                  struct tr_chat_text *t, char *to)
{
    static const unsigned char want[5] = { 0, 0, 1, 0, 1 };
    struct tr_err err = { 0 };
    size_t n = 0;
    ck_assert_msg(!tr_chat_render(c, v, args, 0, t, &err), "%s", err.text);
    ck_assert_msg(!tr_chat_turns(c, v, args, 0, want, t, &err), "%s", err.text);
    ck_assert_uint_eq(t->n_turn, 5);
    for (size_t i = 0; i <= t->n; i++) {
        for (size_t k = 0; k < 5; k++)
            if (t->turn[k].known && (t->turn[k].start == i || t->turn[k].end == i))
                to[n++] = t->turn[k].start == i ? '{' : '}';
        if (i < t->n)
            to[n++] = t->text[i];
    }
    to[n] = 0;
}

START_TEST(named)
{
    static const struct row rows[] = {
#define NAMED(name, text) { name, text },
#include "chat_named.def"
#undef NAMED
    };
    struct tr_chat_text t = { 0 };
    struct tr_json *v = json(talk), *args = json("{\"bos_token\": \"<s>\", \"eos_token\": "
                                                 "\"</s>\"}");
    char text[1024];
    size_t i = 0, n;
    for (; tr_chat_name(i); i++) {
        struct tr_err err = { 0 };
        ck_assert_uint_lt(i, sizeof rows / sizeof *rows);
        ck_assert_str_eq(tr_chat_name(i), rows[i].source);
        const char *source = tr_chat_named(rows[i].source, &n);
        struct tr_chat *c = tr_chat_new(rows[i].source, source, n, &err);
        ck_assert_msg(c != NULL, "%s", err.text);
        turns(c, v, args, &t, text);
        ck_assert_str_eq(text, rows[i].text);
        tr_chat_free(c);
    }
    ck_assert_uint_eq(i, sizeof rows / sizeof *rows);
    ck_assert_ptr_null(tr_chat_named("nobody's", &n));
    tr_json_free(v);
    tr_json_free(args);
    tr_chat_text_release(&t);
}
END_TEST

/* A template that drops what an earlier answer said first. */
static const char forgetful[] =
    "{% for m in messages %}<{{ m.role[0] }}>"
    "{% if m.role == 'assistant' and not loop.last %}{{ m.content[1:] }}"
    "{% else %}{{ m.content }}{% endif %}</>{% endfor %}"
    "{% if add_generation_prompt %}<a>{% endif %}";

START_TEST(apart)
{
    static const unsigned char want[4] = { 0, 1, 0, 1 };
    struct tr_err err = { 0 };
    struct tr_chat_text t = { 0 };
    struct tr_chat *c = tr_chat_new("t", forgetful, strlen(forgetful), &err);
    struct tr_json *v = json(
        "{\"messages\": [{\"role\": \"user\", \"content\": \"U1\"},"
        "{\"role\": \"assistant\", \"content\": \"A1\"}, {\"role\": \"user\", \"content\": "
        "\"U2\"}, {\"role\": \"assistant\", \"content\": \"A2\"}]}");
    ck_assert_int_eq(tr_chat_render(c, v, NULL, 0, &t, &err), 0);
    ck_assert_int_eq(tr_chat_turns(c, v, NULL, 0, want, &t, &err), 0);
    ck_assert_int_eq(t.turn[1].known, 0);
    ck_assert_int_eq(t.turn[3].known, 1);
    ck_assert_int_eq(memcmp(t.text + t.turn[3].start, "A2</>", 5), 0);
    ck_assert_uint_eq(t.turn[3].end, t.n);
    ck_assert_int_eq(tr_chat_turn_apart(c, v, NULL, 0, 1, &t, &err), 0);
    ck_assert_uint_eq(t.n, 16);
    ck_assert_int_eq(memcmp(t.text, "<u>U1</><a>A1</>", 16), 0);
    ck_assert_int_eq(t.turn[1].known, 1);
    ck_assert_uint_eq(t.turn[1].start, 11);
    ck_assert_uint_eq(t.turn[1].end, 16);
    ck_assert_int_eq(tr_chat_turn_apart(c, v, NULL, 0, 4, &t, &err), TR_EINVAL);
    tr_json_free(v);
    tr_chat_free(c);
    tr_chat_text_release(&t);
}
END_TEST

START_TEST(generation)
{
    const char *source = "{% for m in messages %}{{ m.role }}"
                         "{% generation %}{{ m.content }}."
                         "{% endgeneration %}\n{% endfor %}";
    struct tr_err err = { 0 };
    struct tr_chat_text t = { 0 };
    struct tr_json *v = json("{\"messages\": [{\"role\": \"u\", \"content\": \"x\"},"
                             "{\"role\": \"a\", \"content\": \"yz\"}]}");
    struct tr_chat *c = tr_chat_new("t", source, strlen(source), &err);
    ck_assert_int_eq(tr_chat_has_generation(c), 1);
    ck_assert_int_eq(tr_chat_render(c, v, NULL, 0, &t, &err), 0);
    ck_assert_int_eq(memcmp(t.text, "ux.ayz.", 7), 0);
    ck_assert_uint_eq(t.n_generation, 2);
    ck_assert_uint_eq(t.generation[0].start, 1);
    ck_assert_uint_eq(t.generation[0].end, 3);
    ck_assert_uint_eq(t.generation[1].start, 4);
    ck_assert_uint_eq(t.generation[1].end, 7);
    tr_json_free(v);
    tr_chat_free(c);
    tr_chat_text_release(&t);
}
END_TEST

/* Rows that are no conversations, and answers that are to be continued. */
static const struct { const char *row, *text; int fails; } conversations[] = {
    { "{}", "there are no messages", 1 },
    { "{\"messages\": [1]}", "a message is no object", 1 },
    { "{\"messages\": [], \"tools\": {}}", "tools are no array of objects", 1 },
    { "{\"messages\": [], \"documents\": [\"a\"]}", "documents are no array of objects",
      1 },
    { "{\"messages\": [], \"chat_template_kwargs\": 1}",
      "chat_template_kwargs is no object",
      1 },
    { "{\"messages\": []}", ";", 0 },
    { "{\"messages\": [{\"role\": \"u\", \"content\": null}]}", "u;", 0 },
    { "{\"messages\": [{\"role\": \"u\", \"reasoning\": \"r\"}]}", "ur;", 0 },
    { "{\"messages\": [{\"role\": \"a\", \"content\": \"x \"}], "
      "\"continue_final_message\": true}", "ax ", 0 },
    { "{\"messages\": [{\"role\": \"a\", \"content\": \"x\", \"reasoning\": \"y\"}], "
      "\"continue_final_message\": \"thinking\"}", "axy", 0 },
    { "{\"messages\": [{\"role\": \"a\"}], \"continue_final_message\": true}",
      "continue_final_message: the last message lacks what is to be continued", 1 },
    { "{\"messages\": [{\"role\": \"a\", \"content\": 1}], "
      "\"continue_final_message\": true}",
      "continue_final_message: what is to be continued is no text", 1 },
    { "{\"messages\": [{\"role\": \"a\", \"content\": \"x\"}], "
      "\"add_generation_prompt\": true,"
      "\"continue_final_message\": true}",
      "continue_final_message and add_generation_prompt exclude each other", 1 }
};

START_TEST(around)
{
    const char *source = "{% for m in messages %}{{ m.role }}{{ m.content }}"
                         "{{ m.thinking }}{% endfor %};";
    struct tr_chat_text t = { 0 };
    for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
        struct tr_err err = { 0 };
        struct tr_json *v = json(conversations[i].row);
        int rc = render(source, v, NULL, &t, &err);
        ck_assert_int_eq(rc, conversations[i].fails ? TR_EFORMAT : 0);
        if (rc)
            ck_assert_str_eq(err.text, conversations[i].text);
        else
            ck_assert_msg(t.n == strlen(conversations[i].text) &&
                              memcmp(t.text, conversations[i].text, t.n) == 0,
                          "%.*s, not %s", (int)t.n, t.text, conversations[i].text);
        tr_json_free(v);
    }
    tr_chat_text_release(&t);
}
END_TEST

/* The same bytes and spans from a text that was used before. */
START_TEST(reused)
{
    struct tr_chat_text t = { 0 }, fresh;
    struct tr_json *v = json(talk),
        *args = json("{\"bos_token\": \"\", \"eos_token\": \"\"}");
    char a[1024], b[1024];
    size_t n;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; tr_chat_name(i); i++) {
            const char *source = tr_chat_named(tr_chat_name(i), &n);
            struct tr_chat *c = tr_chat_new("t", source, n, NULL);
            fresh = (struct tr_chat_text){ 0 };
            turns(c, v, args, &t, a);
            turns(c, v, args, &fresh, b);
            ck_assert_str_eq(a, b);
            marked(&t, a, sizeof a);
            marked(&fresh, b, sizeof b);
            ck_assert_str_eq(a, b);
            tr_chat_text_release(&fresh);
            tr_chat_free(c);
        }
    tr_json_free(v);
    tr_json_free(args);
    tr_chat_text_release(&t);
}
END_TEST

START_TEST(large)
{
    static char source[200001];
    struct tr_err err = { 0 };
    memset(source, '(', sizeof source - 1);
    memcpy(source, "{{ ", 3);
    ck_assert_ptr_null(tr_chat_new("t", source, strlen(source), &err));
    ck_assert_str_eq(err.text, "'t' line 1: brackets are nested too deep");
    err = (struct tr_err){ 0 };
    ck_assert_ptr_null(tr_chat_new("t", source, TR_CHAT_MAX_TEMPLATE + 1, &err));
    ck_assert_int_eq(err.code, TR_EFORMAT);
    err = (struct tr_err){ 0 };
    ck_assert_ptr_null(tr_chat_new("t", "a\377b", 3, &err));
    ck_assert_str_eq(err.text, "'t' byte 1: not UTF-8");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("chat templates");
    TCase *t = tcase_create("chat");
    tcase_add_test(t, as_jinja);
    tcase_add_test(t, refused);
    tcase_add_test(t, origin);
    tcase_add_test(t, named);
    tcase_add_test(t, apart);
    tcase_add_test(t, generation);
    tcase_add_test(t, around);
    tcase_add_test(t, reused);
    tcase_add_test(t, large);
    suite_add_tcase(s, t);
    return run_suite(s);
}
