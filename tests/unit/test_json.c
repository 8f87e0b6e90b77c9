/* SPDX-License-Identifier: MIT
 *
 * JSON that is read and written as Python does, and what is refused, with the place.
 */
#include "suite.h"

#include <libtrain/json.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *text, *want; } good[] = {
#define JSON_GOOD(text, want) { text, want },
#define JSON_BAD(text, want)
#include "json.def"
#undef JSON_GOOD
#undef JSON_BAD
}, bad[] = {
#define JSON_GOOD(text, want)
#define JSON_BAD(text, want) { text, want },
#include "json.def"
};
enum { N_GOOD = sizeof good / sizeof *good, N_BAD = sizeof bad / sizeof *bad };

static struct tr_json *parse(const char *text)
{
    struct tr_err err = { 0 };
    struct tr_json *v = tr_json_parse(text, strlen(text), "F", 1, 0, &err);
    ck_assert_msg(v != NULL, "%s: %s", text, err.text);
    return v;
}

static char *written(const struct tr_json *v, const struct tr_json_style *style)
{
    char *buf = NULL;
    size_t n = 0, cap = 0;
    ck_assert_int_eq(tr_json_write(v, style, &buf, &n, &cap), 0);
    char *text = malloc(n + 1);
    ck_assert_ptr_nonnull(text);
    memcpy(text, buf, n);
    text[n] = '\0';
    free(buf);
    return text;
}

START_TEST(reads_and_writes)
{
    struct tr_json *v = parse(good[_i].text);
    char *text = written(v, NULL);
    ck_assert_str_eq(text, good[_i].want);
    free(text);
    tr_json_free(v);
}
END_TEST

START_TEST(refuses)
{
    struct tr_err err = { 0 };
    char want[200];
    const char *text = bad[_i].text;
    char *copy = malloc(strlen(text) + 1); /* without the NUL: a byte too far is seen */
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, strlen(text));
    ck_assert_ptr_null(tr_json_parse(copy, strlen(text), "F", 7, 100, &err));
    ck_assert_int_eq(err.code, TR_EFORMAT);
    snprintf(want, sizeof want, "'F' %s", bad[_i].want);
    ck_assert_msg(!strncmp(err.text, want, strlen(want)), "%s: %s", text, err.text);
    free(copy);
}
END_TEST

static void brackets(char *text, int n)
{
    memset(text, '[', (size_t)n);
    memset(text + n, ']', (size_t)n);
    text[2 * n] = '\0';
}

START_TEST(depth)
{
    static char text[2 * 100000 + 1];
    struct tr_err err = { 0 };
    brackets(text, TR_JSON_MAX_DEPTH);
    tr_json_free(parse(text));
    for (int n = TR_JSON_MAX_DEPTH + 1; n <= 100000; n *= 10) {
        brackets(text, n);
        err.code = 0;
        ck_assert_ptr_null(tr_json_parse(text, strlen(text), "F", 1, 0, &err));
        ck_assert_ptr_nonnull(strstr(err.text, "more than 128 deep"));
    }
}
END_TEST

/* Few bytes that would be gigabytes as values. */
START_TEST(room)
{
    enum { N = (1 << 20) + 2 };
    char *text = malloc(3 * N + 2);
    struct tr_err err = { 0 };
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < N; i++)
        memcpy(text + 1 + 3 * i, "{},", 3);
    text[0] = '[';
    text[3 * N] = ']';
    ck_assert_ptr_null(tr_json_parse(text, 3 * N + 1, "F", 1, 0, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "more values than 1 GiB of memory holds"));
    free(text);
}
END_TEST

START_TEST(values)
{
    struct tr_json *v = parse("{\"s\":\"a\\u0000b\",\"i\":-5,\"r\":2.5,\"t\":true,\"n\":null,"
                              "\"big\":18446744073709551615,\"a\":[1,null]}");
    size_t n;
    ck_assert_mem_eq(tr_json_string(tr_json_get(v, "s"), &n), "a\0b", 4);
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(tr_json_int(tr_json_get(v, "i")), -5);
    ck_assert(tr_json_real(tr_json_get(v, "i")) == -5 && tr_json_real(tr_json_get(v, "r")) == 2.5);
    ck_assert(tr_json_bool(tr_json_get(v, "t")) && !tr_json_bool(tr_json_get(v, "s")));
    ck_assert(tr_json_has(v, "n") && !tr_json_get(v, "n") && !tr_json_has(v, "m"));
    ck_assert(tr_json_is_big(tr_json_get(v, "big")) && !tr_json_is_big(tr_json_get(v, "i")));
    ck_assert((uint64_t)tr_json_int(tr_json_get(v, "big")) == UINT64_MAX);
    ck_assert_uint_eq(tr_json_count(tr_json_get(v, "a")), 2);
    ck_assert_ptr_null(tr_json_at(tr_json_get(v, "a"), 1));
    ck_assert_str_eq(tr_json_string(tr_json_get(v, "i"), &n), "");
    tr_json_free(v);
}
END_TEST

START_TEST(making)
{
    struct tr_json *a = tr_json_array(), *o = tr_json_object();
    ck_assert(!tr_json_append(a, tr_json_integer(1)) && !tr_json_append(a, NULL));
    ck_assert(!tr_json_set(o, "z", tr_json_text("\xc3\xa9\"", 3)));
    ck_assert(!tr_json_set(o, "a", a) && !tr_json_set(o, "z", tr_json_share(a)));
    ck_assert(!tr_json_set(o, "x", tr_json_number(0.5)) && tr_json_remove(o, "x"));
    ck_assert(!tr_json_remove(o, "x"));
    char *text = written(o, NULL);
    ck_assert_str_eq(text, "{\"z\": [1, null], \"a\": [1, null]}");
    free(text);
    tr_json_free(o);
}
END_TEST

START_TEST(styles)
{
    struct tr_json *v = parse("{\"b\":[1,{}],\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"}");
    struct tr_json_style indent = { .indent = 2 }, tight = { .indent = -1, .item = ",", .key = ":" };
    struct tr_json_style ascii = { .flags = TR_JSON_ASCII | TR_JSON_SORT, .indent = -1 };
    char *text = written(v, &indent);
    ck_assert_str_eq(text, "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": \"\xc3\xa9\xf0\x9f\x98\x80\"\n}");
    free(text);
    text = written(v, &tight);
    ck_assert_str_eq(text, "{\"b\":[1,{}],\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"}");
    free(text);
    tr_json_free(v);
    v = parse("{\"b\":[1,{}],\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"}");
    text = written(v, &ascii);
    ck_assert_str_eq(text, "{\"a\": \"\\u00e9\\ud83d\\ude00\\u007f\", \"b\": [1, {}]}");
    free(text);
    tr_json_free(v);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *tc = tcase_create("json");
    tcase_add_loop_test(tc, reads_and_writes, 0, N_GOOD);
    tcase_add_loop_test(tc, refuses, 0, N_BAD);
    tcase_add_test(tc, depth);
    tcase_add_test(tc, room);
    tcase_add_test(tc, values);
    tcase_add_test(tc, making);
    tcase_add_test(tc, styles);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
