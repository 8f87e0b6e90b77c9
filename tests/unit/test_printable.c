/* SPDX-License-Identifier: MIT
 *
 * What may reach a terminal as it is, and what comes of the rest: in the text itself, in
 * errors, and at the end of a buffer.
 */
#include "suite.h"

#include <libtrain/error.h>
#include <libtrain/printable.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *text, *want; } cases[] = {
    { "", "" },
    { "plain 'text' with \\ and \"", "plain 'text' with \\ and \"" },
    { "tab\tline\nreturn\r", "tab\\tline\\nreturn\\r" },
    { "\x1b[2J\x07\x7f\x01", "\\x1b[2J\\x07\\x7f\\x01" },
    { "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
      "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
    { "\xc2\x80\xc2\x9b\x31m\xc2\x9f", "\\xc2\\x80\\xc2\\x9b1m\\xc2\\x9f" }, /* C1 */
    { "\xc2\xa0", "\xc2\xa0" },
    { "\x9b\x31m", "\\x9b1m" }, /* C1 as one byte */
    { "\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9" }, /* ends of lines */
    { "a\xe2\x80\xae.gguf", "a\\xe2\\x80\\xae.gguf" }, /* right to left */
    { "\xd8\x9c\xe2\x80\x8e\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9",
      "\\xd8\\x9c\\xe2\\x80\\x8e\\xe2\\x80\\xaa\\xe2\\x81\\xa6\\xe2\\x81\\xa9" },
    { "\xe2\x80\x90\xe2\x81\xaa", "\xe2\x80\x90\xe2\x81\xaa" }, /* beside them */
    { "\xff\xc0\x80\xed\xa0\x80", "\\xff\\xc0\\x80\\xed\\xa0\\x80" }, /* no UTF-8 */
    { "\xe2\x82", "\\xe2\\x82" },
    { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
};
enum { N_CASE = sizeof cases / sizeof *cases };

START_TEST(test_escape)
{
    const char *text = cases[_i].text, *want = cases[_i].want;
    char got[200], again[200];
    ck_assert_uint_eq(tr_escape(got, sizeof got, text, strlen(text)), strlen(want));
    ck_assert_str_eq(got, want);
    tr_escape(again, sizeof again, got, strlen(got));
    ck_assert_str_eq(again, want); /* what is printable stays */
}
END_TEST

START_TEST(test_stream)
{
    char *got;
    size_t size;
    FILE *f = open_memstream(&got, &size);
    tr_print_escaped(f, cases[_i].text, strlen(cases[_i].text));
    fclose(f);
    ck_assert_str_eq(got, cases[_i].want);
    free(got);
}
END_TEST

START_TEST(test_nul)
{
    char got[20];
    ck_assert_uint_eq(tr_escape(got, sizeof got, "a\0b", 3), 6);
    ck_assert_str_eq(got, "a\\x00b");
}
END_TEST

/* A text is cut between characters, and between escapes. */
START_TEST(test_cut)
{
    char got[8];
    ck_assert_uint_eq(tr_escape(got, 5, "a\xe2\x82\xac", 4), 4);
    ck_assert_str_eq(got, "a\xe2\x82\xac");
    ck_assert_uint_eq(tr_escape(got, 4, "a\xe2\x82\xac", 4), 1);
    ck_assert_str_eq(got, "a");
    ck_assert_uint_eq(tr_escape(got, 5, "a\x1b", 2), 1);
    ck_assert_uint_eq(tr_escape(got, 6, "a\x1b", 2), 5);
    ck_assert_uint_eq(tr_escape(got, 1, "abc", 3), 0);
    ck_assert_str_eq(got, "");
}
END_TEST

START_TEST(test_error)
{
    struct tr_err err = { 0 };
    tr_err_set(&err, TR_EFORMAT, "tensor '%s'", "\x1b[2J\xc2\x9b\n");
    ck_assert_str_eq(err.text, "tensor '\\x1b[2J\\xc2\\x9b\\n'");
    tr_err_prefix(&err, "'%s'", "a\rb");
    ck_assert_str_eq(err.text, "'a\\rb': tensor '\\x1b[2J\\xc2\\x9b\\n'");
}
END_TEST

/* However long a name is, the reason is still there. */
START_TEST(test_error_reason)
{
    char name[3000];
    struct tr_err err = { 0 };
    memset(name, '\x1b', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    tr_err_set(&err, TR_EFORMAT, "the reason");
    tr_err_prefix(&err, "'%s'", name);
    ck_assert_ptr_nonnull(strstr(err.text, ": the reason"));
    ck_assert_ptr_nonnull(strstr(err.text, "'\\x1b\\x1b"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("printable");
    TCase *t = tcase_create("printable");
    tcase_add_loop_test(t, test_escape, 0, N_CASE);
    tcase_add_loop_test(t, test_stream, 0, N_CASE);
    tcase_add_test(t, test_nul);
    tcase_add_test(t, test_cut);
    tcase_add_test(t, test_error);
    tcase_add_test(t, test_error_reason);
    suite_add_tcase(s, t);
    return run_suite(s);
}
