/* SPDX-License-Identifier: MIT
 *
 * Values are json-c's objects under another name, so that nobody else needs its header.
 * Parsing is a look for what json-c bends (scan.c), then json-c in its strict form.
 */
#include <libtrain/json.h>
#include <libtrain/json/scan.h>

#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct json_object *of(const struct tr_json *v)
{
    return (struct json_object *)(uintptr_t)v;
}

static struct tr_json *ours(struct json_object *v)
{
    return (struct tr_json *)v;
}

/* ==== parsing ==== */

static int wrong(struct tr_err *err, const char *name, uint64_t line, uint64_t at,
                 const char *bytes, size_t place, const char *what)
{
    for (size_t i = 0; i < place && line; i++)
        line += bytes[i] == '\n';
    if (!line)
        return tr_err_set(err, TR_EFORMAT, "'%s' byte %" PRIu64 ": %s", name, at + place,
                          what);
    return tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 " byte %" PRIu64 ": %s", name,
                      line, at + place, what);
}

static const char *says(enum json_tokener_error e)
{
    switch (e) {
    case json_tokener_success: return "more than one value";
    case json_tokener_continue:
    case json_tokener_error_parse_eof: return "the value has no end";
    case json_tokener_error_parse_object_key_name: return "not the key of an object";
    case json_tokener_error_parse_object_key_sep: return "no colon behind a key";
    case json_tokener_error_parse_object_value_sep: return "no comma between entries";
    case json_tokener_error_parse_array: return "no comma between values";
    default: return "not JSON";
    }
}

static size_t blanks(const char *bytes, size_t from, size_t n)
{
    while (from < n && bytes[from] && strchr(" \t\r\n", bytes[from]))
        from++;
    return from;
}

static struct json_object *parse(struct json_tokener *t, const char *bytes, size_t n,
                                 const char *name, uint64_t line, uint64_t at,
                                 struct tr_err *err)
{
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    struct json_object *v = json_tokener_parse_ex(t, bytes, (int)n);
    enum json_tokener_error e = json_tokener_get_error(t);
    size_t end = json_tokener_get_parse_end(t);
    if (e == json_tokener_continue) { /* a number or word is ended by what follows it */
        v = json_tokener_parse_ex(t, "\n", 1);
        e = json_tokener_get_error(t);
        end = n;
    }
    if (e != json_tokener_success || blanks(bytes, end, n) < n)
        wrong(err, name, line, at, bytes, blanks(bytes, end, n), says(e));
    else if (v)
        return v;
    else if (bytes[blanks(bytes, 0, n)] == 'n')
        wrong(err, name, line, at, bytes, blanks(bytes, 0, n),
              "null where a value is wanted");
    else /* the one way it fails without a reason */
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a value of %zu bytes", name, n);
    json_object_put(v);
    return NULL;
}

static struct json_object *parse_new(const char *bytes, size_t n, const char *name,
                                     uint64_t line, uint64_t at, struct tr_err *err)
{
    struct json_tokener *t = json_tokener_new_ex(TR_JSON_MAX_DEPTH + 1);
    struct json_object *v = NULL;
    if (t)
        v = parse(t, bytes, n, name, line, at, err);
    else
        tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", name);
    json_tokener_free(t);
    return v;
}

/* What is wrong with it is told of the original. */
static struct json_object *parse_unbent(const char *bytes, size_t n, const char *name,
                                        uint64_t line, uint64_t at, struct tr_err *err)
{
    size_t m;
    char *text = tr__json_unbent(bytes, n, &m);
    struct json_object *v = text ? parse_new(text, m, name, line, at, NULL) : NULL;
    free(text);
    if (v)
        return v;
    if (text)
        json_object_put(parse_new(bytes, n, name, line, at, err));
    tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", name); /* if nothing is told yet */
    return NULL;
}

struct tr_json *tr_json_parse(const char *bytes, size_t n, const char *name, uint64_t line,
                              uint64_t at, struct tr_err *err)
{
    size_t place = 0, n_bent = 0;
    const char *what = "a value of more than 1 GiB";
    if (blanks(bytes, 0, n) == n) {
        what = "no value";
        place = n;
    } else if (n <= TR_JSON_MAX_BYTES) {
        what = tr__json_scan(bytes, n, &place, &n_bent);
    }
    if (what) {
        wrong(err, name, line, at, bytes, place, what);
        return NULL;
    }
    return ours(n_bent ? parse_unbent(bytes, n, name, line, at, err) :
                parse_new(bytes, n, name, line, at, err));
}

void tr_json_free(struct tr_json *root)
{
    json_object_put(of(root));
}

