/* SPDX-License-Identifier: MIT */
#include "suite.h"

#include <libtrain/tokenizer/kind.h>
#include <libtrain/threads.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLOW 1
#elif defined(__has_feature)
#define SLOW (__has_feature(address_sanitizer) || __has_feature(memory_sanitizer))
#else
#define SLOW 0
#endif

/* ==== vocabularies of our own making ==== */

enum { MAX_TOKEN = 700, MAX_MERGE = 400 };

struct toy {
    const char *model, *pre; /* NULL: no such key */
    struct tr_str token[MAX_TOKEN];
    int32_t type[MAX_TOKEN];
    float score[MAX_TOKEN];
    char *merge[MAX_MERGE];
    int n, n_merge, n_type, n_score; /* n_type, n_score: entries written, -1: no key */
    int no_merges;
    const char *int_key; /* one more key */
    int64_t int_value;
    int add_bos, add_space; /* -1: no key */
    enum tr_gguf_type score_type;
};

static struct toy toy;
static char path[256];

static int add_token(const char *p, size_t len, int type, float score)
{
    char *copy = malloc(len + 1);
    memcpy(copy, p, len);
    copy[len] = 0;
    ck_assert_int_lt(toy.n, MAX_TOKEN);
    toy.token[toy.n] = (struct tr_str){ copy, len };
    toy.type[toy.n] = type;
    toy.score[toy.n] = score;
    return toy.n++;
}

static int add(const char *text, int type, float score)
{
    return add_token(text, strlen(text), type, score);
}

static void begin_toy(const char *model, const char *pre)
{
    memset(&toy, 0, sizeof toy);
    toy.model = model;
    toy.pre = pre;
    toy.n_type = toy.n_score = -2;
    toy.add_bos = toy.add_space = -1;
    toy.score_type = TR_GGUF_F32;
}

/* One byte in GPT-2's alphabet: printable Latin-1 as it is, then U+0100 and up. */
static size_t spell(unsigned char byte, char *out)
{
    unsigned c = 0x100;
    for (unsigned b = 0; b < 256; b++) {
        int printable = (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad);
        if (b == byte) {
            c = printable ? b : c;
            break;
        }
        c += !printable;
    }
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
}

static char *spell_all(const char *bytes)
{
    char *out = calloc(1, 2 * strlen(bytes) + 1);
    size_t n = 0;
    for (; *bytes; bytes++)
        n += spell((unsigned char)*bytes, out + n);
    return out;
}

/* A merge and the token that it makes. */
static int add_merge(const char *left, const char *right)
{
    char both[128], line[600], *a = spell_all(left), *b = spell_all(right);
    snprintf(both, sizeof both, "%s%s", left, right);
    char *to = spell_all(both);
    snprintf(line, sizeof line, "%s %s", a, b);
    int id = -1;
    for (int i = 0; i < toy.n; i++)
        if (!strcmp(toy.token[i].ptr, to))
            id = i;
    if (id < 0)
        id = add(to, 1, 0);
    toy.merge[toy.n_merge++] = strdup(line);
    free(a);
    free(b);
    free(to);
    return id;
}

/* Ids 0 to 255 are the bytes, 256 is a control token, 257 a user-defined one. */
static void bpe_toy(const char *pre)
{
    begin_toy("gpt2", pre);
    for (unsigned b = 0; b < 256; b++) {
        char out[2];
        add_token(out, spell((unsigned char)b, out), 1, 0);
    }
    add("<|end|>", 3, 0);
    add("<user>", 4, 0);
}

/* Ids 0 to 2 are <unk> <s> </s>, 3 + b is byte b. */
static void spm_toy(void)
{
    begin_toy("llama", "default");
    toy.no_merges = 1;
    add("<unk>", 2, 0);
    add("<s>", 3, 0);
    add("</s>", 3, 0);
    for (unsigned b = 0; b < 256; b++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", b);
        add(text, 6, 0);
    }
}

