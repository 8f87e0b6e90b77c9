/* SPDX-License-Identifier: MIT
 *
 * What a row must be, in the words of JSON Schema, so that editors understand the same
 * file.  Only those that rows of text need are known; any other is refused when the schema
 * is read, since a rule that is passed over in silence is worse than none.  A value is
 * compared by walking both trees; the failure says where in the value.
 */
#include <libtrain/base/base.h>
#include <libtrain/dataset/tree.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PLACE = 160 }; /* bytes of a place in words, "metadata.tags[2]" */

/* What holds for a value: a word of the schema, the form of its argument, the rule. */
struct rule {
    const char *word;
    int (*formed)(const struct tr_json *arg);
    int (*holds)(const struct rule *r, const struct tr_json *arg, const struct tr_json *v,
                 const char *place, struct tr_err *err); /* NULL: says nothing by itself */
    /* of a bound: the values that it is about, which end of them, what is counted */
    int (*about)(const struct tr_json *v);
    int most;
    const char *unit;
};

static int walk(const struct tr_json *schema, const struct tr_json *v, const char *place,
                struct tr_err *err);

static int wrong(struct tr_err *err, const char *place, const char *what)
{
    if (!*place)
        return tr_err_set(err, TR_EFORMAT, "the row %s", what);
    return tr_err_set(err, TR_EFORMAT, "'%s' %s", place, what);
}

static void below(char to[PLACE], const char *place, const char *key)
{
    snprintf(to, PLACE, *place ? "%s.%s" : "%s%s", place, key);
}

/* ---- kinds of values -------------------------------------------------------------- */

static const struct kind {
    const char *name, *words;
    enum tr_json_kind kind;
} kinds[] = { /* the first of each kind of value gives the words for it */
    { "null", "null", TR_JSON_NULL },     { "boolean", "true or false", TR_JSON_BOOL },
    { "integer", "a number", TR_JSON_INT }, { "number", "a number", TR_JSON_REAL },
    { "string", "a string", TR_JSON_STRING }, { "array", "a list", TR_JSON_ARRAY },
    { "object", "an object", TR_JSON_OBJECT },
};
enum { N_KIND = sizeof kinds / sizeof *kinds };

const char *tr__json_words(const struct tr_json *v)
{
    for (size_t i = 0; i < N_KIND; i++)
        if (kinds[i].kind == tr_json_kind(v))
            return kinds[i].words;
    return "nothing";
}

static const char *string_of(const struct tr_json *v)
{
    size_t n;
    return tr_json_kind(v) == TR_JSON_STRING ? tr_json_string(v, &n) : "";
}

static int is_number(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_INT || tr_json_kind(v) == TR_JSON_REAL;
}

static int is_kind(const struct tr_json *v, const char *name)
{
    for (size_t i = 0; i < N_KIND; i++)
        if (!strcmp(kinds[i].name, name))
            return tr_json_kind(v) == kinds[i].kind ||
                   (!strcmp(name, "number") && is_number(v)) ||
                   (!strcmp(name, "integer") && is_number(v) &&
                    tr_json_real(v) == floor(tr_json_real(v)));
    return 0;
}

static int is_kind_name(const struct tr_json *arg)
{
    for (size_t i = 0; i < N_KIND; i++)
        if (!strcmp(kinds[i].name, string_of(arg)))
            return 1;
    return 0;
}

/* ---- forms of arguments ----------------------------------------------------------- */

static int is_string(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_STRING;
}

static int is_list(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_ARRAY;
}

static int is_simple(const struct tr_json *v)
{
    return !is_list(v) && tr_json_kind(v) != TR_JSON_OBJECT;
}

static int all(const struct tr_json *list, int (*good)(const struct tr_json *))
{
    int yes = is_list(list);
    for (size_t i = 0; yes && i < tr_json_count(list); i++)
        yes = good(tr_json_at(list, i));
    return yes;
}

static int kind_or_kinds(const struct tr_json *arg)
{
    return is_kind_name(arg) || all(arg, is_kind_name);
}

static int strings(const struct tr_json *arg)
{
    return all(arg, is_string);
}

static int simple_values(const struct tr_json *arg)
{
    return all(arg, is_simple);
}

