/* SPDX-License-Identifier: MIT
 *
 * The values behind the keys of a GGUF file: typed getters, elements of arrays, and the
 * table of value types.
 */
#include <libtrain/gguf/reader.h>

#include <string.h>

int tr_str_is(struct tr_str s, const char *text)
{
    return s.len == strlen(text) && !memcmp(s.ptr, text, s.len);
}

const char *tr_gguf_type_name(enum tr_gguf_type type)
{
    return (unsigned)type < TR_GGUF_N_TYPE ? tr__gguf_value[type].name : "?";
}

static int wrong_type(const struct tr_gguf *g, const struct tr_gguf_kv *kv,
                      const char *wanted, struct tr_err *err)
{
    int array = kv->type == TR_GGUF_ARRAY;
    return tr_err_set(err, TR_EFORMAT, "'%s': key '%.64s' has type %s%s, must be %s",
                      g->path, kv->key, array ? "array of " : "",
                      tr_gguf_type_name(kv->elem), wanted);
}

/* 1 and *out if the key is there with this type. */
static int find(const struct tr_gguf *g, const char *key, enum tr_gguf_type type,
                const struct tr_gguf_kv **out, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, key);
    if (!kv)
        return 0;
    if (kv->type != type)
        return wrong_type(g, kv, tr_gguf_type_name(type), err);
    *out = kv;
    return 1;
}

int tr_gguf_int(const struct tr_gguf *g, const char *key, int64_t *out, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, key);
    if (!kv)
        return 0;
    if (!tr__gguf_value[kv->type].as_int)
        return wrong_type(g, kv, "an integer", err);
    int64_t v = tr__gguf_value[kv->type].as_int(kv->data);
    if (kv->type == TR_GGUF_U64 && v < 0)
        return tr_err_set(err, TR_EFORMAT, "'%s': key '%.64s' is %llu, which is too large",
                          g->path, key, (unsigned long long)v);
    *out = v;
    return 1;
}

int tr_gguf_f32(const struct tr_gguf *g, const char *key, float *out, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = NULL;
    int rc = find(g, key, TR_GGUF_F32, &kv, err);
    if (rc > 0)
        memcpy(out, kv->data, sizeof *out);
    return rc;
}

int tr_gguf_bool(const struct tr_gguf *g, const char *key, int *out, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = NULL;
    int rc = find(g, key, TR_GGUF_BOOL, &kv, err);
    if (rc > 0)
        *out = *(const unsigned char *)kv->data;
    return rc;
}

int tr_gguf_string(const struct tr_gguf *g, const char *key, struct tr_str *out,
                   struct tr_err *err)
{
    const struct tr_gguf_kv *kv = NULL;
    uint64_t cursor = 0;
    int rc = find(g, key, TR_GGUF_STRING, &kv, err);
    if (rc > 0)
        *out = tr_gguf_elem_string(kv, &cursor);
    return rc;
}

int tr_gguf_array(const struct tr_gguf *g, const char *key, enum tr_gguf_type elem,
                  const struct tr_gguf_kv **out, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, key);
    if (!kv)
        return 0;
    if (kv->type != TR_GGUF_ARRAY || kv->elem != elem) {
        char wanted[32] = "array of ";
        strcat(wanted, tr_gguf_type_name(elem));
        return wrong_type(g, kv, wanted, err);
    }
    *out = kv;
    return 1;
}

int tr_gguf_ints(const struct tr_gguf *g, const char *key, const struct tr_gguf_kv **out,
                 struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, key);
    if (!kv)
        return 0;
    if (kv->type != TR_GGUF_ARRAY || !tr__gguf_value[kv->elem].as_int)
        return wrong_type(g, kv, "array of integers", err);
    *out = kv;
    return 1;
}

int64_t tr_gguf_elem_int(const struct tr_gguf_kv *kv, uint64_t i)
{
    const struct tr__gguf_value *v = &tr__gguf_value[kv->elem];
    const char *p = (const char *)kv->data + i * v->bytes;
    if (v->as_int)
        return v->as_int(p);
    double x = v->as_float(p);
    return x > -9e18 && x < 9e18 ? (int64_t)x : 0;
}

double tr_gguf_elem_float(const struct tr_gguf_kv *kv, uint64_t i)
{
    const struct tr__gguf_value *v = &tr__gguf_value[kv->elem];
    return v->as_float((const char *)kv->data + i * v->bytes);
}

struct tr_str tr_gguf_elem_string(const struct tr_gguf_kv *kv, uint64_t *cursor)
{
    const char *p = (const char *)kv->data + *cursor;
    uint64_t len;
    memcpy(&len, p, sizeof len);
    *cursor += sizeof len + len;
    return (struct tr_str){ p + sizeof len, (size_t)len };
}

#define AS_FLOAT(name, type)                                                             \
    static double name##_float(const void *p)                                            \
    {                                                                                    \
        type v;                                                                          \
        memcpy(&v, p, sizeof v);                                                         \
        return (double)v;                                                                \
    }
#define AS_INT(name, type)                                                               \
    static int64_t name##_int(const void *p)                                             \
    {                                                                                    \
        type v;                                                                          \
        memcpy(&v, p, sizeof v);                                                         \
        return (int64_t)v;                                                               \
    }                                                                                    \
    AS_FLOAT(name, type)

AS_INT(u8, uint8_t)
AS_INT(i8, int8_t)
AS_INT(u16, uint16_t)
AS_INT(i16, int16_t)
AS_INT(u32, uint32_t)
AS_INT(i32, int32_t)
AS_INT(u64, uint64_t)
AS_INT(i64, int64_t)
AS_FLOAT(f32, float)
AS_FLOAT(f64, double)

static double no_float(const void *p)
{
    (void)p;
    return 0;
}

/* A bool is no integer to tr_gguf_int, but an array of them has elements 0 and 1. */
const struct tr__gguf_value tr__gguf_value[TR_GGUF_N_TYPE] = {
    [TR_GGUF_U8] = { "u8", 1, u8_int, u8_float },
    [TR_GGUF_I8] = { "i8", 1, i8_int, i8_float },
    [TR_GGUF_U16] = { "u16", 2, u16_int, u16_float },
    [TR_GGUF_I16] = { "i16", 2, i16_int, i16_float },
    [TR_GGUF_U32] = { "u32", 4, u32_int, u32_float },
    [TR_GGUF_I32] = { "i32", 4, i32_int, i32_float },
    [TR_GGUF_F32] = { "f32", 4, NULL, f32_float },
    [TR_GGUF_BOOL] = { "bool", 1, NULL, u8_float },
    [TR_GGUF_STRING] = { "string", 0, NULL, no_float },
    [TR_GGUF_ARRAY] = { "array", 0, NULL, no_float },
    [TR_GGUF_U64] = { "u64", 8, u64_int, u64_float },
    [TR_GGUF_I64] = { "i64", 8, i64_int, i64_float },
    [TR_GGUF_F64] = { "f64", 8, NULL, f64_float },
};