static void write_keys(struct tr_gguf_writer *w)
{
    struct tr_str merge[MAX_MERGE];
    int n_type = toy.n_type == -2 ? toy.n : toy.n_type;
    int n_score = toy.n_score == -2 ? toy.n : toy.n_score;
    for (int i = 0; i < toy.n_merge; i++)
        merge[i] = (struct tr_str){ toy.merge[i], strlen(toy.merge[i]) };
    if (toy.model)
        tr_gguf_set_string(w, "tokenizer.ggml.model", toy.model);
    if (toy.pre)
        tr_gguf_set_string(w, "tokenizer.ggml.pre", toy.pre);
    if (toy.n >= 0)
        tr_gguf_set_strings(w, "tokenizer.ggml.tokens", toy.token, (uint64_t)toy.n);
    if (n_type >= 0)
        tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, toy.type,
                          (uint64_t)n_type);
    if (n_score >= 0)
        tr_gguf_set_array(w, "tokenizer.ggml.scores", toy.score_type, toy.score,
                          (uint64_t)n_score);
    if (!toy.no_merges)
        tr_gguf_set_strings(w, "tokenizer.ggml.merges", merge, (uint64_t)toy.n_merge);
    if (toy.int_key) {
        int32_t v = (int32_t)toy.int_value;
        struct tr_gguf_kv kv = { toy.int_key, TR_GGUF_I32, TR_GGUF_I32, 1, &v, sizeof v };
        if (toy.int_value > INT32_MAX)
            tr_gguf_set_u32(w, toy.int_key, (uint32_t)toy.int_value);
        else
            tr_gguf_set_kv(w, &kv);
    }
    if (toy.add_bos >= 0)
        tr_gguf_set_bool(w, "tokenizer.ggml.add_bos_token", toy.add_bos);
    if (toy.add_space >= 0)
        tr_gguf_set_bool(w, "tokenizer.ggml.add_space_prefix", toy.add_space);
    tr_gguf_set_string(w, "tokenizer.chat_template", "{% for x in range(10**9) %}{{ x }}");
}

static struct tr_tokenizer *open_toy_hash(struct tr_err *err, uint64_t *hash)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    ck_assert_msg(w != NULL, "%s", err->text);
    write_keys(w);
    ck_assert_msg(tr_gguf_commit(w, err) == 0, "%s", err->text);
    struct tr_gguf *g = tr_gguf_open(path, err);
    ck_assert_msg(g != NULL, "%s", err->text);
    struct tr_tokenizer *t = tr_tokenizer_new(g, err);
    *hash = tr_vocab_hash(g);
    tr_gguf_close(g);
    return t;
}

static struct tr_tokenizer *open_toy(void)
{
    struct tr_err err = { 0 };
    uint64_t hash;
    struct tr_tokenizer *t = open_toy_hash(&err, &hash);
    ck_assert_msg(t != NULL, "%s", err.text);
    ck_assert_uint_ne(hash, 0);
    return t;
}

static void set_up(void)
{
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/libtrain-toy-%ld.gguf", dir ? dir : "/tmp",
             (long)getpid());
}

static void tear_down(void)
{
    unlink(path);
    for (int i = 0; i < toy.n; i++)
        free((char *)(uintptr_t)toy.token[i].ptr);
    for (int i = 0; i < toy.n_merge; i++)
        free(toy.merge[i]);
}

/* ==== helpers ==== */

static struct tr_tokens encode(const struct tr_tokenizer *t, const char *text, size_t len,
                               int flags)
{
    struct tr_tokens out = { 0 };
    struct tr_err err = { 0 };
    int rc = tr_tokenizer_encode(t, text, len, flags, &out, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return out;
}

static void expect_ids(const struct tr_tokenizer *t, const char *text, int flags,
                       const char *want)
{
    struct tr_tokens out = encode(t, text, strlen(text), flags);
    char have[1024] = "", *p = have;
    for (size_t i = 0; i < out.n; i++)
        p += sprintf(p, "%s%u", i ? " " : "", out.id[i]);
    ck_assert_msg(!strcmp(have, want), "'%s': %s, not %s", text, have, want);
    tr_tokens_release(&out);
}

static void expect_round_trip(const struct tr_tokenizer *t, const char *text, size_t len)
{
    struct tr_tokens out = encode(t, text, len, 0);
    char *buf = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < out.n; i++)
        ck_assert_int_eq(tr_tokenizer_decode(t, out.id[i], i == 0, 0, &buf, &n, &cap, NULL),
                         0);
    ck_assert_uint_eq(n, len);
    ck_assert(len == 0 || !memcmp(buf, text, len));
    free(buf);
    tr_tokens_release(&out);
}

static uint32_t rng_state;
static uint32_t rng(uint32_t below)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)rng_state * below >> 32);
}

/* The slow way, symbols as strings: the best pair of all, the leftmost among equals, merged
 * one at a time.  rank() tells how good a pair is, small first, HUGE_VAL: no merge. */
struct naive { char sym[4096][64]; size_t n; };

static void naive_merge(struct naive *x, double (*rank)(const char *a, const char *b))
{
    for (;;) {
        size_t at = 0;
        double best = HUGE_VAL;
        for (size_t i = 0; i + 1 < x->n; i++) {
            double r = rank(x->sym[i], x->sym[i + 1]);
            if (r < best) {
                best = r;
                at = i;
            }
        }
        if (!(best < HUGE_VAL))
            return;
        size_t n = strlen(x->sym[at]);
        memcpy(x->sym[at] + n, x->sym[at + 1], strlen(x->sym[at + 1]) + 1);
        memmove(x->sym[at + 1], x->sym[at + 2], (x->n - at - 2) * sizeof *x->sym);
        x->n--;
    }
}

