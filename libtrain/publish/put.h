/* SPDX-License-Identifier: MIT
 *
 * Files of a folder that is being made, and objects of JSON for them, built without a look at
 * each step.
 */
#ifndef LIBTRAIN_PUBLISH_PUT_H
#define LIBTRAIN_PUBLISH_PUT_H

#include <libtrain/base/base.h>
#include <libtrain/file.h>
#include <libtrain/json.h>

#include <string.h>

struct tr__put { /* start with { tr_json_object() } */
    struct tr_json *v;
    int failed; /* something did not get there, for lack of memory */
};

/* The value becomes the object's; NULL is a failure, not null. */
static inline void tr__put(struct tr__put *o, const char *key, struct tr_json *v)
{
    if (v && o->v)
        o->failed |= tr_json_set(o->v, key, v) != 0;
    else
        tr_json_free(v);
    o->failed |= !v || !o->v;
}

static inline void tr__put_text(struct tr__put *o, const char *key, const char *text)
{
    tr__put(o, key, tr_json_text(text, strlen(text)));
}

static inline void tr__put_int(struct tr__put *o, const char *key, int64_t n)
{
    tr__put(o, key, tr_json_integer(n));
}

static inline void tr__put_real(struct tr__put *o, const char *key, double x)
{
    tr__put(o, key, tr_json_number(x));
}

static inline void tr__put_bool(struct tr__put *o, const char *key, int b)
{
    tr__put(o, key, tr_json_truth(b));
}

static inline void tr__put_null(struct tr__put *o, const char *key)
{
    o->failed |= !o->v || tr_json_set(o->v, key, NULL);
}

/* Text of JSON, which is right. */
static inline void tr__put_json(struct tr__put *o, const char *key, const char *json)
{
    if (!strcmp(json, "null"))
        tr__put_null(o, key);
    else
        tr__put(o, key, tr_json_parse(json, strlen(json), key, 0, 0, NULL));
}

/* Another object, which is used up. */
static inline void tr__put_object(struct tr__put *o, const char *key, struct tr__put *other)
{
    o->failed |= other->failed;
    tr__put(o, key, other->v);
    other->v = NULL;
}

/* Begin a file of a folder; tr__put_end it, if rc, what came of it so far, is 0. */
struct tr_out *tr__put_begin(const struct tr__folder *folder, const char *name,
                             struct tr_err *err) TR_MUST_CHECK;
int tr__put_end(struct tr__folder *folder, struct tr_out *out, int rc,
                struct tr_err *err) TR_MUST_CHECK;
/* Write it as a file of a folder, and free it. */
int tr__put_file(struct tr__put *o, struct tr__folder *folder, const char *name,
                 struct tr_err *err) TR_MUST_CHECK;

#endif
