/* SPDX-License-Identifier: MIT
 *
 * Words are cut by one pattern where others publish several passes: here are the passes,
 * and texts of chance on which both must agree.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "sanitized.h"
#include "suite.h"

#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/words.h>

#include <pcre2.h>
#include <string.h>

enum { MAX_TEXT = 1000, MAX_PASS = 4 };

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
    { "qwen2", { LLAMA3("\\p{N}") } },
    { "minicpm5", { "\\p{N}{1,3}", LLAMA3("\\p{N}+") } },
    { "qwen35", { CASELESS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|"
                  " ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" } },
    { "gpt-4o", { CASED("(" CASELESS ")?", "\\p{N}{1,3}") } },
    { "tekken", { CASED("", "\\p{N}") } },
    { "seed-coder", { CASELESS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}|"
                      " ?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" } },
    { "jais-2", { CASELESS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
                  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s{512}(?!\\S)|"
                  "\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)|"
                  "\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}" } },
    { "exaone-moe",
      { CASELESS "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}|"
        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+" } },
    { "granite-embed-multi-97m",
      { "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}\\p{M}])[^a-z])*((?=[\\p{L}\\p{M}])[^A-Z])+"
        "(" CASELESS ")?|"
        "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}\\p{M}])[^a-z])+((?=[\\p{L}\\p{M}])[^A-Z])*"
        "(" CASELESS ")?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|"
        "\\s+(?!\\S)|\\s+" } },
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
        "\xea\xb0\x80", "\xe0\xb8\x81\xe0\xb8\xb1", "\xe2\x80\xa6", "IMGIMGAZ",
        "<sentinel:1>", "        ", "12345678", "\xe3\x80\x85", "\xe9\xbf\xbd",
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
    for (int round = 0; round < (SANITIZED ? 150 : 1000); round++) {
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

/* Marks as of the whole text are those of the two parts, at the first place to cut at in a
 * window, which may begin and end inside of a character. */
static void check_cut(const struct tr__pretok_code *code, const char *text, size_t len,
                      const char *want)
{
    struct tr__splitter s = { 0 };
    char have[MAX_TEXT] = { 0 };
    size_t from = rng((uint32_t)len), window = 1 + rng((uint32_t)(len - from));
    ck_assert_int_eq(tr__splitter_begin(&s, code, text + from, window, NULL), 0);
    size_t at = tr__splitter_cut(&s);
    tr__splitter_release(&s);
    if (!at || at + 4 > window)
        return;
    at += from;
    mark_words(code, text, at, have);
    mark_words(code, text + at, len - at, have + at);
    for (size_t i = 0; i < len; i++)
        ck_assert_msg(have[i] == want[i], "%s, cut at %zu, byte %zu of '%.*s'",
                      code->kind->name, at, i, (int)len, text);
}

START_TEST(cut_anywhere)
{
    const struct tr__pattern *done = NULL;
    rng_state = 6;
    for (size_t k = 0; tr__pretok_at(k); k++) {
        const struct tr__pretok *kind = tr__pretok_at(k);
        struct tr__pretok_code code = { 0 };
        if (kind->pattern == done)
            continue;
        done = kind->pattern;
        ck_assert_int_eq(tr__pretok_compile(&code, kind, NULL), 0);
        for (int round = 0; round < (SANITIZED ? 40 : 300); round++) {
            char text[MAX_TEXT], want[MAX_TEXT] = { 0 };
            size_t len = random_text(text);
            mark_words(&code, text, len, want);
            check_cut(&code, text, len, want);
        }
        tr__pretok_release(&code);
    }
}
END_TEST

/* A character takes part as llama.cpp's Unicode has it. */
START_TEST(newer_characters)
{
    static const struct { const char *pre, *words; } row[] = {
        { "gpt-2", "a\xf0\x9e\x80\xb0" "b| !" },        /* U+1E030, a letter since 15 */
        { "gpt-2", "a|\xf0\x90\xb5\x80| b" },           /* U+10D40, a number since 16 */
        { "qwen35", "a\xe0\xbb\x8e" "b|1" },             /* U+0ECE, a mark since 15 */
        { "kimi-k2", "a|\xf0\xab\x9c\xb9|b" },          /* U+2B739 in a block of Han */
        { "deepseek-llm", "a|\xe0\xa2\x97\xe4\xb8\x80" }, /* U+0897, a mark since 16 */
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct tr_str name = { row[i].pre, strlen(row[i].pre) };
        struct tr__pretok_code code = { 0 };
        char text[64], have[64] = { 0 }, want[64] = { 1 };
        size_t len = 0;
        for (const char *c = row[i].words; *c; c++)
            if (*c == '|')
                want[len] = 1;
            else
                text[len++] = *c;
        ck_assert_int_eq(tr__pretok_compile(&code, tr__pretok_find(name), NULL), 0);
        mark_words(&code, text, len, have);
        ck_assert_msg(!memcmp(have, want, len), "%s", row[i].words);
        tr__pretok_release(&code);
    }
}
END_TEST

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

int main(void)
{
    Suite *s = suite_create("words");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, one_pattern_for_all_passes, 0, COUNT(published));
    tcase_add_test(tc, cut_anywhere);
    tcase_add_test(tc, newer_characters);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