static double bpe_rank(const char *a, const char *b)
{
    char line[160];
    snprintf(line, sizeof line, "%s %s", a, b);
    for (int i = 0; i < toy.n_merge; i++)
        if (!strcmp(toy.merge[i], line))
            return i;
    return HUGE_VAL;
}

static int find_token(const char *text)
{
    for (int i = 0; i < toy.n; i++)
        if (toy.type[i] == 1 && !strcmp(toy.token[i].ptr, text))
            return i;
    return -1;
}

static double spm_rank(const char *a, const char *b)
{
    char both[160];
    snprintf(both, sizeof both, "%s%s", a, b);
    int id = find_token(both);
    return id < 0 ? HUGE_VAL : -(double)toy.score[id];
}

/* ==== byte-level BPE ==== */

START_TEST(bpe_words)
{
    bpe_toy("gpt-2");
    int th = add_merge("t", "h"), the = add_merge("th", "e"), sthe = add_merge(" ", "the");
    char want[64];
    struct tr_tokenizer *t = open_toy();
    ck_assert_ptr_null(tr_tokenizer_warning(t, 0));
    ck_assert_uint_eq(tr_tokenizer_n_vocab(t), (uint32_t)toy.n);
    snprintf(want, sizeof want, "%d %d %d %d %d", the, sthe, ' ', ' ', th);
    expect_ids(t, "the the  th", 0, want);
    expect_ids(t, "", 0, "");
    expect_ids(t, "\xc3\xa9", 0, "195 169");
    tr_tokenizer_free(t);
}
END_TEST

/* Random merges, words from short to long, against the slow way. */
START_TEST(bpe_against_naive)
{
    static struct naive x;
    bpe_toy("gpt-2");
    rng_state = 7 + (uint32_t)_i;
    char known[64][16] = { "a", "b", "c" };
    int n_known = 3;
    while (n_known < 40) {
        const char *a = known[rng((uint32_t)n_known)], *b = known[rng((uint32_t)n_known)];
        if (strlen(a) + strlen(b) > 12 || bpe_rank(a, b) < HUGE_VAL)
            continue;
        add_merge(a, b);
        snprintf(known[n_known++], sizeof *known, "%s%s", a, b);
    }
    struct tr_tokenizer *t = open_toy();
    for (int round = 0; round < 60; round++) {
        char text[600];
        size_t len = 1 + rng(round < 50 ? 40 : 500);
        for (size_t i = 0; i < len; i++)
            text[i] = "abc"[rng(rng(2) ? 2 : 3)];
        text[len] = 0;
        for (x.n = 0; x.n < len; x.n++)
            snprintf(x.sym[x.n], sizeof *x.sym, "%c", text[x.n]);
        naive_merge(&x, bpe_rank);
        struct tr_tokens out = encode(t, text, len, 0);
        ck_assert_uint_eq(out.n, x.n);
        for (size_t i = 0; i < x.n; i++)
            ck_assert_int_eq((int)out.id[i], find_token(x.sym[i]));
        tr_tokens_release(&out);
    }
    tr_tokenizer_free(t);
}
END_TEST

/* llama-bpe: a word that is a token is that token, though no merge makes it. */
START_TEST(bpe_whole_words)
{
    bpe_toy("llama-bpe");
    add("whole", 1, 0);
    struct tr_tokenizer *t = open_toy();
    expect_ids(t, "whole", 0, "258");
    tr_tokenizer_free(t);
    toy.pre = "qwen2";
    t = open_toy();
    expect_ids(t, "who", 0, "119 104 111");
    expect_ids(t, "whole", 0, "119 104 111 108 101");
    tr_tokenizer_free(t);
}
END_TEST

static const char *const pres[] = { "gpt-2", "llama-bpe", "qwen2", "smollm" };

