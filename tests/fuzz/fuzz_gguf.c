/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a GGUF file: open it, touch all that the reader hands out, write what was
 * read and read that again; open it as a model.  For libFuzzer, or for driver.c with any compiler.
 */
#include "memory_dir.h"

#include <libtrain/model.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64], in[80], out[80];
static volatile uint64_t sink; /* so that no read is optimised away */

static void remove_dir(void)
{
    unlink(in);
    unlink(out);
    rmdir(dir);
}

static void make_dir(void)
{
    if (*dir)
        return;
    make_memory_dir(dir, sizeof dir);
    snprintf(in, sizeof in, "%s/in.gguf", dir);
    snprintf(out, sizeof out, "%s/out.gguf", dir);
    atexit(remove_dir);
}

static void walk_kv(const struct tr_gguf *g, const struct tr_gguf_kv *kv)
{
    uint64_t cursor = 0;
    const struct tr_gguf_kv *array;
    struct tr_str s;
    int64_t i;
    float f;
    int b;
    if (tr_gguf_find_kv(g, kv->key) != kv)
        abort();
    for (uint64_t k = 0; k < kv->count; k++) {
        if (kv->elem != TR_GGUF_STRING) {
            sink += (uint64_t)tr_gguf_elem_int(kv, k) + (tr_gguf_elem_float(kv, k) > 0);
            continue;
        }
        s = tr_gguf_elem_string(kv, &cursor);
        for (size_t n = 0; n < s.len; n++)
            sink += (unsigned char)s.ptr[n];
    }
    sink += (uint64_t)(tr_gguf_int(g, kv->key, &i, NULL) +
                       tr_gguf_f32(g, kv->key, &f, NULL) +
                       tr_gguf_bool(g, kv->key, &b, NULL) +
                       tr_gguf_string(g, kv->key, &s, NULL) +
                       tr_gguf_array(g, kv->key, kv->elem, &array, NULL) +
                       tr_gguf_ints(g, kv->key, &array, NULL));
}

static void walk_tensor(const struct tr_gguf *g, const struct tr_gguf_tensor *t)
{
    const unsigned char *p = t->data;
    float x[256];
    if (tr_gguf_find_tensor(g, t->name) != t || (uintptr_t)p % 8)
        abort();
    for (int64_t i = 0; i < t->bytes; i++)
        sink += p[i];
    if (t->dtype->to_f32)
        t->dtype->to_f32(p, x, t->dtype->block);
}

/* Write g; 1 if that could be done, which fails for names of 64 bytes and no other
 * reason. */
static int write_copy(const struct tr_gguf *g)
{
    struct tr_err err = { 0 };
    int may_fail = 0;
    struct tr_gguf_writer *w = tr_gguf_create(out, &err);
    if (!w)
        abort();
    tr_gguf_set_all(w, g);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
        may_fail |= strlen(t->name) == 64;
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        if (tr_gguf_write(w, t->data, t->bytes, &err))
            break;
    }
    int rc = tr_gguf_commit(w, &err);
    if (!rc != !may_fail) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return !rc;
}

static void compare(const struct tr_gguf *a, const struct tr_gguf *b)
{
    for (size_t i = 0; i < tr_gguf_n_kv(a); i++) {
        const struct tr_gguf_kv *x = tr_gguf_kv(a, i), *y = tr_gguf_find_kv(b, x->key);
        if (strcmp(x->key, "general.alignment") == 0)
            continue;
        if (!y || x->type != y->type || x->elem != y->elem || x->count != y->count ||
            x->data_bytes != y->data_bytes || memcmp(x->data, y->data, x->data_bytes))
            abort();
    }
    for (size_t i = 0; i < tr_gguf_n_tensor(a); i++) {
        const struct tr_gguf_tensor *x = tr_gguf_tensor(a, i), *y = tr_gguf_tensor(b, i);
        if (strcmp(x->name, y->name) || x->dtype != y->dtype || x->n_dim != y->n_dim ||
            memcmp(x->dim, y->dim, sizeof x->dim) || x->bytes != y->bytes ||
            memcmp(x->data, y->data, (size_t)x->bytes))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_err err = { 0 };
    make_dir();
    FILE *f = fopen(in, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
    struct tr_gguf *g = tr_gguf_open(in, &err);
    if (!g != !!err.code)
        abort();
    if (!g)
        return 0;
    for (size_t i = 0; tr_gguf_warning(g, i); i++)
        sink += strlen(tr_gguf_warning(g, i));
    for (size_t i = 0; i < tr_gguf_n_kv(g); i++)
        walk_kv(g, tr_gguf_kv(g, i));
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        walk_tensor(g, tr_gguf_tensor(g, i));
    sink += tr_gguf_check(g, &err) != 0;
    sink += (tr_model_check(g, &err) != 0) + strlen(tr_gguf_purpose(g));
    if (write_copy(g)) {
        struct tr_gguf *h = tr_gguf_open(out, &err);
        if (!h)
            abort();
        compare(g, h);
        tr_gguf_close(h);
    }
    tr_gguf_close(g);
    return 0;
}
