/* SPDX-License-Identifier: MIT
 *
 * Vocabularies as they come: keys that llama.cpp reads, odd ones that it takes, and where a
 * text ends.  A case is a row: what is added to a small vocabulary, a text, its ids, and
 * what is said.  The ids are those that llama.cpp gives.
 */
#include "scratch.h"
#include "toy_vocab.h"

#include <ctype.h>

/* The next part of a list between `sep`s; 0 at its end. */
static int next_part(const char **list, char sep, char *part, size_t room)
{
    const char *p = *list;
    if (!p || !*p)
        return 0;
    size_t n = strcspn(p, (char[]){ sep, 0 });
    ck_assert_uint_lt(n, room);
    memcpy(part, p, n);
    part[n] = 0;
    *list = p + n + (p[n] == sep);
    return 1;
}

/* "TEXT:TYPE TEXT …": type 1 if there is none. */
static void add_tokens(struct toy *t, const char *tokens)
{
    char part[64];
    while (next_part(&tokens, ' ', part, sizeof part)) {
        char *colon = strrchr(part, ':');
        int typed = colon && isdigit((unsigned char)colon[1]);
        if (typed)
            *colon = 0;
        toy_token(t, part, typed ? atoi(colon + 1) : TOY_NORMAL);
    }
}

/* "LEFT RIGHT|LEFT RIGHT|…", without tokens for what they make. */
static void add_merges(struct toy *t, const char *merges)
{
    char line[64];
    while (next_part(&merges, '|', line, sizeof line))
        toy_bare_merge(t, line, 1);
}

/* "NAME=VALUE …": a number, a number in [ ], true, false or a word. */
static void add_keys(struct toy *t, const char *keys)
{
    static char part[TOY_KEYS][96];
    for (int n = t->n_key; next_part(&keys, ' ', part[n], sizeof part[n]); n++) {
        char *value = strchr(part[n], '=');
        ck_assert_ptr_nonnull(value);
        *value++ = 0;
        if (!strcmp(value, "true") || !strcmp(value, "false"))
            toy_bool(t, part[n], *value == 't');
        else if (*value == '[')
            toy_list(t, part[n], atof(value + 1));
        else if (isdigit((unsigned char)*value) || *value == '-')
            toy_int(t, part[n], atof(value));
        else
            toy_word(t, part[n], value);
    }
}

struct row {
    const char *title;
    int spm, flags;
    const char *tokens, *merges, *keys;
    const char *text, *ids; /* ids NULL: refused */
    const char *says;       /* part of a warning or of the error; NULL: nothing is said */
    const char *ends;       /* ids that end a text */
};

static struct tr_tokenizer *open_row(const struct row *r, struct tr_err *err)
{
    uint64_t hash;
    struct toy *toy = toy_new(r->spm ? "spm" : "bytes");
    add_tokens(toy, r->tokens);
    add_merges(toy, r->merges);
    add_keys(toy, r->keys);
    struct tr_tokenizer *t = toy_try(toy, path, &hash, err);
    toy_free(toy);
    return t;
}

static void join(char *to, size_t room, const uint32_t *id, size_t n)
{
    size_t used = 0;
    *to = 0;
    for (size_t i = 0; i < n && used < room; i++)
        used += (size_t)snprintf(to + used, room - used, "%s%u", i ? " " : "", id[i]);
}

static void expect_warning(const struct row *r, const struct tr_tokenizer *t)
{
    const char *w = tr_tokenizer_warning(t, 0);
    if (!r->says)
        ck_assert_msg(!w, "%s: %s", r->title, w);
    else
        ck_assert_msg(w && strstr(w, r->says), "%s: '%s' is not in '%s'", r->title, r->says,
                      w ? w : "");
}

static void expect_ends(const struct row *r, const struct tr_tokenizer *t)
{
    uint32_t id[TOY_TOKENS];
    char have[256];
    size_t n = 0;
    for (uint32_t i = 0; i < tr_tokenizer_n_vocab(t); i++)
        if (tr_tokenizer_is_eog(t, i))
            id[n++] = i;
    join(have, sizeof have, id, n);
    ck_assert_msg(!strcmp(have, r->ends ? r->ends : r->spm ? "2" : ""),
                  "%s: ends are %s", r->title, have);
    ck_assert(!tr_tokenizer_is_eog(t, UINT32_MAX));
}