START_TEST(bpe_round_trip)
{
    bpe_toy(pres[_i]);
    add_merge("a", "b");
    add_merge(" ", " ");
    add_merge("\xe2", "\x82");
    struct tr_tokenizer *t = open_toy();
    char *text = malloc(1 << 20), *p = text;
    for (int b = 0; b < 256; b++) {
        *p = (char)b;
        expect_round_trip(t, p++, 1);
    }
    expect_round_trip(t, text, 256);
    p = text;
    for (unsigned c = 0; c < 0x30000; c += c < 0x3000 ? 1 : 5) {
        if (c >= 0x800)
            *p++ = (char)(c < 0x10000 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
        if (c >= 0x10000)
            *p++ = (char)(0x80 | (c >> 12 & 0x3f));
        if (c >= 0x80)
            *p++ = (char)((c < 0x800 ? 0xc0 : 0x80) | (c >> 6 & (c < 0x800 ? 0x1f : 0x3f)));
        *p++ = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
    }
    expect_round_trip(t, text, (size_t)(p - text)); /* surrogates are in it too */
    rng_state = 3;
    for (int round = 0; round < 300; round++) {
        size_t len = rng(100);
        for (size_t i = 0; i < len; i++)
            text[i] = rng(2) ? (char)rng(256) : " a'\n1\xe2\x82"[rng(7)];
        expect_round_trip(t, text, len);
    }
    free(text);
    tr_tokenizer_free(t);
}
END_TEST

/* Tokens of 2, 4, 8, 16 and 32 times s. */
static void add_runs(const char *s, int spm)
{
    char text[256], twice[256];
    if (spm)
        add(s, 1, 0);
    else if (s[1])
        add_merge("a", "b");
    snprintf(text, sizeof text, "%s", s);
    for (int k = 1; k <= 5; k++) {
        snprintf(twice, sizeof twice, "%.120s%.120s", text, text);
        if (spm)
            add(twice, 1, (float)k);
        else
            add_merge(text, text);
        memcpy(text, twice, sizeof text);
    }
}

/* What is quadratic for a naive merge: 1 MiB that is one word. */
START_TEST(long_words)
{
    static const char *const letters[] = { "a", " ", "ab", "<", "\n", "1" };
    const char *s = letters[_i % 6];
    if (_i < 12)
        bpe_toy(_i < 6 ? "gpt-2" : "llama-bpe");
    else
        spm_toy();
    add_runs(_i >= 12 && *s == ' ' ? "\xe2\x96\x81" : s, _i >= 12);
    struct tr_tokenizer *t = open_toy();
    size_t len = SLOW ? 1 << 16 : 1 << 20;
    char *big = malloc(len);
    for (size_t i = 0; i < len; i++)
        big[i] = s[i % strlen(s)];
    clock_t begun = clock();
    expect_round_trip(t, big, len);
    double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
    ck_assert_msg(SLOW || seconds < 2, "%g s", seconds);
    free(big);
    tr_tokenizer_free(t);
}
END_TEST

START_TEST(byte_without_token)
{
    bpe_toy("gpt-2");
    toy.type[7] = 3; /* byte 7 is gone */
    struct tr_tokenizer *t = open_toy();
    struct tr_tokens out = encode(t, "ok", 2, 0);
    struct tr_err err = { 0 };
    ck_assert_int_eq(tr_tokenizer_encode(t, "abc\a", 4, 0, &out, &err), TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "byte 0x07 at offset 3"));
    ck_assert_uint_eq(out.n, 2); /* what was there stays, nothing is added */
    tr_tokens_release(&out);
    tr_tokenizer_free(t);
}
END_TEST

/* ==== words ==== */

static const struct { const char *pre, *words; } splits[] = {
    { "gpt-2", "I|'ll| go|  | now| 12345|abc|!?| '|s|'|S" },
    { "gpt-2", "a| |\t|b" }, /* only a space goes to the word behind it */
    { "gpt-2", "a|\n\n\n" },
    { "gpt-2", "a|\n\n|\n|b" },
    { "gpt-2", "\xc3\xa9t\xc3\xa9| \xd9\xa3\xd9\xa4|\xc2\xa0|x" },
    { "gpt-2", "x|\xe1\xa0\x8e|y" }, /* U+180E is no space */
    { "llama-bpe", "I|'Ll| go| | now| |123|45|abc|!?\n\n| (|x|)\n" },
    { "llama-bpe", "a|  \n\n| b|\r\n|_c" },
    { "llama-bpe", "'\xc5\xbf" },
    { "qwen2", "a| |1|2|3|b|'VE|...\n" },
    { "smollm", "a|  |1|2| b| |3|'s|   | c" },
    { "smollm", "x| |\xc2\xbd|.|4" },
    { "gpt-2", "a| \xff\xfe|b" }, /* bytes that are no UTF-8 are symbols */
    { "llama3", "\xed\xa0\x80\n|x" },
};

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

/* ==== SentencePiece ==== */

