/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a tokenizer.json.  What becomes a GGUF that a tokenizer can be made of can be
 * written as a folder, unless its kind has no form, and that folder is read again.
 *
 * Sources: hf tokenizer error
 */
#include <libtrain/hf/vocab.h>
#include <libtrain/tokenizer.h>

#include "memory_dir.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILE = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static const char *in(const char *name)
{
    static char path[2][PATH_MAX];
    static int k;
    k = !k;
    snprintf(path[k], PATH_MAX, "%s/%s", dir, name);
    return path[k];
}

static void write_input(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(in(name), "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f))
        abort();
}

static void clear(void)
{
    static const char *const name[] = {
        "tokenizer.json", "config.json", "a.gguf", "back/tokenizer.json",
        "back/tokenizer.model", "back/vocab.json", "back/merges.txt",
        "back/tokenizer_config.json", "back/special_tokens_map.json",
        "back/chat_template.jinja", "back/b.gguf",
    };
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        unlink(in(name[i]));
    rmdir(in("back"));
    rmdir(dir);
}

static int read_folder(const char *from, const char *to, const char *pre, const char *arch)
{
    struct tr_err err = { 0 };
    struct tr__hf_vocab_options o = { .pre = pre, .arch = arch };
    struct tr_gguf_writer *w = tr_gguf_create(to, &err);
    if (!w)
        abort();
    int rc = tr_gguf_finish(w, tr__hf_vocab_set(w, from, &o, NULL, &err), &err);
    if (!rc != (err.code == 0))
        abort();
    return rc;
}

static void write_folder(void)
{
    struct tr_err err = { 0 };
    struct tr_gguf *g = tr_gguf_open(in("a.gguf"), &err);
    if (!g || mkdir(in("back"), 0700))
        abort();
    struct tr_tokenizer *t = tr_tokenizer_new(g, NULL);
    int rc = t ? tr__hf_vocab_write(g, in("back"), &err) : -1;
    tr_tokenizer_free(t);
    tr_gguf_close(g);
    if (!rc && read_folder(in("back"), in("back/b.gguf"), "gpt-2", NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char config[] = "{\"vocab_size\":64}";
    if (size > MAX_FILE)
        return 0;
    make_memory_dir(dir, sizeof dir);
    write_input("tokenizer.json", data, size);
    write_input("config.json", config, sizeof config - 1);
    int known = !read_folder(dir, in("a.gguf"), NULL, size & 1 ? "gemma4" : "llama");
    if (known || !read_folder(dir, in("a.gguf"), "gpt-2", NULL))
        write_folder();
    clear();
    return 0;
}