static int count(const struct tr_json *arg)
{
    return tr_json_kind(arg) == TR_JSON_INT && tr_json_int(arg) >= 0;
}

static int truth(const struct tr_json *arg)
{
    return tr_json_kind(arg) == TR_JSON_BOOL;
}

static int object(const struct tr_json *arg)
{
    return tr_json_kind(arg) == TR_JSON_OBJECT;
}

static int anything(const struct tr_json *arg)
{
    (void)arg;
    return 1;
}

/* ---- rules ------------------------------------------------------------------------ */

static int hold_type(const struct rule *r, const struct tr_json *arg,
                     const struct tr_json *v, const char *place, struct tr_err *err)
{
    (void)r;
    char what[96];
    if (is_string(arg) && is_kind(v, string_of(arg)))
        return 0;
    for (size_t i = 0; !is_string(arg) && i < tr_json_count(arg); i++)
        if (is_kind(v, string_of(tr_json_at(arg, i))))
            return 0;
    snprintf(what, sizeof what, "is %s, not of type %s", tr__json_words(v),
             is_string(arg) ? string_of(arg) : "any that may be here");
    return wrong(err, place, what);
}

static int hold_required(const struct rule *r, const struct tr_json *arg,
                         const struct tr_json *v, const char *place, struct tr_err *err)
{
    (void)r;
    for (size_t i = 0; object(v) && i < tr_json_count(arg); i++) {
        const char *key = string_of(tr_json_at(arg, i));
        char at[PLACE];
        below(at, place, key);
        if (!tr_json_has(v, key))
            return wrong(err, at, "is missing");
    }
    return 0;
}

static int hold_properties(const struct rule *r, const struct tr_json *arg,
                           const struct tr_json *v, const char *place, struct tr_err *err)
{
    (void)r;
    int rc = 0;
    if (!object(v))
        return 0;
    for (struct tr_json_each e = tr_json_each(arg); !rc && tr_json_next(&e);) {
        char at[PLACE];
        below(at, place, e.key);
        if (tr_json_has(v, e.key))
            rc = walk(e.value, tr_json_get(v, e.key), at, err);
    }
    return rc;
}

static int hold_items(const struct rule *r, const struct tr_json *arg,
                      const struct tr_json *v, const char *place, struct tr_err *err)
{
    (void)r;
    int rc = 0;
    for (size_t i = 0; is_list(v) && !rc && i < tr_json_count(v); i++) {
        char at[PLACE];
        snprintf(at, sizeof at, "%s[%zu]", place, i);
        rc = walk(arg, tr_json_at(v, i), at, err);
    }
    return rc;
}

static int equal(const struct tr_json *a, const struct tr_json *b)
{
    size_t n, m;
    if (is_number(a) && is_number(b))
        return tr_json_real(a) == tr_json_real(b);
    if (tr_json_kind(a) != tr_json_kind(b))
        return 0;
    if (tr_json_kind(a) == TR_JSON_BOOL)
        return tr_json_bool(a) == tr_json_bool(b);
    if (!is_string(a))
        return tr_json_kind(a) == TR_JSON_NULL;
    const char *s = tr_json_string(a, &n), *t = tr_json_string(b, &m);
    return n == m && !memcmp(s, t, n);
}

static int hold_enum(const struct rule *r, const struct tr_json *arg,
                     const struct tr_json *v, const char *place, struct tr_err *err)
{
    (void)r;
    for (size_t i = 0; i < tr_json_count(arg); i++)
        if (equal(tr_json_at(arg, i), v))
            return 0;
    return wrong(err, place, "is none of the values that its schema lists");
}

/* What a bound is about: a number, characters of a string, elements of a list. */
static double size_of(const struct tr_json *v)
{
    double size = 0;
    size_t n;
    if (is_number(v))
        return tr_json_real(v);
    if (!is_string(v))
        return (double)tr_json_count(v);
    for (const char *s = tr_json_string(v, &n), *end = s + n; s < end; s++)
        size += (*s & 0xc0) != 0x80;
    return size;
}

static int hold_bound(const struct rule *r, const struct tr_json *arg,
                      const struct tr_json *v, const char *place, struct tr_err *err)
{
    char what[128];
    double limit = tr_json_real(arg), size = size_of(v);
    if (!r->about(v) || (r->most ? size <= limit : size >= limit))
        return 0;
    snprintf(what, sizeof what, "%s %g%s, not at %s %g", *r->unit ? "has" : "is", size,
             r->unit, r->most ? "most" : "least", limit);
    return wrong(err, place, what);
}