/* Frees t, which is NULL if it was refused. */
static void check_ids(const struct row *r, struct tr_tokenizer *t, struct tr_err *err)
{
    struct tr_tokens out = { 0 };
    char have[512];
    int rc = t ? tr_tokenizer_encode(t, r->text, strlen(r->text), r->flags |
                                     tr_tokenizer_around(t), &out, err) : err->code;
    if (r->ids) {
        ck_assert_msg(rc == 0, "%s: %s", r->title, err->text);
        join(have, sizeof have, out.id, out.n);
        ck_assert_msg(!strcmp(have, r->ids), "%s: %s", r->title, have);
        expect_warning(r, t);
        expect_ends(r, t);
    } else {
        ck_assert_msg(rc < 0, "%s: not refused", r->title);
        ck_assert_msg(strstr(err->text, r->says) != NULL, "%s: %s", r->title, err->text);
        ck_assert_uint_eq(out.n, 0);
    }
    tr_tokens_release(&out);
    tr_tokenizer_free(t);
}

static void check_row(const struct row *r)
{
    struct tr_err err = { 0 };
    struct tr_tokenizer *t = open_row(r, &err);
    check_ids(r, t, &err);
}

enum { SPM = 1, SPECIAL = TR_ENCODE_SPECIAL };

/* ==== keys ==== */

static const struct row keys[] = {
    /* title, kind, flags, tokens, merges, keys, text, ids, says, ends */
    { "nothing", 0, 0, "", "", "", "ab", "97 98", NULL, "" },
    { "EOS is put behind", 0, 0, "<e>:3", "", "eos_token_id=256 add_eos_token=true", "ab",
      "97 98 256", NULL, "256" },
    { "EOS is not asked for", 0, 0, "<e>:3", "", "eos_token_id=256 add_eos_token=false",
      "ab", "97 98", NULL, "256" },
    { "both", 0, 0, "<e>:3 <b>:3", "",
      "bos_token_id=257 eos_token_id=256 add_eos_token=true add_bos_token=true", "ab",
      "257 97 98 256", NULL, "256" },
    { "EOS of SentencePiece", SPM, 0, "", "", "add_eos_token=true", "a", "1 35 100 2", NULL,
      "2" },
    { "an EOS that is not there", 0, 0, "", "", "add_eos_token=true", "ab", NULL,
      "no EOS", NULL },
    { "a BOS that is not there", 0, 0, "", "", "add_bos_token=true", "ab", NULL, "no BOS",
      NULL },
    { "an EOS that is no token, not asked for", 0, 0, "", "", "eos_token_id=32000", "ab",
      "97 98",
      "'tokenizer.ggml.eos_token_id' is 32000, the vocabulary has 256 tokens", "" },
    { "an EOS that is no token, asked for", 0, 0, "", "",
      "eos_token_id=32000 add_eos_token=true", "ab", NULL, "no EOS", NULL },
    { "a BOS that is no token", 0, 0, "", "", "bos_token_id=256", "ab", "97 98",
      "'tokenizer.ggml.bos_token_id' is 256", "" },
    { "a BOS that is no token, asked for", 0, 0, "", "",
      "bos_token_id=256 add_bos_token=true", "ab", NULL, "no BOS", NULL },
    { "SentencePiece keeps its default", SPM, 0, "", "", "bos_token_id=9999", "a",
      "1 35 100", "'tokenizer.ggml.bos_token_id' is 9999", "2" },
    { "a BOS that is unset", SPM, 0, "", "", "bos_token_id=-1", "a", "35 100", NULL, "2" },
    { "no BOS, though there is one", SPM, 0, "", "", "add_bos_token=false", "a", "35 100",
      NULL, "2" },
    { "padding out of range", 0, 0, "", "", "padding_token_id=4294967295", "ab", "97 98",
      "'tokenizer.ggml.padding_token_id' is 4294967295", "" },
    { "padding below", 0, 0, "", "", "padding_token_id=-2", "ab", "97 98",
      "'tokenizer.ggml.padding_token_id' is -2", "" },
    { "padding that is a word", 0, 0, "", "", "padding_token_id=none", "ab", "97 98",
      "'tokenizer.ggml.padding_token_id' is no integer", "" },
    { "unknown out of range", 0, 0, "", "", "unknown_token_id=256", "ab", "97 98",
      "'tokenizer.ggml.unknown_token_id' is 256", "" },
    { "separator out of range", 0, 0, "", "", "seperator_token_id=256", "ab", "97 98",
      "'tokenizer.ggml.seperator_token_id' is 256", "" },
    { "mask out of range", 0, 0, "", "", "mask_token_id=256", "ab", "97 98",
      "'tokenizer.ggml.mask_token_id' is 256", "" },
    { "cls out of range", 0, 0, "", "", "cls_token_id=256", "ab", "97 98",
      "'tokenizer.ggml.cls_token_id' is 256", "" },
    { "EOT out of range", 0, 0, "", "", "eot_token_id=256", "ab", "97 98",
      "'tokenizer.ggml.eot_token_id' is 256", "" },
    { "a prefix out of range", 0, 0, "", "", "prefix_token_id=256", "ab", "97 98",
      "'tokenizer.ggml.prefix_token_id' is 256", "" },
    { "keys of other kinds have no effect", 0, 0, "", "",
      "add_sep_token=true remove_extra_whitespaces=true token_type_count=2 "
      "normalizer.lowercase=true normalizer.strip_accents=true precompiled_charsmap=[5] "
      "add_space_prefix=true", " A  b", "32 65 32 32 98", NULL, "" },
    { "nor with SentencePiece", SPM, 0, "", "",
      "add_sep_token=true remove_extra_whitespaces=true token_type_count=2 "
      "normalizer.lowercase=true", " A  b", "1 35 35 68 35 35 101", NULL, "2" },
    { "SentencePiece without the space", SPM, 0, "", "", "add_space_prefix=false", "a",
      "1 100", NULL, "2" },
    { "tokens to suppress", 0, 0, "", "", "suppress_tokens=[5]", "ab", "97 98",
      "'tokenizer.ggml.suppress_tokens' has no effect", "" },
    { "a flag that is no flag", 0, 0, "", "", "add_eos_token=1", "ab", NULL,
      "tokenizer.ggml.add_eos_token", NULL },
};

