/* SPDX-License-Identifier: MIT
 *
 * What a GGUF says of its vocabulary and the files of a tokenizer cannot: ids that only keys
 * tell, types of tokens that look like others, twins of a pre-tokenizer, keys that are missing.
 * A folder that was written is read again, and what came out otherwise stands in its
 * tokenizer_config.json as "libtrain": {KEY: [as read, as it was]}, null for a key that is not
 * there, and types by id.  Programs that do not know the entry pass it over.  Reading puts back what was,
 * where it comes to the same again: what somebody has changed in the other files counts more.
 */
#include <libtrain/gguf/gguf.h>
#include <libtrain/hf/vocab_files.h>
#include <libtrain/hf/vocab_out.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

#define PREFIX "tokenizer.ggml."
static const char types_key[] = PREFIX "token_type";
enum { MOST_TEXT = 1 << 10 };

static int is_text(const struct tr_gguf_kv *kv)
{
    uint64_t cursor = 0;
    struct tr_str s = tr_gguf_elem_string(kv, &cursor);
    size_t at = 0, len = 1;
    for (; at < s.len && len; at += len)
        len = tr__utf8_len(s.ptr + at, s.len - at);
    return len && s.len <= MOST_TEXT && !memchr(s.ptr, '\0', s.len);
}

/* A key of one value that is not what the vocabulary itself is. */
static int is_carried(const char *key)
{
    return !strncmp(key, PREFIX, strlen(PREFIX)) && strcmp(key, PREFIX "model");
}

/* A text or a number that set_value takes. */
static int has_form(const struct tr_gguf_kv *kv)
{
    if (!kv || kv->type == TR_GGUF_STRING)
        return !kv || is_text(kv);
    if (kv->type == TR_GGUF_ARRAY || kv->type == TR_GGUF_F32 || kv->type == TR_GGUF_F64)
        return 0;
    int64_t i = tr_gguf_elem_int(kv, 0);
    return i >= 0 && i <= UINT32_MAX;
}

static struct tr_str string_of(const struct tr_gguf_kv *kv)
{
    uint64_t cursor = 0;
    return kv->type == TR_GGUF_STRING ? tr_gguf_elem_string(kv, &cursor)
                                      : (struct tr_str){ NULL, 0 };
}

static int same(const struct tr_gguf_kv *a, const struct tr_gguf_kv *b)
{
    if (!a || !b || (a->type == TR_GGUF_STRING) != (b->type == TR_GGUF_STRING))
        return a == b;
    struct tr_str s = string_of(a), t = string_of(b);
    return s.ptr ? s.len == t.len && !memcmp(s.ptr, t.ptr, s.len)
                 : tr_gguf_elem_int(a, 0) == tr_gguf_elem_int(b, 0);
}

/* ---- written ---------------------------------------------------------------------- */

static void put_value(FILE *f, const struct tr_gguf_kv *kv)
{
    if (!kv)
        fputs("null", f);
    else if (kv->type == TR_GGUF_STRING)
        tr__hf_out_string(f, string_of(kv));
    else if (kv->type == TR_GGUF_BOOL)
        fputs(tr_gguf_elem_int(kv, 0) ? "true" : "false", f);
    else
        fprintf(f, "%lld", (long long)tr_gguf_elem_int(kv, 0));
}

static const char *start(FILE *f, size_t *n)
{
    if (!*n)
        fputs(",\n  \"libtrain\": {", f);
    return (*n)++ ? "," : "";
}

static void put_key(FILE *f, size_t *n, const char *key, const struct tr_gguf_kv *read,
                    const struct tr_gguf_kv *was)
{
    if (!is_carried(key) || !has_form(read) || !has_form(was) || same(read, was))
        return;
    fprintf(f, "%s\n    ", start(f, n));
    tr__hf_out_string(f, (struct tr_str){ key, strlen(key) });
    fputs(": [", f);
    put_value(f, read);
    fputs(", ", f);
    put_value(f, was);
    putc(']', f);
}

static const struct tr_gguf_kv *types_of(const struct tr_gguf *g)
{
    const struct tr_gguf_kv *kv;
    return tr_gguf_ints(g, types_key, &kv, NULL) == 1 ? kv : NULL;
}

static void put_types(FILE *f, size_t *n, const struct tr_gguf_kv *read,
                      const struct tr_gguf_kv *was)
{
    size_t k = 0;
    for (uint64_t i = 0; read && was && i < read->count && i < was->count; i++) {
        long long a = tr_gguf_elem_int(read, i), b = tr_gguf_elem_int(was, i);
        if (a == b || b < 1 || b > 6)
            continue;
        if (!k)
            fprintf(f, "%s\n    \"%s\": {", start(f, n), types_key);
        fprintf(f, "%s\"%llu\": [%lld, %lld]", k++ ? ", " : "", (unsigned long long)i, a, b);
    }
    if (k)
        putc('}', f);
}

