/* SPDX-License-Identifier: MIT
 *
 * Templates that people published, with conversations and what transformers makes of them:
 * text, errors and spans, all of them in one process.  They lie outside of the tree, in the
 * folder templates of $SHARED.
 */
#include <libtrain/chat.h>
#include <libtrain/file.h>
#include <libtrain/json.h>

#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tr_json *cases, *expected, *tokens;
static const char *folder;
static int n_text, n_good, n_spans, n_good_spans, n_told;

static struct tr_json *load(const char *name)
{
    char path[512], *bytes;
    size_t n;
    struct tr_err err = { 0 };
    snprintf(path, sizeof path, "%s/templates/%s", folder, name);
    if (tr_read_all(path, &bytes, &n, &err))
        return NULL;
    struct tr_json *v = tr_json_parse(bytes, n, path, 0, 0, &err);
    free(bytes);
    return v;
}

static struct tr_chat *template(const char *name, struct tr_err *err)
{
    char path[512], *bytes;
    size_t n;
    struct tr_chat *c;
    snprintf(path, sizeof path, "%s/templates/%s.jinja", folder, name);
    if (tr_read_all(path, &bytes, &n, err))
        return NULL;
    c = tr_chat_new(name, bytes, n, err);
    free(bytes);
    return c;
}

static void tell(const char *name, const char *what, const char *why)
{
    if (n_told++ < 40)
        fprintf(stderr, "# %s %s: %s\n", name, what, why);
}

static size_t characters(const char *s, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

static int same_span(const struct tr_chat_text *t, size_t start, size_t end,
                     const struct tr_json *span)
{
    return (int64_t)characters(t->text, start) == tr_json_int(tr_json_at(span, 0)) &&
           (int64_t)characters(t->text, end) == tr_json_int(tr_json_at(span, 1));
}

static int same_generation(const struct tr_chat_text *t, const struct tr_json *want)
{
    int same = t->n_generation == tr_json_count(want);
    for (size_t i = 0; same && i < t->n_generation; i++)
        same = same_span(t, t->generation[i].start, t->generation[i].end,
                         tr_json_at(want, i));
    return same;
}

/* The spans of the assistant's messages. */
static int same_turns(const struct tr_chat *c, const struct tr_json *row,
                      const struct tr_json *args, struct tr_chat_text *t,
                      const struct tr_json *want)
{
    unsigned char wanted[64] = { 0 };
    const struct tr_json *messages = tr_json_get(row, "messages");
    size_t k = 0, n;
    for (size_t i = 0; i < tr_json_count(messages); i++)
        wanted[i] = strcmp(tr_json_string(tr_json_get(tr_json_at(messages, i), "role"), &n),
                           "assistant") == 0;
    if (tr_chat_turns(c, row, args, 1785056707, wanted, t, NULL))
        return 0;
    for (size_t i = 0; i < t->n_turn; i++)
        if (wanted[i] && (!t->turn[i].known || k >= tr_json_count(want) ||
                          !same_span(t, t->turn[i].start, t->turn[i].end,
                                     tr_json_at(want, k++))))
            return 0;
    return k == tr_json_count(want);
}

/* The tokens of a template; transformers is not told of empty ones. */
static struct tr_json *args_of(const char *name)
{
    static const char *const key[] = { "bos_token", "eos_token" };
    struct tr_json *args = tr_json_object();
    size_t n;
    for (int i = 0; i < 2; i++) {
        const struct tr_json *v = tr_json_get(tr_json_get(tokens, name), key[i]);
        if (*tr_json_string(v, &n) && tr_json_set(args, key[i], tr_json_share(v)))
            abort();
    }
    return args;
}

static struct tr_json *row_of(const struct tr_json *c)
{
    struct tr_json *row = tr_json_object();
    struct tr_json_each e = tr_json_each(c);
    while (tr_json_next(&e))
        if (tr_json_set(row, strcmp(e.key, "kwargs") ? e.key : "chat_template_kwargs",
                        tr_json_share(e.value)))
            abort();
    return row;
}

static void check_case(const struct tr_chat *c, const char *name, const char *which,
                       const struct tr_json *want, struct tr_chat_text *t)
{
    struct tr_err err = { 0 };
    struct tr_json *row = row_of(tr_json_get(cases, which));
    struct tr_json *args = args_of(name);
    const struct tr_json *spans;
    size_t n;
    int rc = tr_chat_render(c, row, args, 1785056707, t, &err); /* 26 July 2026 */
    const char *text = tr_json_string(tr_json_get(want, "text"), &n);
    int ok = tr_json_has(want, "error") ? rc != 0
                                        : !rc && t->n == n && memcmp(t->text, text, n) == 0;
    n_text++;
    n_good += ok;
    if (!ok)
        tell(name, which, rc ? err.text : tr_json_has(want, "error") ? "no error"
             : "differs");
    spans = tr_json_get(want, "generation");
    int generation = tr_json_count(spans) > 0;
    if (!generation)
        spans = tr_json_get(want, "assistant");
    if (!rc && ok && tr_json_count(spans) > 0) {
        int same = generation ? same_generation(t, spans) : same_turns(c, row, args, t,
                                                                       spans);
        n_spans++;
        n_good_spans += same;
        if (!same)
            tell(name, which, "spans");
    }
    tr_json_free(row);
    tr_json_free(args);
}

START_TEST(everything)
{
    struct tr_chat_text t = { 0 };
    struct tr_json_each e = tr_json_each(expected);
    setenv("TZ", "UTC", 1);
    while (tr_json_next(&e)) {
        struct tr_err err = { 0 };
        struct tr_chat *c = template(e.key, &err);
        struct tr_json_each k = tr_json_each(e.value);
        if (!c)
            tell(e.key, "", err.text);
        while (tr_json_next(&k))
            if (c)
                check_case(c, e.key, k.key, k.value, &t);
            else {
                n_text++;
                n_good += tr_json_has(k.value, "error");
            }
        tr_chat_free(c);
    }
    tr_chat_text_release(&t);
    printf("# %d of %d renderings, %d of %d lists of spans\n", n_good, n_text, n_good_spans,
           n_spans);
    ck_assert_int_gt(n_text, 0);
    ck_assert_int_eq(n_good, n_text);
    ck_assert_int_eq(n_good_spans, n_spans);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("chat templates of others");
    TCase *t = tcase_create("all");
    folder = getenv("SHARED");
    if (folder) {
        cases = load("cases.json");
        expected = load("expected.json");
        tokens = load("tokens.json");
    }
    if (!cases || !expected || !tokens) {
        printf("SKIP chat templates of others: $SHARED/templates is not there\n");
        return 0;
    }
    tcase_set_timeout(t, 60);
    tcase_add_test(t, everything);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    tr_json_free(cases);
    tr_json_free(expected);
    tr_json_free(tokens);
    return rc;
}
