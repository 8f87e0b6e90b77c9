/* SPDX-License-Identifier: MIT
 *
 * Folders of Hugging Face as GGUF, where the reference material is ($SHARED or ../shared):
 * convert.tsv tells, line by line, what llama.cpp's converter makes of some folders in four types;
 * beside the others stands the file that it made.
 */
#include "scratch.h"

#include <libtrain/import.h>
#include <libtrain/json.h>

#include <sha2.h>

static char shared[512];

static void find_shared(void)
{
    const char *s = getenv("SHARED");
    snprintf(shared, sizeof shared, "%s/reference", s ? s : "../shared");
}

/* ---- convert.tsv ------------------------------------------------------------------ */

/* Where the converter is wrong: n_inner is 192, which it ignores. */
static const char *const mended[][2] = {
    { "key\tgpt2.feed_forward_length\tUINT32\t1\t256",
      "key\tgpt2.feed_forward_length\tUINT32\t1\t192" },
};

static const char *gguf_name(enum tr_gguf_type t)
{
    static const char *const name[] = {
        "UINT8", "INT8", "UINT16", "INT16", "UINT32", "INT32", "FLOAT32", "BOOL", "STRING",
        "ARRAY", "UINT64", "INT64", "FLOAT64",
    };
    return name[t];
}

static void hash_of(SHA2_CTX *c, char hex[SHA256_DIGEST_STRING_LENGTH])
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    SHA256Final(sum, c);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}

/* An item as Python's str writes it, or with quotes as repr does. */
static size_t item(char *to, size_t size, const struct tr_gguf_kv *kv, uint64_t i,
                   uint64_t *cursor, const char *quote)
{
    char real[32];
    if (kv->elem == TR_GGUF_STRING) {
        struct tr_str s = tr_gguf_elem_string(kv, cursor);
        return (size_t)snprintf(to, size, "%s%.*s%s", quote, (int)s.len, s.ptr, quote);
    }
    if (kv->elem == TR_GGUF_F32) {
        tr_json_real_text(tr_gguf_elem_float(kv, i), real);
        return (size_t)snprintf(to, size, "%s", real);
    }
    if (kv->elem == TR_GGUF_BOOL)
        return (size_t)snprintf(to, size, "%s", tr_gguf_elem_int(kv, i) ? "True" : "False");
    return (size_t)snprintf(to, size, "%lld", (long long)tr_gguf_elem_int(kv, i));
}

static void list(char *to, size_t size, const struct tr_gguf_kv *kv)
{
    char text[1024], hex[SHA256_DIGEST_STRING_LENGTH];
    uint64_t cursor = 0;
    size_t at = 0;
    SHA2_CTX c;
    SHA256Init(&c);
    for (uint64_t i = 0; i < kv->count; i++) {
        size_t n = item(text, sizeof text, kv, i, &cursor, kv->count > 8 ? "" : "'");
        ck_assert_uint_lt(n, sizeof text);
        if (kv->count <= 8)
            at += (size_t)snprintf(to + at, size - at, "%s%s", i ? ", " : "[", text);
        SHA256Update(&c, (const unsigned char *)(i ? "\n" : ""), i > 0);
        SHA256Update(&c, (const unsigned char *)text, n);
    }
    hash_of(&c, hex);
    if (kv->count > 8)
        snprintf(to, size, "sha256 of items joined by newline %s", hex);
    else
        snprintf(to + at, size - at, "]");
}

static void key_line(char *to, size_t size, const struct tr_gguf_kv *kv)
{
    char value[1200];
    uint64_t cursor = 0;
    int array = kv->type == TR_GGUF_ARRAY;
    if (array)
        list(value, sizeof value, kv);
    else
        item(value, sizeof value, kv, 0, &cursor, "'");
    snprintf(to, size, "key\t%s\t%s%s\t%llu\t%s", kv->key, array ? "ARRAY/" : "",
             gguf_name(kv->elem), (unsigned long long)kv->count, value);
}

static void tensor_line(char *to, size_t size, const struct tr_gguf_tensor *t)
{
    char shape[96], hex[SHA256_DIGEST_STRING_LENGTH];
    size_t at = 0;
    SHA2_CTX c;
    SHA256Init(&c);
    SHA256Update(&c, t->data, (size_t)t->bytes);
    hash_of(&c, hex);
    for (int i = t->n_dim; i-- > 0;)
        at += (size_t)snprintf(shape + at, sizeof shape - at, "%s%lld", at ? "x" : "",
                               (long long)t->dim[i]);
    snprintf(to, size, "tensor\t%s\t%s\t%s\t%s", t->name, t->dtype->name, shape, hex);
}

static int vocabulary; /* its keys too */

/* Line i of a file, keys before tensors; 0 behind the last one. */
static int file_line(char *to, size_t size, const struct tr_gguf *g, size_t i)
{
    size_t n = 0;
    for (size_t k = 0; k < tr_gguf_n_kv(g); k++) {
        const struct tr_gguf_kv *kv = tr_gguf_kv(g, k);
        if ((vocabulary || strncmp(kv->key, "tokenizer.", 10)) && n++ == i) {
            key_line(to, size, kv);
            return 1;
        }
    }
    if (i - n >= tr_gguf_n_tensor(g))
        return 0;
    tensor_line(to, size, tr_gguf_tensor(g, i - n));
    return 1;
}

