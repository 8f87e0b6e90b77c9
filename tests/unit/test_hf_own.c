/* SPDX-License-Identifier: MIT
 *
 * The same keys after GGUF, folder, GGUF: all vocabularies of the reference material that have a
 * form in a folder, byte by byte, and what becomes of the entry for what a folder cannot say.
 */
#include "sanitized.h"
#include "scratch.h"

#include <libtrain/hf/vocab.h>

#include <dirent.h>

static const char *const written[] = {
    "tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "tokenizer_config.json",
    "special_tokens_map.json", "chat_template.jinja",
};

static void remove_files(void)
{
    char name[600];
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        snprintf(name, sizeof name, "%s/%s", dir, written[i]);
        unlink(name);
    }
}

/* What comes of a file's vocabulary by a folder; the files of that stay. */
static struct tr_gguf *back(const struct tr_gguf *g, const char *arch)
{
    struct tr_err err = { 0 };
    struct tr__hf_vocab_options o = { .arch = arch };
    o.rows = (int64_t)tr_gguf_find_kv(g, "tokenizer.ggml.tokens")->count;
    struct tr_gguf_writer *w = tr_gguf_create(other, &err);
    ck_assert_ptr_nonnull(w);
    int rc = tr_gguf_finish(w, tr__hf_vocab_set(w, dir, &o, NULL, &err), &err);
    ck_assert_msg(!rc, "%s: %s", tr_gguf_path(g), err.text);
    struct tr_gguf *b = tr_gguf_open(other, &err);
    ck_assert_msg(b != NULL, "%s", err.text);
    return b;
}

/* All keys of a tokenizer that one has the other has too, with the same bytes. */
static void compare(const struct tr_gguf *a, const struct tr_gguf *b)
{
    for (size_t i = 0; i < tr_gguf_n_kv(a); i++) {
        const struct tr_gguf_kv *x = tr_gguf_kv(a, i), *y = tr_gguf_find_kv(b, x->key);
        if (strncmp(x->key, "tokenizer.", 10))
            continue;
        ck_assert_msg(y && x->type == y->type && x->elem == y->elem && x->count == y->count &&
                          x->data_bytes == y->data_bytes &&
                          !memcmp(x->data, y->data, x->data_bytes),
                      "'%s' differs, %s and %s", x->key, tr_gguf_path(a), tr_gguf_path(b));
    }
}

/* 0 if it has no form in a folder. */
static int around(const char *file)
{
    struct tr_err err = { 0 };
    struct tr_str name = { "", 0 };
    char arch[64];
    struct tr_gguf *g = tr_gguf_open(file, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    ck_assert_int_ge(tr_gguf_string(g, "general.architecture", &name, &err), 0);
    snprintf(arch, sizeof arch, "%.*s", (int)name.len, name.ptr);
    int rc = tr__hf_vocab_write(g, dir, &err);
    ck_assert_msg(!rc || rc == TR_EUNSUPPORTED, "%s: %s", file, err.text);
    if (!rc) {
        struct tr_gguf *b = back(g, arch);
        compare(g, b);
        compare(b, g);
        tr_gguf_close(b);
    }
    tr_gguf_close(g);
    unlink(other);
    remove_files();
    return !rc;
}

START_TEST(test_shared)
{
    const char *s = getenv("SHARED");
    char folder[256], name[512];
    int n = 0;
    snprintf(folder, sizeof folder, "%s/vocab", s ? s : "../shared");
    DIR *d = opendir(folder);
    if (!d)
        printf("SKIP hf_own: no vocabularies (%s)\n", folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        snprintf(name, sizeof name, "%s/%s", folder, e->d_name);
        if (SANITIZED && strstr(name, "command-r"))
            n++; /* the largest of its kind */
        else if (len > 5 && !strcmp(e->d_name + len - 5, ".gguf"))
            n += around(name);
    }
    if (d)
        ck_assert_int_ge(n, 16);
    if (d)
        closedir(d);
}
END_TEST

/* ---- keys that only a GGUF has ------------------------------------------------------ */

static void set_vocabulary(struct tr_gguf_writer *w)
{
    static const char *const text[] = { "a", "b", "ab", "<|end|>", "</s>", "<x>", "\xc4\xa0" };
    static const int32_t type[] = { 1, 1, 1, 4, 1, 4, 1 };
    struct tr_str token[7], merge = { "a b", 3 };
    for (size_t i = 0; i < 7; i++)
        token[i] = (struct tr_str){ text[i], strlen(text[i]) };
    tr_gguf_set_string(w, "general.architecture", "llama");
    tr_gguf_set_string(w, "tokenizer.ggml.model", "gpt2");
    tr_gguf_set_string(w, "tokenizer.ggml.pre", "qwen35");
    tr_gguf_set_strings(w, "tokenizer.ggml.tokens", token, 7);
    tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, type, 7);
    tr_gguf_set_strings(w, "tokenizer.ggml.merges", &merge, 1);
    tr_gguf_set_u32(w, "tokenizer.ggml.eos_token_id", 3);
    tr_gguf_set_u32(w, "tokenizer.ggml.eot_token_id", 5);
    tr_gguf_set_u32(w, "tokenizer.ggml.fim_pre_token_id", 4);
    tr_gguf_set_u32(w, "tokenizer.ggml.fim_suf_token_id", 0);
    tr_gguf_set_bool(w, "tokenizer.ggml.add_sep_token", 1);
}

