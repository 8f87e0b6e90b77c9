/* SPDX-License-Identifier: MIT
 *
 * Vocabularies of folders: which keys a GGUF gets of which files, and what is refused with
 * which words.  The keys are compared as text, in their order.
 */
#include "scratch.h"

#include <libtrain/hf/vocab.h>
#include <libtrain/hf/vocab_sentencepiece.h>

#include <check.h>
#include <stdarg.h>
#include <string.h>

/* ---- keys as text ----------------------------------------------------------------- */

static char shown[1 << 16];
static size_t n_shown;

__attribute__((format(printf, 1, 2))) static void show(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    n_shown += (size_t)vsnprintf(shown + n_shown, sizeof shown - n_shown, fmt, ap);
    va_end(ap);
    ck_assert_uint_lt(n_shown, sizeof shown);
}

static void show_value(const struct tr_gguf_kv *kv, uint64_t i, uint64_t *cursor)
{
    if (kv->elem == TR_GGUF_STRING) {
        struct tr_str s = tr_gguf_elem_string(kv, cursor);
        for (size_t k = 0; k < s.len; k++)
            show(s.ptr[k] ? "%c" : "\\0", s.ptr[k]);
    } else if (kv->elem == TR_GGUF_F32) {
        show("%g", tr_gguf_elem_float(kv, i));
    } else {
        show("%lld", (long long)tr_gguf_elem_int(kv, i));
    }
}

