/* SPDX-License-Identifier: MIT
 *
 * Keys and tensors of a GGUF file to be written.  They are kept until the first byte of
 * data.  Mistakes in keys and names are remembered and told by the first write, so that a
 * command may set fifty keys without fifty checks.
 */
#include <libtrain/gguf/gguf.h>
#include <libtrain/gguf/writer.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME_WRITTEN = 63 }; /* llama.cpp's GGML_MAX_NAME less the NUL */

static int mistake(struct tr_gguf_writer *w, int code, const char *fmt, ...)
    TR_PRINTF(3, 4);
static int mistake(struct tr_gguf_writer *w, int code, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return tr_err_set(&w->err, code, "'%s': %s", w->path, text);
}

static void no_memory(struct tr_gguf_writer *w)
{
    mistake(w, TR_ENOMEM, "out of memory for its keys and tensors");
}

/* Mistakes of the program end here; what may come from a file or an option does not. */
static int may_declare(const struct tr_gguf_writer *w, const char *what)
{
    if (w->started)
        tr_fatal("gguf: '%s' declared after the first data", what);
    return !w->err.code;
}

static int key_is_valid(struct tr_gguf_writer *w, const struct tr_gguf_kv *kv)
{
    size_t n = strlen(kv->key);
    if (n == 0 || n > TR__GGUF_MAX_KEY) {
        mistake(w, TR_EFORMAT, "key of %zu bytes", n);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)kv->key[i] >= 0x80) {
            mistake(w, TR_EFORMAT, "key '%.64s' is not ASCII", kv->key);
            return 0;
        }
    if (strcmp(kv->key, "general.alignment") == 0 &&
        (kv->type != TR_GGUF_U32 || tr_gguf_elem_int(kv, 0) != TR__GGUF_ALIGN)) {
        mistake(w, TR_EFORMAT, "alignment other than %d", TR__GGUF_ALIGN);
        return 0;
    }
    return 1;
}

/* Where the value of this key goes: its old place, freed, or a new one at the end. */
static struct tr_gguf_kv *slot_of(struct tr_gguf_writer *w, const char *key)
{
    size_t i = tr__names_find(&w->key_index, w->kv, sizeof *w->kv, key);
    if (i != TR__NO_NAME) {
        free((void *)(uintptr_t)w->kv[i].data);
        w->kv[i].data = NULL;
        return &w->kv[i];
    }
    if (tr__grow(&w->kv, &w->cap_kv, w->n_kv + 1, sizeof *w->kv))
        return NULL;
    struct tr_gguf_kv *kv = &w->kv[w->n_kv];
    *kv = (struct tr_gguf_kv){ .key = strdup(key) };
    if (!kv->key)
        return NULL;
    if (tr__names_add(&w->key_index, w->kv, sizeof *w->kv)) {
        free((void *)(uintptr_t)kv->key);
        return NULL;
    }
    w->n_kv++;
    return kv;
}

/* Store a value; takes `data`, which is malloc'ed or NULL for lack of memory. */
static void set_take(struct tr_gguf_writer *w, struct tr_gguf_kv value, void *data)
{
    struct tr_gguf_kv *kv = NULL;
    value.data = data;
    if (!data)
        no_memory(w);
    else if (may_declare(w, value.key) && key_is_valid(w, &value) &&
             !(kv = slot_of(w, value.key)))
        no_memory(w);
    if (!kv) {
        free(data);
        return;
    }
    value.key = kv->key;
    *kv = value;
}

void tr_gguf_set_kv(struct tr_gguf_writer *w, const struct tr_gguf_kv *kv)
{
    void *data = malloc(kv->data_bytes + 1);
    if (data && kv->data_bytes)
        memcpy(data, kv->data, kv->data_bytes);
    set_take(w, *kv, data);
}

static void set_number(struct tr_gguf_writer *w, const char *key, enum tr_gguf_type type,
                       const void *v)
{
    struct tr_gguf_kv kv = { key, type, type, 1, v, tr__gguf_value[type].bytes };
    tr_gguf_set_kv(w, &kv);
}

void tr_gguf_set_u32(struct tr_gguf_writer *w, const char *key, uint32_t v)
{
    set_number(w, key, TR_GGUF_U32, &v);
}

void tr_gguf_set_u64(struct tr_gguf_writer *w, const char *key, uint64_t v)
{
    set_number(w, key, TR_GGUF_U64, &v);
}

void tr_gguf_set_f32(struct tr_gguf_writer *w, const char *key, float v)
{
    set_number(w, key, TR_GGUF_F32, &v);
}

void tr_gguf_set_f64(struct tr_gguf_writer *w, const char *key, double v)
{
    set_number(w, key, TR_GGUF_F64, &v);
}

void tr_gguf_set_bool(struct tr_gguf_writer *w, const char *key, int v)
{
    unsigned char byte = v != 0;
    set_number(w, key, TR_GGUF_BOOL, &byte);
}

/* The bytes of strings as a file holds them: each behind its length. */
static void set_text(struct tr_gguf_writer *w, struct tr_gguf_kv kv, const struct tr_str *v)
{
    kv.data_bytes = 0;
    for (uint64_t i = 0; i < kv.count; i++)
        kv.data_bytes += sizeof(uint64_t) + v[i].len;
    char *data = malloc(kv.data_bytes + 1), *to = data;
    for (uint64_t i = 0; data && i < kv.count; i++) {
        uint64_t len = v[i].len;
        memcpy(to, &len, sizeof len);
        if (len)
            memcpy(to + sizeof len, v[i].ptr, len);
        to += sizeof len + len;
    }
    set_take(w, kv, data);
}