START_TEST(spm_words)
{
    spm_toy();
    int sp = add("\xe2\x96\x81", 1, -5), a = add("a", 1, -6), b = add("b", 1, -7);
    int ab = add("ab", 1, -2), spa = add("\xe2\x96\x81" "a", 1, -1);
    char want[128];
    struct tr_tokenizer *t = open_toy();
    ck_assert_int_eq(tr_tokenizer_bos(t), 1);
    ck_assert_int_eq(tr_tokenizer_eos(t), 2);
    ck_assert_int_eq(tr_tokenizer_add_bos(t), 1);
    snprintf(want, sizeof want, "%d %d", spa, b); /* " a" scores better */
    expect_ids(t, "ab", 0, want);
    snprintf(want, sizeof want, "%d %d %d", sp, spa, ab);
    expect_ids(t, " aab", 0, want);
    snprintf(want, sizeof want, "%d %d %d %d", sp, 3 + 0xc3, 3 + 0xa9, 3 + '\n');
    expect_ids(t, "\xc3\xa9\n", 0, want);
    snprintf(want, sizeof want, "%d %d %d %d", sp, 3 + '<', 3 + 's', 3 + '>');
    expect_ids(t, "<s>", 0, want);
    snprintf(want, sizeof want, "1 %d 2 %d", spa, spa); /* a space behind each special */
    expect_ids(t, "<s>a</s>a", TR_ENCODE_SPECIAL, want);
    expect_ids(t, "", 0, "");
    expect_round_trip(t, "  a b\n\xc3\xa9 \xff ", 11);
    tr_tokenizer_free(t);
    toy.add_space = 0;
    t = open_toy();
    snprintf(want, sizeof want, "%d %d", a, spa);
    expect_ids(t, "a a", 0, want);
    expect_round_trip(t, " a", 2);
    tr_tokenizer_free(t);
}
END_TEST

/* Random tokens and scores, some alike; the slow way does not cut the text into words. */
START_TEST(spm_against_naive)
{
    static const char *const sym[] = { "\xe2\x96\x81", "a", "b", "\xc3\xa9", "\n" };
    static struct naive x;
    spm_toy();
    rng_state = 11 + (uint32_t)_i;
    while (toy.n < 320) {
        char text[64] = "";
        for (uint32_t k = 1 + rng(4); k; k--)
            strcat(text, sym[rng(4)]);
        if (find_token(text) < 0)
            add(text, 1, -(float)rng(30));
    }
    struct tr_tokenizer *t = open_toy();
    for (int round = 0; round < 60; round++) {
        char text[3000] = "";
        strcpy(x.sym[0], sym[0]); /* the space in front */
        x.n = 1;
        for (uint32_t n = 1 + rng(round < 50 ? 30 : 400); n; n--) {
            uint32_t k = rng(5);
            strcpy(x.sym[x.n++], sym[k]);
            strcat(text, k ? sym[k] : " ");
        }
        naive_merge(&x, spm_rank);
        struct tr_tokens out = encode(t, text, strlen(text), 0);
        size_t at = 0;
        for (size_t i = 0; i < x.n; i++) {
            int id = find_token(x.sym[i]);
            size_t n = strcmp(x.sym[i], sym[0]) ? strlen(x.sym[i]) : 1;
            for (size_t k = 0; id < 0 && k < n; k++, at++) {
                char byte = n == 1 && *x.sym[i] == *sym[0] ? ' ' : x.sym[i][k];
                ck_assert_uint_eq(out.id[at], 3u + (unsigned char)byte);
            }
            if (id >= 0)
                ck_assert_int_eq((int)out.id[at++], id);
        }
        ck_assert_uint_eq(at, out.n);
        tr_tokens_release(&out);
    }
    tr_tokenizer_free(t);
}
END_TEST

/* ==== special tokens, decoding ==== */

