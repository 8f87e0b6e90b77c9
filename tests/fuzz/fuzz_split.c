/* SPDX-License-Identifier: MIT
 *
 * Any bytes as one of the three files of a model: the first byte says which, the others are
 * as they should be.  What opens is touched, all of it.  For libFuzzer, or for driver.c
 * with any compiler.
 */
#include "memory_dir.h"

#include <libtrain/gguf.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_PART = 3, SIDE = 4 };
static char dir[64], part[N_PART][96];
static volatile uint64_t sink; /* so that no read is optimised away */

static void remove_dir(void)
{
    for (int i = 0; i < N_PART; i++)
        unlink(part[i]);
    rmdir(dir);
}

static void set_small(struct tr_gguf_writer *w, const char *key, enum tr_gguf_type type,
                      int v, size_t bytes)
{
    struct tr_gguf_kv kv = { key, type, type, 1, &v, bytes };
    tr_gguf_set_kv(w, &kv);
}

/* Part i: a tensor of its name. */
static void write_good(int i)
{
    static const char *const name[N_PART] = { "a", "b", "c" };
    static const int64_t dim[] = { SIDE, SIDE };
    static const float x[SIDE * SIDE];
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(part[i], &err);
    if (!w)
        abort();
    if (!i)
        tr_gguf_set_string(w, "general.architecture", "gpt2");
    set_small(w, "split.no", TR_GGUF_U16, i, 2);
    set_small(w, "split.tensors.count", TR_GGUF_I32, N_PART, 4);
    set_small(w, "split.count", TR_GGUF_U16, N_PART, 2);
    tr_gguf_add_tensor(w, name[i], &tr_f32, 2, dim);
    int rc = tr_gguf_write(w, x, sizeof x, &err);
    if (tr_gguf_finish(w, rc, &err))
        abort();
}

static void make_dir(void)
{
    char prefix[80];
    if (*dir)
        return;
    make_memory_dir(dir, sizeof dir);
    snprintf(prefix, sizeof prefix, "%s/m", dir);
    for (int i = 0; i < N_PART; i++) {
        if (tr_gguf_part_name(part[i], sizeof part[i], prefix, i, N_PART))
            abort();
        write_good(i);
    }
    atexit(remove_dir);
}

static void walk(const struct tr_gguf *g)
{
    struct tr_err err = { 0 };
    for (size_t i = 0; tr_gguf_warning(g, i); i++)
        sink += strlen(tr_gguf_warning(g, i));
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        if (tr_gguf_find_tensor(g, t->name) != t || (uintptr_t)t->data % 8)
            abort();
        for (int64_t k = 0; k < t->bytes; k++)
            sink += ((const unsigned char *)t->data)[k];
        tr_gguf_forget(g, t->data, t->bytes);
        sink += strlen(tr_gguf_part_path(g, (size_t)t->part));
    }
    for (size_t i = 0; i < tr_gguf_n_kv(g); i++)
        if (tr_gguf_find_kv(g, tr_gguf_kv(g, i)->key) != tr_gguf_kv(g, i))
            abort();
    tr_gguf_forget_metadata(g);
    sink += tr_gguf_check(g, &err) != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_err err = { 0 };
    make_dir();
    int i = size ? data[0] % N_PART : 0;
    FILE *f = fopen(part[i], "wb");
    if (!f || (size && fwrite(data + 1, 1, size - 1, f) != size - 1) || fclose(f))
        abort();
    struct tr_gguf *g = tr_gguf_open(part[0], &err);
    if (!g != !!err.code)
        abort();
    if (g)
        walk(g);
    tr_gguf_close(g);
    write_good(i);
    return 0;
}