void tr__hf_out_own(FILE *f, const struct tr_gguf *g, const struct tr_gguf *read)
{
    size_t n = 0;
    for (size_t i = 0; i < tr_gguf_n_kv(g); i++) {
        const struct tr_gguf_kv *kv = tr_gguf_kv(g, i);
        put_key(f, &n, kv->key, tr_gguf_find_kv(read, kv->key), kv);
    }
    for (size_t i = 0; i < tr_gguf_n_kv(read); i++) {
        const struct tr_gguf_kv *kv = tr_gguf_kv(read, i);
        if (!tr_gguf_find_kv(g, kv->key))
            put_key(f, &n, kv->key, kv, NULL);
    }
    put_types(f, &n, types_of(read), types_of(g));
    if (n)
        fputs("\n  }", f);
}

/* ---- and read --------------------------------------------------------------------- */

/* Is this what the key has? */
static int is_so(const struct tr_gguf_kv *kv, const struct tr_json *v)
{
    size_t n;
    enum tr_json_kind kind = tr_json_kind(v);
    if (!kv || kind == TR_JSON_NULL)
        return !kv && kind == TR_JSON_NULL;
    if (kv->type == TR_GGUF_STRING) {
        struct tr_str s = string_of(kv);
        const char *text = tr_json_string(v, &n);
        return kind == TR_JSON_STRING && n == s.len && !memcmp(text, s.ptr, n);
    }
    if (kv->type == TR_GGUF_BOOL)
        return kind == TR_JSON_BOOL && tr_json_bool(v) == (tr_gguf_elem_int(kv, 0) != 0);
    return kind == TR_JSON_INT && kv->type != TR_GGUF_ARRAY && !tr_json_is_big(v) &&
           tr_json_int(v) == tr_gguf_elem_int(kv, 0);
}

/* 0 if it can be the value of a key. */
static int set_value(struct tr_gguf_writer *w, const char *key, const struct tr_json *v)
{
    size_t n;
    const char *text = tr_json_string(v, &n);
    int64_t i = tr_json_int(v);
    switch (tr_json_kind(v)) {
    case TR_JSON_NULL:
        return tr_gguf_unset(w, key), 0;
    case TR_JSON_BOOL:
        return tr_gguf_set_bool(w, key, tr_json_bool(v)), 0;
    case TR_JSON_STRING:
        if (n > MOST_TEXT || memchr(text, '\0', n))
            return -1;
        return tr_gguf_set_string(w, key, text), 0;
    case TR_JSON_INT:
        if (tr_json_is_big(v) || i < 0 || i > UINT32_MAX)
            return -1;
        return tr_gguf_set_u32(w, key, (uint32_t)i), 0;
    default:
        return -1;
    }
}

static int is_type(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_INT && !tr_json_is_big(v) && tr_json_int(v) >= 1 &&
           tr_json_int(v) <= 6;
}

/* {"ID": [as read, as it was]} */
static int set_types(struct tr_gguf_writer *w, const struct tr_json *v, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr__gguf_declared(w, types_key);
    size_t n = kv ? (size_t)kv->count : 0, bad = tr_json_kind(v) != TR_JSON_OBJECT;
    int32_t *type = malloc((n + 1) * sizeof *type);
    struct tr_json_each e = tr_json_each(v);
    if (!type)
        return tr_err_sys(err, "cannot hold %zu types", n);
    for (size_t i = 0; i < n; i++)
        type[i] = (int32_t)tr_gguf_elem_int(kv, i);
    while (!bad && tr_json_next(&e)) {
        char *end;
        unsigned long long id = strtoull(e.key, &end, 10);
        const struct tr_json *read = tr_json_at(e.value, 0), *was = tr_json_at(e.value, 1);
        bad = !e.n_key || *end || e.n_key > 18 || !is_type(read) || !is_type(was);
        if (!bad && id < n && type[id] == tr_json_int(read))
            type[id] = (int32_t)tr_json_int(was);
    }
    if (!bad && n)
        tr_gguf_set_array(w, types_key, TR_GGUF_I32, type, n);
    free(type);
    return bad ? tr_err_set(err, TR_EFORMAT, "'%s' of 'libtrain' is not types by id",
                            types_key) : 0;
}

static int set_key(struct tr_gguf_writer *w, const char *key, const struct tr_json *v,
                   struct tr_err *err)
{
    if (!strcmp(key, types_key))
        return set_types(w, v, err);
    const struct tr_gguf_kv *kv = tr__gguf_declared(w, key);
    int bad = !is_carried(key) || tr_json_count(v) != 2 || (kv && kv->type == TR_GGUF_ARRAY);
    if (!bad && is_so(kv, tr_json_at(v, 0)))
        bad = set_value(w, key, tr_json_at(v, 1));
    return bad ? tr_err_set(err, TR_EFORMAT, "'%.60s' of 'libtrain' is no key of a vocabulary with "
                            "two values", key) : 0;
}

int tr__hf_vocab_own(struct tr_gguf_writer *w, const struct tr__hf_vocab_files *f, int has_pre,
                     struct tr_err *err)
{
    struct tr_json_each e = tr_json_each(tr_json_get(f->settings, "libtrain"));
    int rc = 0;
    while (!rc && tr_json_next(&e))
        if (!has_pre || strcmp(e.key, PREFIX "pre"))
            rc = set_key(w, e.key, e.value, err);
    if (rc)
        tr_err_prefix(err, "'%s/tokenizer_config.json'", f->dir);
    return rc;
}
