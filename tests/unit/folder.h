/* SPDX-License-Identifier: MIT
 *
 * Small folders of Hugging Face of a table of tensors, whose bytes follow from a formula, and the
 * hash of what became of them.  A script with the same formula gives llama.cpp's converter
 * the same folder.
 */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include "hf_config.h"

#include <libtrain/gguf.h>

#include <sha2.h>

struct folder_tensor {
    const char *name, *type, *shape; /* BF16 or U8; as JSON has it */
    int n;                           /* numbers */
};
enum { MAX_FILE = 1 << 17 };

/* What is otherwise. */
static struct folder_odd {
    const char *from, *to;           /* in config.json */
    const char *name, *type, *shape; /* one that is of another type or shape, ... */
    int left_out;                    /* ... or not there, ... */
    int scale;                       /* ... or begins with this byte */
    const char *says;
} odd;

/* Bytes, and numbers in eighths, which BF16 has. */
static size_t numbers(const struct folder_tensor *t, int k, unsigned char *to)
{
    if (t->type[0] == 'U') {
        int scales = strstr(t->name, "_scales") != NULL;
        for (int i = 0; i < t->n; i++)
            to[i] = (unsigned char)(scales ? 115 + i % 14 : i * 37 + 11 + i / 256);
        if (odd.scale && odd.name == t->name)
            to[0] = (unsigned char)odd.scale;
        return (size_t)t->n;
    }
    for (int i = 0; i < t->n; i++) {
        float v = (float)((i * 7 + k + i / 32) % 32 - 16) / 8;
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        to[2 * i] = (unsigned char)(bits >> 16);
        to[2 * i + 1] = (unsigned char)(bits >> 24);
    }
    return 2 * (size_t)t->n;
}

static void write_tensors(const struct folder_tensor *tensors, size_t n_tensor)
{
    static unsigned char file[MAX_FILE], data[MAX_FILE];
    char *header = (char *)file + 8;
    size_t at = 0, n = (size_t)snprintf(header, MAX_FILE - 8, "{");
    for (int i = 0; i < (int)n_tensor; i++) {
        struct folder_tensor t = tensors[i];
        int is_odd = odd.name && !strcmp(odd.name, t.name);
        if (is_odd && odd.left_out)
            continue;
        odd.name = is_odd ? t.name : odd.name;
        size_t bytes = numbers(&t, i, data + at);
        n += (size_t)snprintf(header + n, MAX_FILE - 8 - n,
                              "%s\"%s\": {\"dtype\": \"%s\", \"shape\": [%s], "
                              "\"data_offsets\": [%zu, %zu]}", at ? ", " : "", t.name,
                              is_odd && odd.type ? odd.type : t.type,
                              is_odd && odd.shape ? odd.shape : t.shape, at, at + bytes);
        at += bytes;
    }
    n += (size_t)snprintf(header + n, MAX_FILE - 8 - n, "}");
    while (n % 8)
        header[n++] = ' ';
    for (int i = 0; i < 8; i++)
        file[i] = (unsigned char)(n >> 8 * i);
    ck_assert_uint_lt(8 + n + at, MAX_FILE);
    memcpy(file + 8 + n, data, at);
    write_bytes(in_dir("model.safetensors"), file, 8 + n + at);
}

/* All of it in the test's directory; tensors in the order of their names. */
static inline void write_folder(const char *config, const struct folder_tensor *tensors,
                                size_t n_tensor)
{
    write_config(config, odd.from, odd.to);
    write_tensors(tensors, n_tensor);
}

/* Of lines of names, types and shapes, each followed by its bytes. */
static inline void hash_tensors(const struct tr_gguf *g, char hex[SHA256_DIGEST_STRING_LENGTH])
{
    char line[200], shape[TR_GGUF_SHAPE_BYTES];
    SHA2_CTX c;
    SHA256Init(&c);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        int n = snprintf(line, sizeof line, "%s %s %s\n", t->name, t->dtype->name,
                         tr_gguf_shape_text(shape, t->n_dim, t->dim));
        SHA256Update(&c, (const unsigned char *)line, (size_t)n);
        SHA256Update(&c, t->data, (size_t)t->bytes);
    }
    SHA256End(&c, hex);
}

#endif