static struct tr_gguf *own(void)
{
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    ck_assert_ptr_nonnull(w);
    set_vocabulary(w);
    ck_assert_msg(!tr_gguf_finish(w, 0, &err), "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g && !tr__hf_vocab_write(g, dir, &err), "%s", err.text);
    return g;
}

START_TEST(test_own)
{
    struct tr_gguf *g = own();
    struct tr_gguf *b = back(g, "llama");
    compare(g, b);
    compare(b, g);
    tr_gguf_close(b);
    tr_gguf_close(g);
    remove_files();
}
END_TEST

/* Settings whose entry is this: what is said, or what comes of it. */
static const struct {
    const char *entry, *text; /* of the message */
    int64_t eot;              /* -1: none */
} settings[] = {
    { "{\"tokenizer.ggml.eot_token_id\": [null, 2]}", NULL, 2 },
    { "{\"tokenizer.ggml.eot_token_id\": [3, 2]}", NULL, -1 },
    { "{\"tokenizer.ggml.token_type\": {\"0\": [1, 4], \"9\": [1, 1], \"1\": [2, 3]}}", NULL, -1 },
    { "{\"tokenizer.ggml.token_type\": {\"0\": [1, 7]}}", "types by id", -1 },
    { "{\"tokenizer.ggml.token_type\": {\"x\": [1, 1]}}", "types by id", -1 },
    { "{\"tokenizer.ggml.token_type\": [1, 1]}", "types by id", -1 },
    { "{\"tokenizer.ggml.tokens\": [null, 1]}", "'tokenizer.ggml.tokens' of 'libtrain'", -1 },
    { "{\"tokenizer.ggml.model\": [\"gpt2\", \"llama\"]}", "no key of a vocabulary", -1 },
    { "{\"general.architecture\": [null, \"x\"]}", "no key of a vocabulary", -1 },
    { "{\"tokenizer.ggml.x\": [null, 1.5]}", "no key of a vocabulary", -1 },
    { "{\"tokenizer.ggml.x\": [null, 4294967296]}", "no key of a vocabulary", -1 },
    { "{\"tokenizer.ggml.x\": [null, -1]}", "no key of a vocabulary", -1 },
    { "{\"tokenizer.ggml.x\": 1}", "no key of a vocabulary", -1 },
    { "[1]", NULL, -1 },
};

START_TEST(test_settings)
{
    struct tr_err err = { 0 };
    struct tr__hf_vocab_options o = { .pre = "gpt-2" };
    tr_gguf_close(own());
    FILE *f = fopen(in_dir("tokenizer_config.json"), "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "{\"libtrain\": %s}", settings[_i].entry);
    fclose(f);
    struct tr_gguf_writer *w = tr_gguf_create(other, &err);
    int rc = tr_gguf_finish(w, tr__hf_vocab_set(w, dir, &o, NULL, &err), &err);
    ck_assert_msg(!rc == !settings[_i].text &&
                      (!rc || strstr(err.text, settings[_i].text)), "%s", err.text);
    if (!rc) {
        struct tr_gguf *b = tr_gguf_open(other, &err);
        int64_t id = -1;
        ck_assert_int_ge(tr_gguf_int(b, "tokenizer.ggml.eot_token_id", &id, &err), 0);
        ck_assert_int_eq(id, settings[_i].eot);
        tr_gguf_close(b);
    }
    remove_files();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf_own");
    TCase *t = tcase_create("hf_own");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, test_shared);
    tcase_add_test(t, test_own);
    tcase_add_loop_test(t, test_settings, 0, sizeof settings / sizeof *settings);
    suite_add_tcase(s, t);
    return run_suite(s);
}