START_TEST(keys_of_the_file)
{
    check_row(&keys[_i]);
}
END_TEST

/* ==== where a text ends ==== */

static const struct row ends[] = {
    { "EOT and EOM by key", 0, 0, "<a>:3 <b>:3 <c>:3", "",
      "eos_token_id=256 eot_token_id=257 eom_token_id=258", "a", "97", NULL,
      "256 257 258" },
    { "EOT is a word", 0, 0, "and", "", "eot_token_id=256", "a", "97", NULL, "256" },
    { "well-known names", 0, 0, "<|eot_id|>:3 <|im_end|>:3 <|end|>:3 <end_of_turn>:3 "
      "<|endoftext|>:3 </s>:3 <|eom_id|>:3 <|end_of_text|>:3 <eos>:3 <x>:3", "", "", "a",
      "97", NULL, "256 257 258 259 260 261 262 263 264" },
    { "of any type", 0, 0, "</s> <|im_end|>:4 <EOT>:5", "", "", "a", "97",
      NULL, "256 257 258" },
    { "beside EOS", 0, 0, "<|end_of_text|>:3 <|eot_id|>:3", "", "eos_token_id=256", "a",
      "97", NULL, "256 257" },
    { "fill in the middle", 0, 0, "<|fim_pad|>:3 <|repo_name|>:3 <|file_sep|>:3 "
      "<|fim_prefix|>:3", "", "", "a", "97", NULL, "256 257 258" },
    { "a key beside a name", 0, 0, "<|fim_pad|>:3 <p>:3", "", "fim_pad_token_id=257", "a",
      "97", NULL, "257" },
    { "harmony", 0, 0, "<|end|>:3 <|return|>:3 <|call|>:3", "", "", "a", "97", NULL,
      "257 258" },
    { "solar", 0, 0, "<|end|>:3 <|flush|>:3 <|calls|>:3", "", "", "a", "97", NULL,
      "257 258" },
    { "only one of them", 0, 0, "<|end|>:3 <|call|>:3", "", "", "a", "97", NULL,
      "256 257" },
    { "</s> as text", 0, 0, "</s>:3 <|tool_response>:3", "", "", "a", "97", NULL, "257" },
    { "SentencePiece", SPM, 0, "<end_of_turn>:3", "", "", "a", "1 35 100", NULL, "2 259" },
};

START_TEST(end_of_text)
{
    check_row(&ends[_i]);
}
END_TEST

/* ==== control tokens with another type ==== */