/* "additionalProperties" needs its neighbour "properties": see walk. */
static const struct rule rules[] = {
    { "type", kind_or_kinds, hold_type, NULL, 0, NULL },
    { "required", strings, hold_required, NULL, 0, NULL },
    { "properties", object, hold_properties, NULL, 0, NULL },
    { "additionalProperties", truth, NULL, NULL, 0, NULL },
    { "items", object, hold_items, NULL, 0, NULL },
    { "enum", simple_values, hold_enum, NULL, 0, NULL },
    { "minimum", is_number, hold_bound, is_number, 0, "" },
    { "maximum", is_number, hold_bound, is_number, 1, "" },
    { "minLength", count, hold_bound, is_string, 0, " characters" },
    { "maxLength", count, hold_bound, is_string, 1, " characters" },
    { "minItems", count, hold_bound, is_list, 0, " elements" },
    { "maxItems", count, hold_bound, is_list, 1, " elements" },
    { "$schema", anything, NULL, NULL, 0, NULL },
    { "$id", anything, NULL, NULL, 0, NULL },
    { "$comment", anything, NULL, NULL, 0, NULL },
    { "title", anything, NULL, NULL, 0, NULL },
    { "description", anything, NULL, NULL, 0, NULL },
    { "default", anything, NULL, NULL, 0, NULL },
    { "examples", anything, NULL, NULL, 0, NULL },
};

static const struct rule *find(const char *word)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(rules[i].word, word))
            return &rules[i];
    return NULL;
}

/* ---- walking ---------------------------------------------------------------------- */

static int only_known(const struct tr_json *schema, const struct tr_json *v,
                      const char *place, struct tr_err *err)
{
    const struct tr_json *more = tr_json_get(schema, "additionalProperties");
    if (!more || tr_json_bool(more) || !object(v))
        return 0;
    for (struct tr_json_each e = tr_json_each(v); tr_json_next(&e);) {
        const struct tr_json *known = tr_json_get(schema, "properties");
        char at[PLACE];
        below(at, place, e.key);
        if (!known || !tr_json_has(known, e.key))
            return wrong(err, at, "is no key that its schema knows");
    }
    return 0;
}

static int walk(const struct tr_json *schema, const struct tr_json *v, const char *place,
                struct tr_err *err)
{
    int rc = 0;
    for (struct tr_json_each e = tr_json_each(schema); !rc && tr_json_next(&e);) {
        const struct rule *r = find(e.key);
        if (r && r->holds)
            rc = r->holds(r, e.value, v, place, err);
    }
    return rc ? rc : only_known(schema, v, place, err);
}

int tr__schema_holds(const struct tr_json *schema, const struct tr_json *v,
                     struct tr_err *err)
{
    return walk(schema, v, "", err);
}

/* The schemas inside a schema. */
static int check_inner(const struct tr_json *schema, const char *name, struct tr_err *err)
{
    const struct tr_json *items = tr_json_get(schema, "items");
    const struct tr_json *properties = tr_json_get(schema, "properties");
    int rc = items ? tr__schema_check(items, name, err) : 0;
    if (!properties)
        return rc;
    for (struct tr_json_each e = tr_json_each(properties); !rc && tr_json_next(&e);)
        rc = tr__schema_check(e.value, name, err);
    return rc;
}

int tr__schema_check(const struct tr_json *schema, const char *name, struct tr_err *err)
{
    if (!object(schema))
        return tr_err_set(err, TR_EFORMAT, "'%s': a schema is %s, not an object", name,
                          tr__json_words(schema));
    for (struct tr_json_each e = tr_json_each(schema); tr_json_next(&e);) {
        const struct rule *r = find(e.key);
        if (!r)
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': the word '%s' of JSON Schema is "
                              "not understood here", name, e.key);
        if (!r->formed(e.value))
            return tr_err_set(err, TR_EFORMAT, "'%s': '%s' cannot be %s of this form", name,
                              e.key, tr__json_words(e.value));
    }
    return check_inner(schema, name, err);
}
