/* SPDX-License-Identifier: MIT
 *
 * Words are cut by one pattern where others publish several passes: here are the passes,
 * and texts of chance on which both must agree.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "suite.h"

#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/words.h>

#include <pcre2.h>
#include <string.h>

enum { MAX_TEXT = 600, MAX_PASS = 4 };

/* As published, with what PCRE2 and llama.cpp write in another way. */
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|" \
    "\\s+(?!\\S)|\\s+"

#define CASELESS "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
#define LLAMA3(digits) CASELESS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LARGE "((?=\\p{L})[^a-z])"
#define SMALL "((?=\\p{L})[^A-Z])"
#define CASED(end, digits) \
    "[^\\r\\n\\p{L}\\p{N}]?" LARGE "*" SMALL "+" end "|" \
    "[^\\r\\n\\p{L}\\p{N}]?" LARGE "+" SMALL "*" end "|" digits \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* Each pass works on every piece that the one before made: what it matches is a piece, and
 * so is what lies between. */
static const struct {
    const char *pre, *pass[MAX_PASS];
} published[] = {
    { "gpt-2", { GPT2 } },
    { "smollm", { "\\p{N}", GPT2 } },
    { "default", { "[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]" } },
    { "llama3", { LLAMA3("\\p{N}{1,3}") } },
    { "dbrx", { LLAMA3("\\p{N}{1,3}") } },
    { "glm4", { LLAMA3("\\p{N}{1,3}") } },
    { "qwen2", { LLAMA3("\\p{N}") } },
    { "minicpm5", { "\\p{N}{1,3}", LLAMA3("\\p{N}+") } },
    { "qwen35", { CASELESS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|"
                  " ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" } },
    { "gpt-4o", { CASED("(" CASELESS ")?", "\\p{N}{1,3}") } },
    { "tekken", { CASED("", "\\p{N}") } },
    { "deepseek-v3",
      { "\\p{N}{1,3}", "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
        "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|"
        "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" } },
};

static void mark_pass(const char *pattern, const char *text, size_t len, char *begins)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    ck_assert_msg(re != NULL, "pattern '%s': %d at %zu", pattern, code, (size_t)at);
    pcre2_match_data *m = pcre2_match_data_create(1, NULL);
    for (size_t from = 0, to; from < len; from = to) {
        for (to = from + 1; to < len && !begins[to];)
            to++;
        for (size_t i = from; i < to;) {
            if (pcre2_match(re, (PCRE2_SPTR)(text + from), to - from, i - from, 0, m,
                            NULL) < 0)
                break;
            const PCRE2_SIZE *span = pcre2_get_ovector_pointer(m);
            begins[from + span[0]] = 1;
            i = from + span[1];
            if (i < to)
                begins[i] = 2; /* of what lies between, or of the next match */
        }
    }
    pcre2_match_data_free(m);
    pcre2_code_free(re);
}

static void mark_words(const struct tr__pretok_code *code, const char *text, size_t len,
                       char *begins)
{
    struct tr__splitter s = { 0 };
    ck_assert_int_eq(tr__splitter_begin(&s, code, text, len, NULL), 0);
    for (size_t at = 0; at < len;) {
        int64_t n = tr__splitter_next(&s, at);
        ck_assert_int_gt(n, 0);
        begins[at] = 1;
        at += (size_t)n;
    }
    tr__splitter_release(&s);
}

static uint32_t rng_state;
static uint32_t rng(uint32_t below)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)rng_state * below >> 32);
}

static size_t random_text(char *text)
{
    static const char *const atom[] = {
        " ", " ", "  ", "a", "s", "re", "'", "'s", "\n", "\t", "1", "12", "3456", ".", "!?",
        "$", "`", "|", "\xc3\xa9", "\xe4\xb8\x96", "\xe3\x80\x82", "\xcc\x81", "\xc2\xa0",
        "\xe2\x80\x83", "\xd9\xa3", "\xc2\xbd", "\xf0\x9f\x98\x80", "\xc2\xa9", "_", "\r\n",
        "B", "LL", "Ve", "\xc3\x89", "/", "\x01", "\xe2\x80\x8d", "\xe3\x81\x82",
        "\xe3\x83\xbb",
        "\xe3\x82\x99", "\xe3\x82\x97", "\xe3\x82\x9b", "\xcd\xb8", "\xef\xbc\x8c",
    };
    size_t len = 0;
    for (uint32_t n = 1 + rng(60); n; n--) {
        const char *s = atom[rng(sizeof atom / sizeof *atom)];
        memcpy(text + len, s, strlen(s));
        len += strlen(s);
    }
    return len;
}

START_TEST(one_pattern_for_all_passes)
{
    const char *name = published[_i].pre;
    struct tr__pretok_code code = { 0 };
    const struct tr__pretok *kind = tr__pretok_find((struct tr_str){ name, strlen(name) });
    ck_assert_ptr_nonnull(kind);
    ck_assert_int_eq(tr__pretok_compile(&code, kind, NULL), 0);
    rng_state = 5;
    for (int round = 0; round < 2000; round++) {
        char text[MAX_TEXT], have[MAX_TEXT] = { 0 }, want[MAX_TEXT] = { 1 };
        size_t len = random_text(text);
        for (int k = 0; k < MAX_PASS && published[_i].pass[k]; k++)
            mark_pass(published[_i].pass[k], text, len, want);
        mark_words(&code, text, len, have);
        for (size_t i = 0; i < len; i++)
            ck_assert_msg(!have[i] == !want[i], "%s, byte %zu of '%.*s'", name, i, (int)len,
                          text);
    }
    tr__pretok_release(&code);
}
END_TEST

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

int main(void)
{
    Suite *s = suite_create("words");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, one_pattern_for_all_passes, 0, COUNT(published));
    suite_add_tcase(s, tc);
    return run_suite(s);
}
