/* SPDX-License-Identifier: MIT
 *
 * What the front of a model card says, as JSON (yaml.def), also cut after every byte; and that
 * long fronts do not take long.
 */
#include "suite.h"

#include <libtrain/hf/yaml.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text, *json;
} good[] = {
#define GOOD(text, json) { text, json },
#include "yaml.def"
#undef GOOD
};

/* The text is where nothing can be read behind it unnoticed. */
static struct tr_json *read_exactly(const char *text, size_t n)
{
    char *exact = malloc(n ? n : 1);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, text, n);
    struct tr_json *v = tr__hf_yaml(exact, n);
    free(exact);
    ck_assert_ptr_nonnull(v);
    return v;
}

START_TEST(test_good)
{
    static const struct tr_json_style plain = { .flags = TR_JSON_SORT, .indent = -1, .item = ",",
                                                .key = ":" };
    char *got = NULL;
    size_t n = 0, cap = 0;
    struct tr_json *v = read_exactly(good[_i].text, strlen(good[_i].text));
    ck_assert(!tr_json_write(v, &plain, &got, &n, &cap));
    ck_assert_msg(n == strlen(good[_i].json) && !memcmp(got, good[_i].json, n), "%s\n%.*s\n%s",
                  good[_i].text, (int)n, got, good[_i].json);
    free(got);
    tr_json_free(v);
    for (size_t i = 0; i < strlen(good[_i].text); i++)
        tr_json_free(read_exactly(good[_i].text, i));
}
END_TEST

/* Each of these a million bytes: what takes the square of that does not end. */
START_TEST(test_long)
{
    static const char *const piece[] = { "[", "- ", "{a: ", "- [{\"a\": >\n", "\"", "a: |\n",
                                         " ", "a: b\n", "a: b\n  c\n\n", "- a: 'b'\n", "? ", "&a " };
    enum { BYTES = 1 << 20 };
    char *text = malloc(BYTES);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
        size_t n = strlen(piece[i]), at = 0;
        for (; at + n <= BYTES; at += n)
            memcpy(text + at, piece[i], n);
        tr_json_free(read_exactly(text, at));
    }
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("yaml");
    TCase *t = tcase_create("yaml");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_good, 0, sizeof good / sizeof *good);
    tcase_add_test(t, test_long);
    suite_add_tcase(s, t);
    return run_suite(s);
}