static const struct row types[] = {
    { "user-defined, by its name control", 0, 0, "<|im_end|>:4", "", "", "<|im_end|>",
      "60 124 105 109 95 101 110 100 124 62", NULL, "256" },
    { "and found with --special", 0, SPECIAL, "<|im_end|>:4", "", "", "a<|im_end|>",
      "97 256", NULL, "256" },
    { "a name that is not known", 0, 0, "<|im_and|>:4", "", "", "a<|im_and|>", "97 256",
      NULL, "" },
    { "normal, by its name control", 0, SPECIAL, "<|im_end|>", "", "", "a<|im_end|>",
      "97 256", NULL, "256" },
    { "a role that a key names leaves other names alone", 0, 0,
      "<|fim_prefix|>:4 <p>:3", "", "fim_pre_token_id=257", "<|fim_prefix|>", "256", NULL,
      "" },
    { "without the key", 0, 0, "<|fim_prefix|>:4", "", "", "<|", "60 124", NULL,
      "" },
    { "part of a message", 0, 0, "<|message|>:3", "", "", "a<|message|>", "97 256",
      NULL, "" },
    { "</s> merges as text", SPM, 0, "</ s> <|tool_response>:3", "", "eos_token_id=0",
      "a</s>", "1 35 100 2", NULL, "0 261" },
};

START_TEST(types_by_name)
{
    check_row(&types[_i]);
}
END_TEST

/* ==== merges ==== */

static const struct row merges[] = {
    { "all is well", 0, 0, "ab", "a b", "", "abc", "256 99", NULL, "" },
    { "a whole without a token", 0, 0, "bc", "a b|b c", "", "abc", "97 98 99",
      "1 of 2 merges are odd and taken as llama.cpp takes them: 1 without", "" },
    { "through no token to one", 0, 0, "abc", "a b|ab c", "", "abcab", "256 97 98",
      "2 of 2 merges are odd", "" },
    { "parts that never are", 0, 0, "", "zq qz", "", "zqqz", "122 113 113 122",
      "1 without", "" },
    { "parts that are, in another order", 0, 0, "zqqz", "zq qz|z q|q z", "", "zqqz", "256",
      "3 without", "" },
    { "a space is not lost", 0, 0, "", "\xc4\xa0 a", "", "a a", "97 32 97", "1 without",
      "" },
    { "a second time", 0, 0, "ab bc", "a b|b c|a b", "", "abc", "256 99",
      "1 a second time", "" },
    { "eight times, and no more tokens", 0, 0, "ab", "a b|a b|a b|a b|a b|a b|a b|a b", "",
      "ab", "256", "7 of 8 merges are odd", "" },
    { "no space", 0, 0, "ab", "ab", "", "ab", "97 98", "1 not two parts", "" },
    { "nothing", 0, 0, "ab", "|a b", "", "ab", "256", "1 not two parts", "" },
    { "nothing left", 0, 0, "ab", " a|a b", "", "ab", "256", "1 not two parts", "" },
    { "nothing right", 0, 0, "ab", "a |a b", "", "ab", "256", "1 not two parts", "" },
    { "three parts", 0, 0, "ab abc", "a b c|a b", "", "abc", "256 99", "1 not two parts",
      "" },
    { "outside of the alphabet", 0, 0, "\xe2\x96\x81", "\xe2\x96\x81 a", "",
      "\xe2\x96\x81" "a", "226 150 129 97", "1 not two parts", "" },
    { "a token that no text is spelt like", 0, 0, "\xe2\x80\x8d", "", "", "\xe2\x80\x8d",
      "226 128 141", NULL, "" },
    { "into a control token", 0, 0, "ab:3", "a b", "", "abc", "256 99", "1 without", "" },
    { "none", 0, 0, "", "", "", "ab", "97 98", NULL, "" },
};

START_TEST(odd_merges)
{
    check_row(&merges[_i]);
}
END_TEST

/* ==== pre-tokenizers ==== */

/* The name in the file (NULL: no key), the one that is asked for, ids of "a  !" or NULL,
 * words of the warning or the error, or NULL. */