/* The name that was forced: of a small vocabulary no hash is known. */
static const char *pre_of(const char *arch)
{
    static const char *const of[][2] = {
        { "llama", "llama-bpe" }, { "llama3", "llama-bpe" }, { "smollm", "smollm" },
        { "qwen2", "qwen2" }, { "qwen3", "qwen2" },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (!strcmp(arch, of[i][0]))
            return of[i][1];
    return "gpt-2";
}

static struct tr_gguf *import(const char *arch, const char *type, const char *name)
{
    char folder[600];
    struct tr_err err = { 0 };
    struct tr_import_args args = { .type = tr_dtype_by_name(type), .name = name,
                                   .pre = pre_of(arch) };
    snprintf(folder, sizeof folder, "%s/%s/hf", shared, arch);
    ck_assert_msg(!tr_import(folder, &args, path, &err), "%s: %s", arch, err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    return g;
}

static void is_line(const char *want, const char *got, const char *arch, const char *type)
{
    for (size_t i = 0; i < sizeof mended / sizeof *mended; i++)
        if (!strcmp(want, mended[i][0]))
            want = mended[i][1];
    ck_assert_msg(!strcmp(want, got), "%s in %s:\n%s\n%s", arch, type, want, got);
}

START_TEST(as_convert_tsv_says)
{
    char text[4096], got[1600], at[80] = "";
    struct tr_gguf *g = NULL;
    size_t line = 0, seen = 0;
    vocabulary = 1;
    snprintf(text, sizeof text, "%s/convert.tsv", shared);
    FILE *f = fopen(text, "r");
    if (!f) {
        printf("SKIP folders of Hugging Face: %s is not there\n", text);
        return;
    }
    while (fgets(text, sizeof text, f)) {
        char *arch = text, *type, *rest;
        text[strcspn(text, "\n")] = 0;
        if (*text == '#' || !strncmp(text, "arch\t", 5))
            continue;
        (type = strchr(arch, '\t'))[0] = 0;
        (rest = strchr(++type, '\t'))[0] = 0;
        snprintf(got, sizeof got, "%.30s %.30s", arch, type);
        if (strcmp(at, got)) {
            ck_assert(!g || !file_line(got, sizeof got, g, line));
            snprintf(at, sizeof at, "%.30s %.30s", arch, type);
            tr_gguf_close(g);
            g = import(arch, type, NULL);
            line = 0;
        }
        ck_assert_msg(file_line(got, sizeof got, g, line++), "%s: no %s", at, rest + 1);
        is_line(rest + 1, got, arch, type);
        seen++;
    }
    ck_assert(g && !file_line(got, sizeof got, g, line));
    ck_assert_uint_gt(seen, 2000);
    tr_gguf_close(g);
    fclose(f);
}
END_TEST

/* ---- the others ------------------------------------------------------------------- */

static const char *const made[] = {
    "arcee", "cohere2", "ernie4_5", "exaone4", "gemma", "gemma4", "gemma4e", "glm4",
    "gptneox", "gptoss", "granite", "granitehybrid", "hunyuan", "lfm2", "lfm2moe",
    "llamayarn", "ministral3", "mixtral", "nemotron", "olmo2", "olmo3", "olmoe", "phi2",
    "phi3long", "qwen35", "qwen35moe", "qwen3moe", "smollm3", "stablelm", "starcoder2",
};

START_TEST(as_the_file_beside_it)
{
    char text[700], want[1600], got[1600];
    struct tr_err err = { 0 };
    struct tr_str name;
    vocabulary = 0; /* some of its keys were set by hand there */
    snprintf(text, sizeof text, "%s/%s/model.gguf", shared, made[_i]);
    if (access(text, R_OK))
        return;
    struct tr_gguf *ref = tr_gguf_open(text, &err);
    ck_assert_msg(ref && tr_gguf_string(ref, "general.name", &name, &err) == 1, "%s", err.text);
    snprintf(text, sizeof text, "%.*s", (int)name.len, name.ptr);
    struct tr_gguf *g = import(made[_i], "F32", text);
    size_t i = 0;
    for (; file_line(want, sizeof want, ref, i); i++) {
        ck_assert_msg(file_line(got, sizeof got, g, i), "%s: no %s", made[_i], want);
        is_line(want, got, made[_i], "F32");
    }
    ck_assert_msg(!file_line(got, sizeof got, g, i), "%s: %s", made[_i], got);
    ck_assert_uint_gt(i, 20);
    tr_gguf_close(g);
    tr_gguf_close(ref);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import");
    TCase *t = tcase_create("import");
    find_shared();
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, as_convert_tsv_says);
    tcase_add_loop_test(t, as_the_file_beside_it, 0, sizeof made / sizeof *made);
    suite_add_tcase(s, t);
    return run_suite(s);
}