void tr_gguf_set_string(struct tr_gguf_writer *w, const char *key, const char *v)
{
    struct tr_gguf_kv kv = { key, TR_GGUF_STRING, TR_GGUF_STRING, 1, NULL, 0 };
    struct tr_str s = { v, strlen(v) };
    set_text(w, kv, &s);
}

void tr_gguf_set_strings(struct tr_gguf_writer *w, const char *key, const struct tr_str *v,
                         uint64_t count)
{
    struct tr_gguf_kv kv = { key, TR_GGUF_ARRAY, TR_GGUF_STRING, count, NULL, 0 };
    set_text(w, kv, v);
}

void tr_gguf_set_array(struct tr_gguf_writer *w, const char *key, enum tr_gguf_type elem,
                       const void *data, uint64_t count)
{
    if ((unsigned)elem >= TR_GGUF_N_TYPE || !tr__gguf_value[elem].bytes)
        tr_fatal("gguf: key '%s': no array of numbers", key);
    struct tr_gguf_kv kv = { key, TR_GGUF_ARRAY, elem, count, data,
                             count * tr__gguf_value[elem].bytes };
    tr_gguf_set_kv(w, &kv);
}

void tr_gguf_set_all(struct tr_gguf_writer *w, const struct tr_gguf *from)
{
    for (size_t i = 0; i < tr_gguf_n_kv(from); i++) {
        const struct tr_gguf_kv *kv = tr_gguf_kv(from, i);
        if (strcmp(kv->key, "general.alignment") &&
            !(from->n_part && !strncmp(kv->key, "split.", 6)))
            tr_gguf_set_kv(w, kv);
    }
}

static void free_kv(struct tr_gguf_kv *kv)
{
    free((void *)(uintptr_t)kv->key);
    free((void *)(uintptr_t)kv->data);
}

void tr_gguf_unset(struct tr_gguf_writer *w, const char *key)
{
    size_t i = tr__names_find(&w->key_index, w->kv, sizeof *w->kv, key);
    if (!may_declare(w, key) || i == TR__NO_NAME)
        return;
    free_kv(&w->kv[i]);
    w->n_kv--;
    memmove(&w->kv[i], &w->kv[i + 1], (w->n_kv - i) * sizeof *w->kv);
    tr__names_release(&w->key_index); /* places have moved */
    while (w->key_index.n < w->n_kv)
        if (tr__names_add(&w->key_index, w->kv, sizeof *w->kv)) {
            no_memory(w);
            return;
        }
}

const struct tr_gguf_kv *tr__gguf_declared(const struct tr_gguf_writer *w, const char *key)
{
    size_t i = tr__names_find(&w->key_index, w->kv, sizeof *w->kv, key);
    return i == TR__NO_NAME ? NULL : &w->kv[i];
}

/* Check and place one tensor; 0 or a code in w->err. */
static int describe_tensor(struct tr_gguf_writer *w, struct tr_gguf_tensor *t)
{
    struct tr_err why = { 0 };
    size_t n = strlen(t->name);
    if (n == 0 || n > MAX_NAME_WRITTEN)
        return mistake(w, TR_EFORMAT, "tensor '%.80s': name of %zu bytes, must be "
                          "1 to %d", t->name, n, MAX_NAME_WRITTEN);
    if (t->n_dim > TR__GGUF_MAX_DIM)
        return mistake(w, TR_EFORMAT, "tensor '%s': %d dimensions", t->name,
                          t->n_dim);
    if (tr_dtype_bytes(t->dtype, t->n_dim, t->dim, &t->bytes, &why))
        return mistake(w, why.code, "tensor '%s': %s", t->name, why.text);
    if ((uint64_t)t->bytes > INT64_MAX - w->data_end - TR__GGUF_ALIGN)
        return mistake(w, TR_EFORMAT, "tensor '%s': the file would be too large",
                          t->name);
    t->offset = w->data_end;
    return 0;
}

void tr_gguf_add_tensor(struct tr_gguf_writer *w, const char *name,
                        const struct tr_dtype *dtype, int n_dim, const int64_t *dim)
{
    struct tr_gguf_tensor t = { .name = name, .dtype = dtype, .n_dim = n_dim,
                                .dim = { 1, 1, 1, 1 } };
    for (int i = 0; i < n_dim && i < TR__GGUF_MAX_DIM; i++)
        t.dim[i] = dim[i];
    if (!may_declare(w, name) || describe_tensor(w, &t))
        return;
    if (tr__grow(&w->tensor, &w->cap_tensor, w->n_tensor + 1, sizeof t) ||
        !(t.name = strdup(name))) {
        no_memory(w);
        return;
    }
    w->tensor[w->n_tensor] = t;
    int rc = tr__names_add(&w->tensor_index, w->tensor, sizeof t);
    if (rc) {
        mistake(w, rc < 0 ? TR_ENOMEM : TR_EFORMAT, rc < 0 ? "out of memory for tensor '%s'"
                   : "tensor '%s' is declared twice", name);
        free((void *)(uintptr_t)t.name);
        return;
    }
    w->n_tensor++;
    w->data_end = tr__gguf_pad(w->data_end + (uint64_t)t.bytes, TR__GGUF_ALIGN);
}