static const struct { const char *pre, *ask, *ids, *says; } pres[] = {
    { "gpt-2", NULL, "97 32 32 33", NULL },
    { NULL, NULL, "97 256 33", "no 'tokenizer.ggml.pre': words are cut as llama.cpp's" },
    { NULL, NULL, "97 256 33", "--pre NAME" },
    { "default", NULL, "97 256 33", "'default' in 'tokenizer.ggml.pre'" },
    { NULL, "gpt-2", "97 32 32 33", NULL },
    { "default", "gpt-2", "97 32 32 33", NULL },
    { "gpt-9", "gpt-2", "97 32 32 33", NULL },
    { "gpt-2", "default", "97 256 33", NULL },
    { "gpt-2", "mpt", "97 32 32 33", NULL },
    { "gpt-9", NULL, NULL, "unknown pre-tokenizer 'gpt-9': --pre NAME" },
    { "gpt-2", "gpt-3", NULL, "unknown pre-tokenizer 'gpt-3': --pre NAME" },
    { "glm4", NULL, "97 32 32 33", NULL },
    { NULL, "", NULL, "unknown pre-tokenizer ''" },
};

/* The hash is that of the file whatever is asked for, so what is made fits the model. */
START_TEST(pre_tokenizers)
{
    struct row r = { "a pre-tokenizer", 0, 0, NULL, NULL, NULL, "a  !", pres[_i].ids,
                     pres[_i].says, "" };
    struct tr_err err = { 0 };
    uint64_t plain, hash;
    struct toy *toy = toy_new("bytes");
    toy_merge(toy, "\xc4\xa0 \xc4\xa0");
    toy->pre = pres[_i].pre;
    tr_tokenizer_free(toy_try(toy, path, &plain, &err));
    err = (struct tr_err){ 0 };
    toy->ask = pres[_i].ask;
    struct tr_tokenizer *t = toy_try(toy, path, &hash, &err);
    toy_free(toy);
    ck_assert_uint_eq(plain, hash);
    check_ids(&r, t, &err);
}
END_TEST

START_TEST(pre_of_sentencepiece)
{
    struct tr_err err = { 0 };
    uint64_t hash;
    struct toy *toy = toy_new("spm");
    toy->ask = "gpt-2";
    ck_assert_ptr_null(toy_try(toy, path, &hash, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "no pre-tokenizer"));
    toy_free(toy);
}
END_TEST

/* ==== tokens that a text spells ==== */

/* Control tokens are counted, user-defined ones are tokens anyway. */
START_TEST(spelt_in_a_text)
{
    static const char text[] = "<user><|im_start|>a<|im_start|x<|im_start|></s></s";
    struct row r = { "spelt", 0, 0, "<|im_start|>:3 <user>:4 </s>:3 <s>:3", "", "", "", "",
                     NULL, NULL };
    struct tr_err err = { 0 };
    uint64_t count[260] = { 0 };
    struct tr_tokenizer *t = open_row(&r, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    tr_tokenizer_spelt(t, text, sizeof text - 1, count);
    tr_tokenizer_spelt(t, "</s>", 4, count);
    for (int i = 0; i < 260; i++)
        ck_assert_int_eq((int)count[i], i == 256 || i == 258 ? 2 : 0);
    tr_tokenizer_free(t);
}
END_TEST

/* ==== scores ==== */

/* "ab" scores better than "bc", as a float and as an integer: the bits are in order too. */
START_TEST(whole_scores)
{
    static const int type[] = { TR_GGUF_F32, TR_GGUF_I32 };
    struct row r = { "scores", SPM, 0, "", "", "", "abc", "1 35 259 102", NULL, NULL };
    struct tr_err err = { 0 };
    uint64_t hash;
    struct toy *toy = toy_new("spm");
    toy_add(toy, "ab", 2, TOY_NORMAL, 2);
    toy_add(toy, "bc", 2, TOY_NORMAL, 1);
    toy_score_type(toy, "", type[_i]);
    struct tr_tokenizer *t = toy_try(toy, path, &hash, &err);
    toy_free(toy);
    check_ids(&r, t, &err);
}
END_TEST

#define COUNT(x) ((int)(sizeof(x) / sizeof *(x)))

int main(void)
{
    Suite *s = suite_create("vocab");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, keys_of_the_file, 0, COUNT(keys));
    tcase_add_loop_test(tc, end_of_text, 0, COUNT(ends));
    tcase_add_loop_test(tc, types_by_name, 0, COUNT(types));
    tcase_add_loop_test(tc, odd_merges, 0, COUNT(merges));
    tcase_add_loop_test(tc, pre_tokenizers, 0, COUNT(pres));
    tcase_add_test(tc, pre_of_sentencepiece);
    tcase_add_test(tc, spelt_in_a_text);
    tcase_add_loop_test(tc, whole_scores, 0, 2);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
