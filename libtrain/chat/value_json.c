/* SPDX-License-Identifier: MIT
 *
 * JSON as values of templates.  Strings are not copied: they point into the row.  Next:
 * conversation.c.
 */
#include <libtrain/chat/conversation.h>

#include <libtrain/json.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int integer(struct tr__run *r, const struct tr_json *v, struct tr__val *out)
{
    char text[24], *copy;
    *out = tr__int(tr_json_int(v));
    if (!tr_json_is_big(v))
        return 0;
    int n = snprintf(text, sizeof text, "%" PRIu64, (uint64_t)tr_json_int(v));
    if (!(copy = tr__alloc(r, (size_t)n, 1)))
        return r->err->code;
    memcpy(copy, text, (size_t)n);
    *out = (struct tr__val){ .kind = TR__BIG, .n = (size_t)n, .as.s = copy };
    return 0;
}

static int array(struct tr__run *r, const struct tr_json *v, enum tr__origin origin,
                 struct tr__val *out)
{
    size_t n = tr_json_count(v);
    struct tr__val *item = tr__alloc(r, n, sizeof *item);
    if (!item)
        return r->err->code;
    for (size_t i = 0; i < n; i++)
        if (tr__from_json(r, tr_json_at(v, i), origin, &item[i]))
            return r->err->code;
    return tr__list(r, TR__LIST, item, n, out);
}

static int object(struct tr__run *r, const struct tr_json *v, enum tr__origin origin,
                  struct tr__val *out)
{
    struct tr__pair *pair = tr__alloc(r, tr_json_count(v), sizeof *pair);
    struct tr_json_each e = tr_json_each(v);
    size_t n = 0;
    if (!pair)
        return r->err->code;
    for (; tr_json_next(&e); n++) {
        pair[n].key = tr__str(e.key, e.n_key, origin);
        if (tr__from_json(r, e.value, origin, &pair[n].value))
            return r->err->code;
    }
    return tr__dict(r, pair, n, out);
}

static int string(const struct tr_json *v, enum tr__origin origin, struct tr__val *out)
{
    size_t n;
    const char *s = tr_json_string(v, &n);
    *out = tr__str(s, n, n ? origin : TR__OURS);
    return 0;
}

int tr__from_json(struct tr__run *r, const struct tr_json *v, enum tr__origin origin,
                  struct tr__val *out)
{
    int rc = 0;
    enum tr_json_kind kind = tr_json_kind(v);
    *out = tr__none();
    if (kind == TR_JSON_STRING)
        return string(v, origin, out);
    if (kind == TR_JSON_OBJECT)
        rc = object(r, v, origin, out);
    else if (kind == TR_JSON_ARRAY)
        rc = array(r, v, origin, out);
    else if (kind == TR_JSON_INT)
        return integer(r, v, out);
    else if (kind == TR_JSON_REAL)
        *out = tr__float(tr_json_real(v));
    else if (kind == TR_JSON_BOOL)
        *out = tr__bool(tr_json_bool(v));
    out->origin = kind == TR_JSON_ARRAY || kind == TR_JSON_OBJECT ? (uint8_t)origin : 0;
    return rc;
}
