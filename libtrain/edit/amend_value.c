/* SPDX-License-Identifier: MIT
 *
 * Values of keys from text.  Numbers, bools and arrays are JSON, so that there is one way
 * to write them and one that says what is wrong; strings are taken as they are.
 */
#include <libtrain/edit/amend.h>
#include <libtrain/json.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one value -------------------------------------------------------------------- */

/* What an integer type holds. */
static const struct {
    enum tr_gguf_type type;
    uint64_t bytes;
    int64_t least;
    uint64_t most;
} integers[] = {
    { TR_GGUF_U8, 1, 0, UINT8_MAX },          { TR_GGUF_I8, 1, INT8_MIN, INT8_MAX },
    { TR_GGUF_U16, 2, 0, UINT16_MAX },        { TR_GGUF_I16, 2, INT16_MIN, INT16_MAX },
    { TR_GGUF_U32, 4, 0, UINT32_MAX },        { TR_GGUF_I32, 4, INT32_MIN, INT32_MAX },
    { TR_GGUF_U64, 8, 0, UINT64_MAX },        { TR_GGUF_I64, 8, INT64_MIN, INT64_MAX },
};
enum { N_INTEGER = sizeof integers / sizeof *integers };

/* Each stores v as this type at `to` and returns its bytes, or 0 if it is none. */
static uint64_t store_integer(int i, const struct tr_json *v, void *to)
{
    int64_t x = tr_json_int(v);
    int big = tr_json_is_big(v);
    if (tr_json_kind(v) != TR_JSON_INT || (!big && x < integers[i].least) ||
        ((big || x >= 0) && (uint64_t)x > integers[i].most))
        return 0;
    unsigned char le[8];
    tr__put_u64(le, (uint64_t)x);
    memcpy(to, le, integers[i].bytes);
    return integers[i].bytes;
}

static uint64_t store_real(enum tr_gguf_type type, const struct tr_json *v, void *to)
{
    double x = tr_json_real(v);
    float f = (float)x;
    if ((tr_json_kind(v) != TR_JSON_INT && tr_json_kind(v) != TR_JSON_REAL) ||
        (type == TR_GGUF_F32 && !isfinite(f)))
        return 0;
    if (type == TR_GGUF_F32)
        memcpy(to, &f, sizeof f);
    else
        memcpy(to, &x, sizeof x);
    return type == TR_GGUF_F32 ? sizeof f : sizeof x;
}

static uint64_t store(enum tr_gguf_type type, const struct tr_json *v, void *to)
{
    for (int i = 0; i < N_INTEGER; i++)
        if (integers[i].type == type)
            return store_integer(i, v, to);
    if (type != TR_GGUF_BOOL)
        return store_real(type, v, to);
    if (tr_json_kind(v) != TR_JSON_BOOL)
        return 0;
    *(unsigned char *)to = (unsigned char)tr_json_bool(v);
    return 1;
}

/* ---- into the bytes of a file ----------------------------------------------------- */

struct bytes {
    char *p;
    size_t n, cap;
};

static int append(struct bytes *b, const void *data, size_t n)
{
    if (tr__grow(&b->p, &b->cap, b->n + n + 1, 1))
        return -1;
    memcpy(b->p + b->n, data, n);
    b->n += n;
    return 0;
}

static int append_string(struct bytes *b, const char *s, size_t n)
{
    unsigned char le[8];
    tr__put_u64(le, n);
    return append(b, le, sizeof le) || append(b, n ? s : "", n) ? -1 : 0;
}

/* 0; 1: it is not of this type; -1: out of memory */
static int append_value(struct bytes *b, enum tr_gguf_type type, const struct tr_json *v)
{
    char one[8];
    size_t n;
    if (type == TR_GGUF_STRING) {
        const char *s = tr_json_string(v, &n);
        return tr_json_kind(v) == TR_JSON_STRING ? append_string(b, s, n) : 1;
    }
    n = (size_t)store(type, v, one);
    return n ? append(b, one, n) : 1;
}