/* "KEY=VALUE" a line, without what all keys begin with; entries of an array by "|". */
static const char *show_keys(const char *file)
{
    struct tr_err err = { 0 };
    struct tr_gguf *g = tr_gguf_open(file, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    n_shown = 0;
    for (size_t k = 0; k < tr_gguf_n_kv(g); k++) {
        const struct tr_gguf_kv *kv = tr_gguf_kv(g, k);
        uint64_t cursor = 0;
        const char *key = kv->key + strlen("tokenizer.");
        show("%s=", strncmp(key, "ggml.", 5) ? key : key + 5);
        for (uint64_t i = 0; i < kv->count; i++) {
            show("%s", i ? "|" : "");
            show_value(kv, i, &cursor);
        }
        show("\n");
    }
    tr_gguf_close(g);
    return shown;
}

/* ---- folders ---------------------------------------------------------------------- */

struct file {
    const char *name, *text;
};
enum { MOST_FILES = 6 };

struct folder {
    const char *name;
    struct file file[MOST_FILES];
    struct tr__hf_vocab_options options;
    const char *keys; /* that come of it */
    const char *text; /* of the message, if it is refused */
    int one_way;      /* the keys do not say all that the files do, or are no tokenizer */
};

/* Of lines a tokenizer.model, with a score of -2 for all. */
static void write_pieces(const char *to, const char *lines)
{
    FILE *f = fopen(to, "wb");
    struct tr__hf_sentencepiece s = { .model_type = TR__HF_SPM_BPE };
    ck_assert_ptr_nonnull(f);
    for (const char *end; (end = strchr(lines, '\n')); lines = end + 1)
        tr__hf_sentencepiece_piece(f, (struct tr_str){ lines + 1, (size_t)(end - lines - 1) },
                                   -2, *lines - '0');
    tr__hf_sentencepiece_end(f, &s);
    ck_assert_int_eq(fclose(f), 0);
}

static int set_folder(const struct folder *f, int64_t *n, struct tr_err *err)
{
    for (int i = 0; i < MOST_FILES && f->file[i].name; i++)
        if (strcmp(f->file[i].name, "tokenizer.model"))
            write_bytes(in_dir(f->file[i].name), f->file[i].text, strlen(f->file[i].text));
        else
            write_pieces(in_dir(f->file[i].name), f->file[i].text);
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    ck_assert_msg(w != NULL, "%s", err->text);
    return tr_gguf_finish(w, tr__hf_vocab_set(w, dir, &f->options, n, err), err);
}

/* The files that were written are gone, those that are written next are removed in the end. */
static void remove_files(void)
{
    while (n_scratch > 0)
        unlink(scratch[--n_scratch]);
}

/* The one file that no vocabulary makes. */
static void write_size(const struct folder *f)
{
    for (int i = 0; i < MOST_FILES && f->file[i].name; i++)
        if (!strcmp(f->file[i].name, "config.json"))
            write_bytes(in_dir("config.json"), f->file[i].text, strlen(f->file[i].text));
}

#define MODEL(vocab, merges) \
    "\"model\":{\"type\":\"BPE\",\"vocab\":" vocab ",\"merges\":" merges "}"
#define ABC MODEL("{\"a\":0,\"b\":1,\"ab\":2}", "[[\"a\",\"b\"]]")
#define TOKENIZER(rest) { "tokenizer.json", "{" rest "}" }
#define BARE(tokens, types) \
    "model=gpt2\npre=gpt-2\ntokens=" tokens "\ntoken_type=" types "\n"
#define PIECES(lines) { "tokenizer.model", lines } /* type and text of each */
#define PRE .options = { .pre = "gpt-2" }

static const struct folder good[] = {
    { "plain", { TOKENIZER(ABC) }, PRE, BARE("a|b|ab", "1|1|1") "merges=a b\n" },
    { "merges are strings",
      { TOKENIZER("\"version\":\"1.0\"," MODEL("{\"a\":0,\"b\":1,\"ab\":2}", "[\"a b\"]")) },
      PRE, BARE("a|b|ab", "1|1|1") "merges=a b\n" },
    { "padding, ids apart, escapes",
      { TOKENIZER(MODEL("{\"\\u0041\\n\":4,\"\\ud83d\\ude80\":1}", "[]")),
        { "config.json", "{\"vocab_size\":6}" } },
      PRE, BARE("[PAD0]|\xf0\x9f\x9a\x80|[PAD2]|[PAD3]|A\n|[PAD5]", "5|1|5|5|1|5"), .one_way = 1 },
    { "NUL in a token", { TOKENIZER(MODEL("{\"a\\u0000\":0}", "null")) },
      PRE, BARE("a\\0", "1"), .one_way = 1 },
    { "a space in a merge",
      { TOKENIZER(MODEL("{\" \":0,\"a\":1,\" a\":2}", "[[\" \",\"a\"]]")) },
      PRE, BARE(" |a| a", "1|1|1") "merges=\xc4\xa0 a\n",
      .one_way = 1 },
    { "added tokens",
      { TOKENIZER("\"added_tokens\":[{\"id\":2,\"content\":\"ab\",\"special\":true},"
                  "{\"id\":3,\"content\":\"<|x|>\"},"
                  "{\"id\":4,\"content\":\"\xe2\x96\x81\xe2\x96\x81\"}]," ABC) },
      PRE, BARE("a|b|ab|<|x|>|  ", "1|1|3|3|4") "merges=a b\n",
      .one_way = 1 },
    { "added elsewhere",
      { TOKENIZER(ABC),
        { "tokenizer_config.json",
          "{\"added_tokens_decoder\":{\"3\":{\"content\":\"<s>\",\"special\":true}},"
          "\"eos_token\":\"b\"}" },
        { "special_tokens_map.json", "{\"unk_token\":{\"content\":\"<u>\"}}" },
        { "added_tokens.json", "{\"<u>\":4,\"user\":5}" } },
      PRE, BARE("a|b|ab|<s>|<u>|user", "1|3|1|3|3|4") "merges=a b\n",
      .one_way = 1 },
    { "vocab.json", { { "vocab.json", "{\"a\":0,\"b\":1,\"ab\":2}\n" },
                      { "merges.txt", "#version: 0.2\na b\r\n\n" } },
      PRE, BARE("a|b|ab", "1|1|1") "merges=a b\n" },
    { "ids of config.json",
      { TOKENIZER(ABC), { "config.json", "{\"vocab_size\":3,\"eos_token_id\":[1,2],"
                                         "\"pad_token_id\":-1,\"bos_token_id\":2,"
                                         "\"unk_token_id\":3,\"sep_token_id\":0}" } },
      PRE, BARE("a|b|ab", "1|1|1") "merges=a b\nbos_token_id=2\nseperator_token_id=0\n",
      .one_way = 1 },
    { "settings come first",
      { TOKENIZER("\"added_tokens\":[{\"id\":2,\"content\":\"ab\",\"special\":true}]," ABC),
        { "config.json", "{\"text_config\":{\"eos_token_id\":1,\"bos_token_id\":0}}" },
        { "tokenizer_config.json",
          "{\"eos_token\":{\"content\":\"ab\"},\"bos_token\":\"ab\",\"add_eos_token\":true,"
          "\"add_bos_token\":false,\"chat_template\":\"x\"}" } },
      PRE, BARE("a|b|ab", "1|1|3") "merges=a b\nbos_token_id=2\neos_token_id=2\n"
      "add_bos_token=0\nadd_eos_token=1\nchat_template=x\n" },
    { "a template with BOS, another end of a text",
      { TOKENIZER("\"added_tokens\":[{\"id\":2,\"content\":\"ab\",\"special\":true},"
                  "{\"id\":1,\"content\":\"b\",\"special\":true}],"
                  "\"post_processor\":{\"type\":\"Sequence\",\"processors\":["
                  "{\"type\":\"ByteLevel\"},{\"type\":\"TemplateProcessing\",\"single\":["
                  "{\"SpecialToken\":{\"id\":\"ab\"}},{\"Sequence\":{\"id\":\"A\"}},"
                  "{\"SpecialToken\":{\"id\":\"ab\"}}]}]}," ABC),
        { "tokenizer_config.json", "{\"eos_token\":\"b\",\"bos_token\":\"ab\"}" } },
      PRE, BARE("a|b|ab", "1|3|3") "merges=a b\nbos_token_id=2\neos_token_id=2\n"
      "eot_token_id=1\nadd_bos_token=1\nadd_eos_token=1\n",
      .one_way = 1 },
    { "several templates",
      { TOKENIZER(ABC),
        { "tokenizer_config.json", "{\"chat_template\":[{\"name\":\"default\","
          "\"template\":\"d\"},{\"name\":\"tool-use\",\"template\":\"t\"}]}" } },
      PRE, BARE("a|b|ab", "1|1|1") "merges=a b\nchat_template.tool_use=t\n"
      "chat_templates=tool_use\nchat_template=d\n" },
    { "a template in a file",
      { TOKENIZER(ABC), { "chat_template.jinja", "x\r\ny" } },
      PRE, BARE("a|b|ab", "1|1|1") "merges=a b\nchat_template=x\ny\n" },
    { "a template in JSON",
      { TOKENIZER(ABC), { "chat_template.json", "{\"chat_template\":\"x\"}" } },
      PRE, BARE("a|b|ab", "1|1|1") "merges=a b\nchat_template=x\n" },
    { "found by its pattern",
      { TOKENIZER("\"pre_tokenizer\":{\"type\":\"ByteLevel\"}," ABC) },
      .keys = BARE("a|b|ab", "1|1|1") "merges=a b\n" },
    { "found by its passes",
      { TOKENIZER("\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
                  "{\"type\":\"Digits\",\"individual_digits\":true},"
                  "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}," ABC) },
      .keys = "model=gpt2\npre=smollm\ntokens=a|b|ab\ntoken_type=1|1|1\nmerges=a b\n" },
    { "found by an expression in another form, and by whole words",
      { TOKENIZER("\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
                  "{\"type\":\"Split\",\"behavior\":\"Removed\",\"invert\":true,\"pattern\":"
                  "{\"Regex\":\"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|"
                  "[^\\r\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?"
                  "[^\\\\s\\\\p{L}\\\\p{N}]+[\\r\\n]*|\\\\s*[\\r\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}},"
                  "{\"type\":\"ByteLevel\",\"use_regex\":false}]},"
                  "\"model\":{\"type\":\"BPE\",\"ignore_merges\":true,"
                  "\"vocab\":{\"a\":0},\"merges\":[]}") },
      .keys = "model=gpt2\npre=glm4\ntokens=a\ntoken_type=1\n",
      .one_way = 1 },
    { "found by the class", { { "vocab.json", "{\"a\":0}" }, { "merges.txt", "" },
        { "tokenizer_config.json", "{\"tokenizer_class\":\"Qwen2Tokenizer\"}" } },
      .keys = "model=gpt2\npre=qwen2\ntokens=a\ntoken_type=1\n",
      .one_way = 1 },
    { "pieces of SentencePiece",
      { PIECES("2<unk>\n3<s>\n1a\n6<0x0A>\n4u\n"),
        { "tokenizer_config.json", "{\"add_prefix_space\":true,\"added_tokens_decoder\":"
          "{\"1\":{\"content\":\"<s>\",\"special\":true},"
          "\"6\":{\"content\":\"x\xe2\x96\x81y\"}}}" },
        { "added_tokens.json", "{\"v\":5}" },
        { "config.json", "{\"vocab_size\":8,\"bos_token_id\":1}" } },
      .keys = "add_space_prefix=1\nmodel=llama\npre=default\n"
              "tokens=<unk>|<s>|a|<0x0A>|u|v|x y|[PAD7]\n"
              "scores=-2|-1000|-2|-2|-2|-1000|-1000|-10000\n"
              "token_type=2|3|1|6|1|4|4|5\nbos_token_id=1\n", .one_way = 1 },
    { "pieces of Gemma", { PIECES("2<unk>\n1a\n") },
      .options = { .arch = "gemma3" },
      .keys = "model=llama\npre=default\ntokens=<unk>|a\nscores=-2|-2\ntoken_type=2|1\n"
              "add_space_prefix=0\n", .one_way = 1 },
    { "pieces in a tokenizer.json",
      { TOKENIZER("\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"special\":true},"
                  "{\"id\":1,\"content\":\"<s>\",\"special\":true}],"
                  "\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"unk_token\":\"<unk>\","
                  "\"vocab\":{\"<unk>\":0,\"<s>\":1,\"<0x41>\":2,\"a\":3,\"b\":4,\"ab\":5,"
                  "\"bab\":6},\"merges\":[[\"a\",\"b\"],[\"b\",\"ab\"]]}") },
      .keys = "add_space_prefix=0\nmodel=llama\npre=default\n"
              "tokens=<unk>|<s>|<0x41>|a|b|ab|bab\n"
              "scores=-1000|-1000|-1e+06|-1e+06|-1e+06|-0|-1\ntoken_type=2|3|6|1|1|1|1\n",
      .one_way = 1 },
    { "pieces of Gemma 4",
      { TOKENIZER("\"added_tokens\":[{\"id\":0,\"content\":\"<bos>\",\"special\":true},"
                  "{\"id\":1,\"content\":\"<|channel>\",\"special\":true}],"
                  "\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,"
                  "\"vocab\":{\"<bos>\":0,\"<|channel>\":1,\"<0x41>\":2,\"a\":3,\"aa\":4},"
                  "\"merges\":[[\"a\",\"a\"]]}"),
        { "tokenizer_config.json", "{\"bos_token\":\"<bos>\"}" } },
      .options = { .arch = "gemma4" },
      .keys = "model=gemma4\ntokens=<bos>|<|channel>|<0x41>|a|aa\n"
              "scores=-1000|-1000|-1000|-1000|-1000\ntoken_type=3|4|6|1|1\nmerges=a a\n"
              "bos_token_id=0\nadd_space_prefix=0\nadd_bos_token=1\n", .one_way = 1 },
};

START_TEST(test_good)
{
    const struct folder *f = &good[_i];
    struct tr_err err = { 0 };
    int64_t n = 0;
    ck_assert_msg(!set_folder(f, &n, &err), "%s: %s", f->name, err.text);
    ck_assert_msg(!strcmp(show_keys(path), f->keys), "%s:\n%s", f->name, shown);
    ck_assert_int_gt(n, 0);
}
END_TEST

static const struct folder bad[] = {
    { "nothing", { { NULL, NULL } }, .text = "no tokenizer.json, and no vocab.json" },
    { "no model", { TOKENIZER("") }, .text = "no 'vocab' in 'model'" },
    { "not an object", { { "tokenizer.json", "[]" } }, .text = "'{' is missing" },
    { "cut", { { "tokenizer.json", "{\"model\":{\"vocab\":{\"a\":0" } },
      .text = "a value without an end" },
    { "twice", { TOKENIZER("\"model\":{\"vocab\":{},\"vocab\":{}}") },
      .text = "this key a second time" },
    { "behind the end", { { "tokenizer.json", "{" ABC "} x" } }, .text = "more than one" },
    { "id below 0", { TOKENIZER(MODEL("{\"a\":-1}", "[]")) }, .text = "has the id -1" },
    { "huge id", { TOKENIZER(MODEL("{\"a\":2147483648}", "[]")) },
      .text = "has the id 2147483648; ids are 0 to 4194303" },
    { "a number of 20 digits", { TOKENIZER(MODEL("{\"a\":10000000000000000000}", "[]")) },
      .text = "a number that is too large" },
    { "no integer", { TOKENIZER(MODEL("{\"a\":1.5}", "[]")) }, .text = "not an integer" },
    { "two of one id", { TOKENIZER(MODEL("{\"a\":1,\n\"b\":1}", "[]")) },
      .text = "tokenizer.json' line 2 byte 44: two tokens have the id 1, one is 'b'" },
    { "unknown merge", { TOKENIZER(MODEL("{\"a\":1}", "[[\"a\",\"c\"]]")) },
      .text = "merge 0 is of 'c', which is no token" },
    { "no merge", { TOKENIZER(MODEL("{\"a\":1}", "[\"a\"]")) }, .text = "without a space" },
    { "half a pair", { TOKENIZER(MODEL("{\"\\ud83d\":1}", "[]")) }, .text = "an escape that" },
    { "no UTF-8", { TOKENIZER(MODEL("{\"\xff\":1}", "[]")) }, .text = "are not UTF-8" },
    { "brackets", { TOKENIZER("\"x\":]") }, .text = "a bracket too many" },
    { "added: other id",
      { TOKENIZER("\"added_tokens\":[{\"id\":1,\"content\":\"ab\"}]," ABC) },
      .text = "tokenizer.json': the added token 'ab' has the id 1, in the vocabulary it" },
    { "added: id of another",
      { TOKENIZER("\"added_tokens\":[{\"id\":1,\"content\":\"x\"}]," ABC) },
      .text = "two tokens have the id 1" },
    { "added: no id", { TOKENIZER("\"added_tokens\":[{\"content\":\"x\"}]," ABC) },
      .text = "entry 0 of 'added_tokens' has no id" },
    { "added: no text", { TOKENIZER("\"added_tokens\":[{\"id\":9}]," ABC) },
      .text = "the added token 9 has no text" },
    { "too small a model", { TOKENIZER(ABC), { "config.json", "{\"vocab_size\":2}" } },
      .text = "token 2 does not fit into vocab_size, 2, of config.json" },
    { "too large a model", { TOKENIZER(ABC), { "config.json", "{\"vocab_size\":1e9}" } },
      .text = "vocab_size is not 1 to 4194304" },
    { "unknown words", { TOKENIZER(ABC) }, .text = "--pre NAME says which it is" },
    { "vocab.json with more", { { "vocab.json", "{} {}" }, { "merges.txt", "" } },
      .text = "more than one value" },
    { "merges.txt", { { "vocab.json", "{\"a\":0}" }, { "merges.txt", "a a\na b c" } },
      .text = "merges.txt' line 2 byte 4: not two texts" },
};

START_TEST(test_bad)
{
    const struct folder *f = &bad[_i];
    struct tr_err err = { 0 };
    ck_assert_int_ne(set_folder(f, NULL, &err), 0);
    ck_assert_msg(strstr(err.text, f->text) != NULL, "%s: %s", f->name, err.text);
}
END_TEST

/* ---- and back --------------------------------------------------------------------- */

static const char *const written[] = {
    "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json",
    "special_tokens_map.json", "chat_template.jinja",
};

/* 1 if all lines of b are in a, in whatever order. */
static int has_lines(const char *a, const char *b)
{
    for (const char *end; (end = strchr(b, '\n')); b = end + 1) {
        char line[4096];
        snprintf(line, sizeof line, "\n%.*s\n", (int)(end - b), b);
        if (!strstr(a, line) && strncmp(a, line + 1, strlen(line) - 1))
            return 0;
    }
    return 1;
}

/* What was written of a GGUF's keys gives these keys again. */
START_TEST(test_back)
{
    static char want[sizeof shown];
    const struct folder *f = &good[_i];
    struct tr_err err = { 0 };
    if (f->one_way)
        return;
    ck_assert_msg(!set_folder(f, NULL, &err), "%s: %s", f->name, err.text);
    strcpy(want, show_keys(path));
    remove_files();
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_ptr_nonnull(g);
    ck_assert_msg(!tr__hf_vocab_write(g, dir, &err), "%s: %s", f->name, err.text);
    tr_gguf_close(g);
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        in_dir(written[i]);
    write_size(f);
    struct tr_gguf_writer *w = tr_gguf_create(other, &err);
    int rc = tr__hf_vocab_set(w, dir, &f->options, NULL, &err);
    ck_assert_msg(!tr_gguf_finish(w, rc, &err), "%s: %s", f->name, err.text);
    show_keys(other);
    ck_assert_msg(has_lines(shown, want) && has_lines(want, shown), "%s:\n%s\n%s", f->name,
                  want, shown);
}
END_TEST

/* ---- SentencePiece's file ---------------------------------------------------------- */

/* <unk>, a text of two bytes without a score, a field of each kind that nobody knows, the
 * trainer's and the normaliser's. */
static const char model[] =
    "\x0a\x0e\x0a\x05<unk>\x15\0\0\x80\xbf\x18\x02"
    "\x0a\x04\x0a\x02\xc3\xa9"
    "\x7a\x02zz\x78\x96\x01\x79\0\0\0\0\0\0\0\0\x7d\0\0\0\0"
    "\x12\x02\x18\x02\x1a\x02\x18\0";
enum { PIECE_1 = 16, PIECE_2 = 22 }; /* where these end */

START_TEST(test_sentencepiece)
{
    struct tr__hf_pieces p = { 0 };
    struct tr__hf_sentencepiece s = { 0 };
    struct tr_err err = { 0 };
    ck_assert_msg(!tr__hf_sentencepiece_read(model, sizeof model - 1, "m", &p, &s, &err),
                  "%s", err.text);
    ck_assert_uint_eq(p.n, 2);
    ck_assert_int_eq(p.at[0].type, TR__HF_UNKNOWN);
    ck_assert(p.at[0].score == -1.0f);
    ck_assert(tr_str_is(tr__hf_piece_text(&p, 1), "\xc3\xa9"));
    ck_assert_int_eq(s.model_type, TR__HF_SPM_BPE);
    ck_assert_int_eq(s.no_prefix, 1);
    tr__hf_pieces_release(&p);
}
END_TEST

/* Cut between fields it is a model still, cut elsewhere it is none. */
START_TEST(test_sentencepiece_cut)
{
    static const size_t whole[] = { PIECE_1, PIECE_2, 26, 29, 38, 43, 47 };
    size_t k = 0;
    for (size_t n = 0; n < sizeof model - 1; n++) {
        struct tr__hf_pieces p = { 0 };
        struct tr__hf_sentencepiece s = { 0 };
        struct tr_err err = { 0 };
        int rc = tr__hf_sentencepiece_read(model, n, "m", &p, &s, &err);
        k += k < sizeof whole / sizeof *whole && whole[k] < n;
        ck_assert_msg(!rc == (k < sizeof whole / sizeof *whole && whole[k] == n),
                      "%zu bytes: %s", n, err.text);
        tr__hf_pieces_release(&p);
    }
}
END_TEST

static const struct {
    const char *bytes;
    size_t n;
    const char *text;
} no_models[] = {
    { "", 0, "there are no pieces in it" },
    { "\x0a\x03\x0a\x05" "a", 5, "'m' byte 0: the field ends in the middle" },
    { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10, "the file is cut" },
    { "\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, "the file is cut" },
    { "\x0b", 1, "the file is cut" },
    { "\0", 1, "the file is cut" },
    { "\x0a\0", 2, "piece 0 has no text" },
    { "\x0a\x08\x0a\x01" "a\x15\0\0\xc0\x7f", 10, "piece 0 has no text, no type or no score" },
    { "\x0a\x05\x0a\x01" "a\x18\x07", 7, "piece 0 has no text, no type" },
    { "\x0a\x03\x0a\x01" "a\x0a\x03\x0a\x01" "a", 10, "'m' byte 5: piece 1 was there before" },
};

START_TEST(test_no_sentencepiece)
{
    struct tr__hf_pieces p = { 0 };
    struct tr__hf_sentencepiece s = { 0 };
    struct tr_err err = { 0 };
    ck_assert_int_ne(tr__hf_sentencepiece_read(no_models[_i].bytes, no_models[_i].n, "m", &p,
                                               &s, &err), 0);
    ck_assert_msg(strstr(err.text, no_models[_i].text) != NULL, "%s", err.text);
    tr__hf_pieces_release(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_vocab");
    TCase *t = tcase_create("hf_vocab");
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_loop_test(t, test_good, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(t, test_back, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(t, test_bad, 0, sizeof bad / sizeof *bad);
    tcase_add_test(t, test_sentencepiece);
    tcase_add_test(t, test_sentencepiece_cut);
    tcase_add_loop_test(t, test_no_sentencepiece, 0, sizeof no_models / sizeof *no_models);
    suite_add_tcase(s, t);
    return run_suite(s);
}
