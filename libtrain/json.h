/* SPDX-License-Identifier: MIT
 *
 * JSON values (RFC 8259), read and written by json-c, which keeps the order of keys.  What
 * json-c would bend without a word is an error here: half of a surrogate pair, a number
 * that is too large, NaN, bytes that are not UTF-8, control characters in a string, a NUL
 * in a key, depth.  Of equal keys of an object the last value holds, in the place of the
 * first, as in Python.
 *
 * A value is its root's; it may be read by any thread while nobody changes the root.  JSON
 * null inside an array or object is NULL, and NULL may be given for any value.
 */
#ifndef LIBTRAIN_JSON_H
#define LIBTRAIN_JSON_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_json;

enum tr_json_kind {
    TR_JSON_NULL,
    TR_JSON_BOOL,
    TR_JSON_INT,
    TR_JSON_REAL,
    TR_JSON_STRING,
    TR_JSON_ARRAY,
    TR_JSON_OBJECT
};

enum {
    TR_JSON_MAX_DEPTH = 128,          /* arrays and objects inside each other */
    TR_JSON_MAX_BYTES = 1 << 30       /* of one value's text, and of its parts in memory */
};

/* The one value that stands in n bytes, with white space around it.  `bytes` begin at byte
 * `at` (from 0) of the file, in line `line` (from 1); failures (TR_EFORMAT) say "'name'
 * line 3 byte 71: …", and without a line, 0, "'name' byte 71: …".  A null by itself is
 * refused.  Release with tr_json_free. */
struct tr_json *tr_json_parse(const char *bytes, size_t n, const char *name, uint64_t line,
                              uint64_t at, struct tr_err *err) TR_MUST_CHECK;
void tr_json_free(struct tr_json *root);

/* The right kind is the caller's to know: another gives 0, "" or NULL. */
enum tr_json_kind tr_json_kind(const struct tr_json *v);
int tr_json_bool(const struct tr_json *v);
/* An integer above INT64_MAX is one of uint64_t: tr_json_is_big, and cast. */
int64_t tr_json_int(const struct tr_json *v);
int tr_json_is_big(const struct tr_json *v);
double tr_json_real(const struct tr_json *v); /* of an integer too */
/* n bytes of UTF-8, which may hold NUL, and a NUL behind them.  Also ends with v. */
const char *tr_json_string(const struct tr_json *v, size_t *n);
/* Entries of an array or object. */
size_t tr_json_count(const struct tr_json *v);
const struct tr_json *tr_json_at(const struct tr_json *array, size_t i); /* i < count */
/* NULL if there is no such key, or null stands there. */
const struct tr_json *tr_json_get(const struct tr_json *object, const char *key);
int tr_json_has(const struct tr_json *object, const char *key);

/* Entries of an object in their order:
 *     struct tr_json_each e = tr_json_each(object);
 *     while (tr_json_next(&e))
 *         … e.key … e.value …
 * Nothing of the object may change meanwhile. */
struct tr_json_each {
    const void *next;
    const char *key;
    size_t n_key;
    const struct tr_json *value;
};
struct tr_json_each tr_json_each(const struct tr_json *object);
int tr_json_next(struct tr_json_each *e);

/* Entries of the text of an object, one at a time and without the others in memory: for
 * headers of many megabytes, and where a key that comes twice must be seen.  Set `name` and
 * `object` and leave the rest zero; nothing is copied. */
struct tr_json_piece { /* a part of a text */
    const char *text;
    size_t n;
    uint64_t at; /* the byte of the file where it begins, for messages */
};
struct tr_json_walk {
    const char *name; /* of the file */
    struct tr_json_piece object;
    struct tr_json_piece key, value; /* of the entry; the key with its quotes */
    size_t place;                    /* how far it has come */
};
/* 1: an entry; 0: there was one `}` behind the last, and white space; TR_EFORMAT.  What is
 * inside of a key or value is looked at when it is parsed. */
int tr_json_walk(struct tr_json_walk *w, struct tr_err *err) TR_MUST_CHECK;
/* The value of a piece (tr_json_parse).  Its `text` is longer than `most`: TR_EFORMAT. */
struct tr_json *tr_json_piece(const struct tr_json_walk *w, const struct tr_json_piece *p,
                              size_t most, struct tr_err *err) TR_MUST_CHECK;

/* New values; NULL when out of memory. */
struct tr_json *tr_json_object(void);
struct tr_json *tr_json_array(void);
struct tr_json *tr_json_text(const char *s, size_t n); /* UTF-8 */
struct tr_json *tr_json_integer(int64_t i);
struct tr_json *tr_json_number(double x); /* finite */
struct tr_json *tr_json_truth(int b);
/* Put an entry at the end, or in the place of the one with this key.  `value` becomes the
 * container's, also when that fails: -1, out of memory. */
int tr_json_set(struct tr_json *object, const char *key,
                struct tr_json *value) TR_MUST_CHECK;
int tr_json_append(struct tr_json *array, struct tr_json *value) TR_MUST_CHECK;
int tr_json_remove(struct tr_json *object, const char *key); /* 1 if it was there */
/* One more owner of a value, so that two roots may hold it; v is freed with the last of
 * them.  All owners must be the same thread's. */
struct tr_json *tr_json_share(const struct tr_json *v);

/* Text of a value as Python's json.dumps writes it, reals in the shortest form that reads
 * back as the same. */
enum {
    TR_JSON_ASCII = 1, /* \uXXXX for all that is not ASCII */
    TR_JSON_SORT = 2   /* keys in the order of their bytes */
};
struct tr_json_style {
    int flags;
    int indent;              /* blanks a level, negative: all in one line */
    const char *item, *key;  /* separators; NULL: ", " (in lines "," ), ": " */
};
/* Append to a growing buffer (malloc'ed, *n of *cap used; no NUL behind it).  NULL for
 * `style`: one line.  -1 when out of memory. */
int tr_json_write(const struct tr_json *v, const struct tr_json_style *style, char **buf,
                  size_t *n, size_t *cap) TR_MUST_CHECK;

/* How a character stands in a string of JSON where it cannot stand for itself: \n, \u001f,
 * and with `ascii` all that is not printable ASCII, in pairs of surrogates if need be.  Its
 * length; 0: as it is. */
size_t tr_json_escape(uint32_t c, int ascii, char to[16]);

/* Shortest decimal of x as Python's repr: 2.5, 1e-07, 1e+16, inf, nan.  Its length. */
size_t tr_json_real_text(double x, char to[32]);

#ifdef __cplusplus
}
#endif
#endif