/* ==== reading ==== */

enum tr_json_kind tr_json_kind(const struct tr_json *v)
{
    switch (json_object_get_type(of(v))) {
    case json_type_boolean: return TR_JSON_BOOL;
    case json_type_int: return TR_JSON_INT;
    case json_type_double: return TR_JSON_REAL;
    case json_type_string: return TR_JSON_STRING;
    case json_type_array: return TR_JSON_ARRAY;
    case json_type_object: return TR_JSON_OBJECT;
    default: return TR_JSON_NULL;
    }
}

int tr_json_bool(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_BOOL && json_object_get_boolean(of(v));
}

int tr_json_is_big(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_INT && json_object_get_uint64(of(v)) > INT64_MAX;
}

int64_t tr_json_int(const struct tr_json *v)
{
    if (tr_json_kind(v) != TR_JSON_INT)
        return 0;
    return tr_json_is_big(v) ? (int64_t)json_object_get_uint64(of(v)) :
           json_object_get_int64(of(v));
}

double tr_json_real(const struct tr_json *v)
{
    if (tr_json_is_big(v))
        return (double)json_object_get_uint64(of(v));
    enum tr_json_kind k = tr_json_kind(v);
    return k == TR_JSON_INT || k == TR_JSON_REAL ? json_object_get_double(of(v)) : 0;
}

const char *tr_json_string(const struct tr_json *v, size_t *n)
{
    int is = tr_json_kind(v) == TR_JSON_STRING;
    if (n)
        *n = is ? (size_t)json_object_get_string_len(of(v)) : 0;
    return is ? json_object_get_string(of(v)) : "";
}

size_t tr_json_count(const struct tr_json *v)
{
    enum tr_json_kind k = tr_json_kind(v);
    return k == TR_JSON_ARRAY ? json_object_array_length(of(v)) :
           k == TR_JSON_OBJECT ? (size_t)json_object_object_length(of(v)) : 0;
}

const struct tr_json *tr_json_at(const struct tr_json *array, size_t i)
{
    if (tr_json_kind(array) != TR_JSON_ARRAY)
        return NULL;
    return ours(json_object_array_get_idx(of(array), i));
}

const struct tr_json *tr_json_get(const struct tr_json *object, const char *key)
{
    struct json_object *v = NULL;
    if (tr_json_kind(object) == TR_JSON_OBJECT)
        json_object_object_get_ex(of(object), key, &v);
    return ours(v);
}

int tr_json_has(const struct tr_json *object, const char *key)
{
    return tr_json_kind(object) == TR_JSON_OBJECT &&
           json_object_object_get_ex(of(object), key, NULL);
}

struct tr_json_each tr_json_each(const struct tr_json *object)
{
    struct tr_json_each e = { 0 };
    if (tr_json_kind(object) == TR_JSON_OBJECT)
        e.next = json_object_get_object(of(object))->head;
    return e;
}

int tr_json_next(struct tr_json_each *e)
{
    const struct lh_entry *entry = e->next;
    if (!entry)
        return 0;
    e->key = entry->k;
    e->n_key = strlen(e->key);
    e->value = ours((struct json_object *)(uintptr_t)entry->v);
    e->next = entry->next;
    return 1;
}

/* ==== making ==== */

struct tr_json *tr_json_object(void)
{
    return ours(json_object_new_object());
}

struct tr_json *tr_json_array(void)
{
    return ours(json_object_new_array());
}

struct tr_json *tr_json_text(const char *s, size_t n)
{
    return n > INT_MAX ? NULL : ours(json_object_new_string_len(s, (int)n));
}

struct tr_json *tr_json_integer(int64_t i)
{
    return ours(json_object_new_int64(i));
}

struct tr_json *tr_json_number(double x)
{
    return ours(json_object_new_double(x));
}

struct tr_json *tr_json_truth(int b)
{
    return ours(json_object_new_boolean(b != 0));
}

int tr_json_set(struct tr_json *object, const char *key, struct tr_json *value)
{
    int rc = json_object_object_add(of(object), key, of(value));
    if (rc)
        json_object_put(of(value));
    return rc ? -1 : 0;
}

int tr_json_append(struct tr_json *array, struct tr_json *value)
{
    int rc = json_object_array_add(of(array), of(value));
    if (rc)
        json_object_put(of(value));
    return rc ? -1 : 0;
}

int tr_json_remove(struct tr_json *object, const char *key)
{
    int had = tr_json_has(object, key);
    if (had)
        json_object_object_del(of(object), key);
    return had;
}

struct tr_json *tr_json_share(const struct tr_json *v)
{
    return ours(json_object_get(of(v)));
}