static int finish(struct tr_amend *a, struct tr_gguf_kv *kv, struct bytes *b,
                  struct tr_err *err)
{
    kv->data_bytes = b->n;
    if (!b->p && append(b, "", 0))
        b->p = NULL;
    return (kv->data = tr__amend_own(a, b->p, err)) ? 0 : TR_ENOMEM;
}

int tr__amend_text(struct tr_amend *a, struct tr_gguf_kv *kv, struct tr_str text,
                   struct tr_err *err)
{
    struct bytes b = { 0 };
    for (size_t i = 0, n; i < text.len; i += n)
        if (!(n = tr__utf8_len(text.ptr + i, text.len - i)))
            return tr__amend_wrong(a, TR__VALUE, kv->key, err, "its text is not UTF-8");
    kv->type = kv->elem = TR_GGUF_STRING;
    kv->count = 1;
    if (append_string(&b, text.ptr, text.len)) {
        free(b.p);
        b = (struct bytes){ 0 };
    }
    return finish(a, kv, &b, err);
}

/* ---- types ------------------------------------------------------------------------ */

/* "u32" or "u32[]" into kv; 0, or 1. */
static int read_type(struct tr_gguf_kv *kv, const char *type)
{
    size_t n = strlen(type);
    int array = n > 2 && !strcmp(type + n - 2, "[]");
    n -= array ? 2 : 0;
    for (int i = 0; i < TR_GGUF_N_TYPE; i++) {
        const char *name = tr_gguf_type_name((enum tr_gguf_type)i);
        if (i == TR_GGUF_ARRAY || strlen(name) != n || memcmp(name, type, n))
            continue;
        kv->elem = (enum tr_gguf_type)i;
        kv->type = array ? TR_GGUF_ARRAY : kv->elem;
        return 0;
    }
    return 1;
}

/* All of an array, or the one value. */
static int append_json(struct tr_amend *a, struct tr_gguf_kv *kv, struct bytes *b,
                       const struct tr_json *v, const char *type, struct tr_err *err)
{
    int array = kv->type == TR_GGUF_ARRAY, rc = 0;
    if (array && tr_json_kind(v) != TR_JSON_ARRAY)
        return tr__amend_wrong(a, TR__VALUE, kv->key, err, "an array is written [1, 2, 3]");
    kv->count = array ? tr_json_count(v) : 1;
    for (uint64_t i = 0; !rc && i < kv->count; i++) {
        rc = append_value(b, kv->elem, array ? tr_json_at(v, i) : v);
        if (rc > 0 && array)
            rc = tr__amend_wrong(a, TR__VALUE, kv->key, err, "element %llu is no %s",
                                 (unsigned long long)i, tr_gguf_type_name(kv->elem));
        else if (rc > 0)
            rc = tr__amend_wrong(a, TR__VALUE, kv->key, err, "the value is no %s", type);
        else if (rc)
            rc = tr_err_set(err, TR_ENOMEM, "'%s': out of memory for key '%s'",
                            tr_gguf_path(a->g), kv->key);
    }
    return rc;
}

int tr__amend_value(struct tr_amend *a, struct tr_gguf_kv *kv, const char *type,
                    const char *value, struct tr_err *err)
{
    struct bytes b = { 0 };
    struct tr_err why = { 0 };
    if (read_type(kv, type))
        return tr__amend_wrong(a, TR__VALUE, kv->key, err, "'%.32s' is no type; there are u8 i8 "
                               "u16 i16 u32 i32 u64 i64 f32 f64 bool string, and [] behind "
                               "one for an array", type);
    if (kv->type == TR_GGUF_STRING)
        return tr__amend_text(a, kv, (struct tr_str){ value, strlen(value) }, err);
    struct tr_json *v = tr_json_parse(value, strlen(value), kv->key, 0, 0, &why);
    if (!v)
        return tr__amend_wrong(a, TR__VALUE, kv->key, err, "the value is no %s: %s", type,
                               why.text);
    int rc = append_json(a, kv, &b, v, type, err);
    tr_json_free(v);
    if (!rc)
        return finish(a, kv, &b, err);
    free(b.p);
    return rc;
}