START_TEST(special_tokens)
{
    bpe_toy("gpt-2");
    add("<user>r", 4, 0);
    struct tr_tokenizer *t = open_toy();
    expect_ids(t, "a<|end|>b", TR_ENCODE_SPECIAL, "97 256 98");
    expect_ids(t, "a<|end|>", 0, "97 60 124 101 110 100 124 62");
    expect_ids(t, "<user><user>r<use", 0, "257 258 60 117 115 101");
    ck_assert_int_eq(tr_tokenizer_is_special(t, 256), 1);
    ck_assert_int_eq(tr_tokenizer_is_special(t, 97), 0);
    ck_assert_int_eq(tr_tokenizer_is_special(t, 1u << 30), 0);

    char *buf = NULL;
    size_t n = 0, cap = 0;
    struct tr_err err = { 0 };
    ck_assert_int_eq(tr_tokenizer_decode(t, 256, 0, 0, &buf, &n, &cap, &err), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(tr_tokenizer_decode(t, 256, 0, 1, &buf, &n, &cap, &err), 0);
    ck_assert_int_eq(tr_tokenizer_decode(t, 257, 0, 0, &buf, &n, &cap, &err), 0);
    ck_assert_uint_eq(n, 13);
    ck_assert_int_eq(memcmp(buf, "<|end|><user>", 13), 0);
    ck_assert_int_eq(tr_tokenizer_decode(t, 259, 0, 0, &buf, &n, &cap, &err), TR_EFORMAT);
    free(buf);
    tr_tokenizer_free(t);
}
END_TEST

/* ==== pieces ==== */

/* What decides where a word ends, and tokens that lie across such places. */
static const char *const atoms[] = {
    "a", "b", "s", "re", "word", "'", "'s", "'ve", " ", " ", "  ", "\n", "\r\n", "\t", "1",
    "123", "1234", ".", "!?", "<", "\xc3\xa9", "\xe4\xb8\x96", "\xe3\x80\x82", "\xcc\x81",
    "\xc2\xa0", "\xe2\x80\x83", "\xc5\xbf", "\xd9\xa3", "\xf0\x9f\x98\x80", "\xe2\x96\x81",
    "\xe2", "\x82", "\x81", "\xff", "\xf0\x9f", "<user>", "<|end|>", "<s>", "d e", "x\n",
    "d", "e", "x", "run",
};

static size_t random_text(char *text, size_t n_atom)
{
    size_t len = 0;
    uint32_t n = 1 + rng(sizeof atoms / sizeof *atoms); /* sometimes just the first ones */
    for (size_t i = 0; i < n_atom; i++) {
        const char *s = atoms[rng(n)];
        if (!strcmp(s, "run") && !rng(8)) { /* letters, longer than a place is looked for */
            for (size_t k = 0; k < 1200; k++)
                len += (size_t)sprintf(text + len, "\xc3\xa9");
            continue;
        }
        memcpy(text + len, s, strlen(s));
        len += strlen(s);
    }
    return len;
}

static struct tr_tokenizer *pieces_toy(int i)
{
    if (i < 4) {
        bpe_toy(pres[i]);
        add_merge(" ", "a");
        add_merge("a", "b");
        add_merge("s", " ");   /* never, with a pre-tokenizer */
        add_merge("\n", "\n");
        add_merge("r", "e");
        add_merge("1", "2");
        add_merge("\xa9", "\xc3");
    } else {
        spm_toy();
        add("\xe2\x96\x81" "a", 1, 3);
        add("ab", 1, 2);
        add("s\xe2\x96\x81", 1, 1);
        add("re", 1, 4);
        add("\xc3\xa9s", 1, 5);
    }
    add("d e", 4, 0);
    add("x\n", 4, 0);
    add("a\xe4\xb8", 4, 0); /* ends inside a character */
    add("<s>x", 3, 0);
    return open_toy();
}

/* However small the pieces, and on any number of threads: the ids of the whole. */
START_TEST(pieces)
{
    static const size_t piece[] = { 1, 2, 7, 50 };
    static char text[300 * 2400 + 1];
    int longer = 0;
    struct tr_tokenizer *t = pieces_toy(_i);
    rng_state = 11;
    for (int round = 0; round < (SLOW ? 30 : 150); round++) {
        size_t len = random_text(text, 1 + rng(300));
        int flags = rng(2) ? TR_ENCODE_SPECIAL : 0;
        struct tr_tokens want = { 0 }, have = { 0 };
        struct tr__encoder e = { .t = t, .text = text };
        longer += tr__next_cut(&e, text, len, 0, 1, flags) < len;
        tr__splitter_release(&e.splitter);
        ck_assert_int_eq(tr__encode(t, text, len, flags, SIZE_MAX, &want, NULL), 0);
        for (size_t k = 0; k < sizeof piece / sizeof *piece; k++) {
            tr_threads(1 + (int)(k % 2));
            have.n = 0;
            ck_assert_int_eq(tr__encode(t, text, len, flags, piece[k], &have, NULL), 0);
            ck_assert_uint_eq(have.n, want.n);
            ck_assert(!memcmp(have.id, want.id, want.n * sizeof *want.id));
        }
        tr_tokens_release(&want);
        tr_tokens_release(&have);
    }
    ck_assert_int_gt(longer, SLOW ? 20 : 100); /* most texts were cut */
    tr_tokenizer_free(t);
}
END_TEST

/* Of several failures, the first in the text is told. */
START_TEST(pieces_fail)
{
    bpe_toy("gpt-2");
    toy.type[7] = 3; /* byte 7 is gone */
    struct tr_tokenizer *t = open_toy();
    char text[20000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i > 9000 && i % 100 == 50 ? '\a' : i % 3 ? 'a' : ' ';
    for (int n = 1; n <= 2; n++) {
        struct tr_tokens out = encode(t, "ok", 2, 0);
        struct tr_err err = { 0 };
        tr_threads(n);
        ck_assert_int_eq(tr__encode(t, text, sizeof text, 0, 10, &out, &err),
                         TR_EUNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "byte 0x07 at offset 9050 "));
        ck_assert_uint_eq(out.n, 2);
        tr_tokens_release(&out);
    }
    tr_tokenizer_free(t);
}
END_TEST

START_TEST(bos_defaults)
{
    struct tr_tokenizer *t;
    bpe_toy("llama-bpe");
    t = open_toy();
    ck_assert_int_eq(tr_tokenizer_add_bos(t), 0); /* it wants one but has none */
    ck_assert_int_eq(tr_tokenizer_bos(t), -1);
    tr_tokenizer_free(t);
    toy.int_key = "tokenizer.ggml.bos_token_id";
    toy.int_value = 256;
    t = open_toy();
    ck_assert_int_eq(tr_tokenizer_add_bos(t), 1);
    tr_tokenizer_free(t);
    toy.add_bos = 0;
    t = open_toy();
    ck_assert_int_eq(tr_tokenizer_add_bos(t), 0);
    tr_tokenizer_free(t);
    toy.add_bos = -1;
    toy.pre = "gpt-2";
    t = open_toy();
    ck_assert_int_eq(tr_tokenizer_add_bos(t), 0);
    ck_assert_int_eq(tr_tokenizer_bos(t), 256);
    tr_tokenizer_free(t);
    toy.int_value = -1; /* unset */
    t = open_toy();
    ck_assert_int_eq(tr_tokenizer_bos(t), -1);
    tr_tokenizer_free(t);
}
END_TEST

/* ==== vocabularies that are odd, wrong or large ==== */

static void no_tokens(void) { toy.n = -1; toy.n_type = toy.n_score = -1; }
static void empty_tokens(void) { toy.n = 0; }
static void no_model(void) { toy.model = NULL; }
static void other_model(void) { toy.model = "bert"; }
static void no_pre(void) { toy.pre = NULL; }
static void other_pre(void) { toy.pre = "tekken"; }
static void default_pre(void) { toy.pre = "default"; }
static void bos_is_n(void)
{
    toy.int_key = "tokenizer.ggml.bos_token_id";
    toy.int_value = toy.n;
}
static void eos_is_huge(void)
{
    toy.int_key = "tokenizer.ggml.eos_token_id";
    toy.int_value = UINT32_MAX;
}
static void pad_is_n(void)
{
    toy.int_key = "tokenizer.ggml.padding_token_id";
    toy.int_value = toy.n;
}
static void unk_below(void)
{
    toy.int_key = "tokenizer.ggml.unknown_token_id";
    toy.int_value = -2;
}
static void bos_wanted(void) { toy.add_bos = 1; }
static void types_short(void) { toy.n_type = toy.n - 1; }
static void types_long(void) { toy.n_type = toy.n + 1; }
static void scores_short(void) { toy.n_score = toy.n - 1; }
static void scores_i32(void) { toy.score_type = TR_GGUF_I32; }
static void score_nan(void) { toy.score[5] = NAN; }
static void score_inf(void) { toy.score[5] = INFINITY; }
static void no_merge_key(void) { toy.no_merges = 1; }
static void one_merge(const char *s) { toy.merge[toy.n_merge++] = strdup(s); }
static void merge_no_space(void) { one_merge("ab"); }
static void merge_two_spaces(void) { one_merge("a b c"); }
static void merge_empty(void) { one_merge(""); }
static void merge_left_empty(void) { one_merge(" a"); }
static void merge_unknown_part(void) { one_merge("aa b"); }
static void merge_unknown_sum(void) { one_merge("x y"); }
static void merge_twice(void) { add_merge("a", "b"); one_merge("a b"); }
static void merges_too_many(void)
{
    toy.n = 3;
    for (int i = 0; i < 8; i++)
        one_merge("! \"");
}
static void byte_negative(void) { add("<0x-1>", 6, 0); }
static void byte_letters(void) { add("<0xZZ>", 6, 0); }
static void byte_long(void) { add("<0x100>", 6, 0); }
static void byte_missing(void) { toy.type[3 + 200] = 1; }
static void no_scores(void) { toy.n_score = -1; }

static const struct { void (*spoil)(void); int spm; const char *says; } bad[] = {
    { no_tokens, 0, "no tokens" },
    { empty_tokens, 0, "no tokens" },
    { no_model, 0, "no vocabulary" },
    { other_model, 0, "'bert'" },
    { no_pre, 0, "tokenizer.ggml.pre" },
    { other_pre, 0, "unknown pre-tokenizer 'tekken'" },
    { default_pre, 0, "unknown pre-tokenizer 'default'" },
    { bos_is_n, 0, "tokenizer.ggml.bos_token_id" },
    { bos_is_n, 1, "tokenizer.ggml.bos_token_id" },
    { eos_is_huge, 0, "tokenizer.ggml.eos_token_id" },
    { pad_is_n, 0, "tokenizer.ggml.padding_token_id" },
    { unk_below, 1, "tokenizer.ggml.unknown_token_id" },
    { bos_wanted, 0, "add_bos_token" },
    { types_short, 0, "tokenizer.ggml.token_type" },
    { types_long, 1, "tokenizer.ggml.token_type" },
    { scores_short, 0, "tokenizer.ggml.scores" },
    { scores_short, 1, "tokenizer.ggml.scores" },
    { scores_i32, 1, "tokenizer.ggml.scores" },
    { score_nan, 1, "score of token 5" },
    { score_inf, 0, "score of token 5" },
    { no_merge_key, 0, "no merges" },
    { merge_no_space, 0, "merge 0 'ab'" },
    { merge_two_spaces, 0, "merge 0" },
    { merge_empty, 0, "merge 0" },
    { merge_left_empty, 0, "merge 0" },
    { merge_unknown_part, 0, "merge 0 'aa b'" },
    { merge_unknown_sum, 0, "merge 0 'x y'" },
    { merge_twice, 0, "merge 1 'a b'" },
    { merges_too_many, 0, "8 merges for 3 tokens" },
    { byte_negative, 1, "'<0x-1>'" },
    { byte_letters, 1, "'<0xZZ>'" },
    { byte_long, 1, "'<0x100>'" },
    { byte_missing, 1, "no byte token '<0xC8>'" },
    { no_scores, 1, "no scores" },
};

START_TEST(refused)
{
    struct tr_err err = { 0 };
    uint64_t hash;
    if (bad[_i].spm)
        spm_toy();
    else
        bpe_toy("gpt-2");
    int n = toy.n;
    bad[_i].spoil();
    struct tr_tokenizer *t = open_toy_hash(&err, &hash);
    toy.n = toy.n > n ? toy.n : n; /* to be freed */
    ck_assert_msg(t == NULL, "%s: not refused", bad[_i].says);
    ck_assert_int_lt(err.code, 0);
    ck_assert_msg(strstr(err.text, bad[_i].says) != NULL, "'%s' is not in '%s'",
                  bad[_i].says, err.text);
    ck_assert_msg(strstr(err.text, path) != NULL, "no path in '%s'", err.text);
    ck_assert_int_eq(hash != 0, bad[_i].spoil != no_tokens);
}
END_TEST

START_TEST(odd_tokens)
{
    bpe_toy("gpt-2");
    add("", 1, 0);
    add("a", 1, 0);
    size_t len = 1 << 20;
    char *big = malloc(len);
    memset(big, 'x', len);
    int id = add_token(big, len, 4, 0);
    struct tr_tokenizer *t = open_toy();
    ck_assert_str_eq(tr_tokenizer_warning(t, 0), "1 empty tokens, the first is 258");
    ck_assert_str_eq(tr_tokenizer_warning(t, 1), "1 duplicate tokens, the first is 259");
    ck_assert_ptr_null(tr_tokenizer_warning(t, 2));
    expect_ids(t, "a", 0, "97");
    struct tr_tokens out = encode(t, big, len, 0);
    ck_assert_uint_eq(out.n, 1);
    ck_assert_int_eq((int)out.id[0], id);
    tr_tokens_release(&out);
    tr_tokenizer_free(t);
    free(big);
}
END_TEST

/* Everything that decides the ids, and nothing else. */
START_TEST(vocab_hash)
{
    uint64_t base, other;
    struct tr_err err = { 0 };
    bpe_toy("gpt-2");
    add_merge("a", "b");
    add_merge("b", "a");
    tr_tokenizer_free(open_toy_hash(&err, &base));
    toy.add_bos = 0;
    toy.int_key = "tokenizer.ggml.bos_token_id";
    tr_tokenizer_free(open_toy_hash(&err, &other));
    ck_assert_uint_eq(base, other);
    toy.pre = "phi-2";
    tr_tokenizer_free(open_toy_hash(&err, &other));
    ck_assert_uint_ne(base, other);
    toy.pre = "gpt-2";
    toy.type[9] = 4;
    tr_tokenizer_free(open_toy_hash(&err, &other));
    ck_assert_uint_ne(base, other);
    toy.type[9] = 1;
    char *swap = toy.merge[0];
    toy.merge[0] = toy.merge[1];
    toy.merge[1] = swap;
    tr_tokenizer_free(open_toy_hash(&err, &other));
    ck_assert_uint_ne(base, other);
}
END_TEST

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

int main(void)
{
    Suite *s = suite_create("tokenizer");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, bpe_words);
    tcase_add_loop_test(tc, bpe_against_naive, 0, 4);
    tcase_add_test(tc, bpe_whole_words);
    tcase_add_loop_test(tc, bpe_round_trip, 0, COUNT(pres));
    tcase_add_loop_test(tc, long_words, 0, 18);
    tcase_add_test(tc, byte_without_token);
    tcase_add_loop_test(tc, split_words, 0, COUNT(splits));
    tcase_add_test(tc, spm_words);
    tcase_add_loop_test(tc, spm_against_naive, 0, 4);
    tcase_add_test(tc, special_tokens);
    tcase_add_loop_test(tc, pieces, 0, COUNT(pres) + 1);
    tcase_add_test(tc, pieces_fail);
    tcase_add_test(tc, bos_defaults);
    tcase_add_loop_test(tc, refused, 0, COUNT(bad));
    tcase_add_test(tc, odd_tokens);
    tcase_add_test(tc, vocab_hash);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
