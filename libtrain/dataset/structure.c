/* SPDX-License-Identifier: MIT
 *
 * The structure: the one file that names every topic.  Categories have subcategories, and
 * each of these has a file of rows for every content type that it takes; the names are the
 * folders and the file.  What the structure says of a row in passing (tags, difficulty,
 * schema) is looked up here, once, so that row.c only copies it.  Next: rows.c, row.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/dataset/tree.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MOST = 64 };

struct walk { /* where in the structure we are */
    struct tr_dataset *d;
    const struct tr_json *types; /* all content types */
    const char *category, *subcategory;
    const struct tr_json *in_category, *in_subcategory, *wanted;
    struct tr_err *err;
};

/* ---- parts of the file ------------------------------------------------------------ */

static const struct tr_json *get(const struct tr_json *v, const char *key)
{
    return tr_json_kind(v) == TR_JSON_OBJECT ? tr_json_get(v, key) : NULL;
}

static const char *string_at(const struct tr_json *v, const char *key)
{
    size_t n;
    const struct tr_json *s = get(v, key);
    return tr_json_kind(s) == TR_JSON_STRING ? tr_json_string(s, &n) : NULL;
}

/* An element of a list of names, or of {"name": …}; "" if it has none. */
static const char *name_of(const struct tr_json *v)
{
    size_t n;
    if (tr_json_kind(v) == TR_JSON_STRING)
        return tr_json_string(v, &n);
    const char *name = string_at(v, "name");
    return name ? name : "";
}

/* A folder and a part of a file's name on any system, and no option of a command. */
static int check_name(const struct walk *w, const char *what, const char *name)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t n = strlen(name);
    if (!n)
        return tr_err_set(w->err, TR_EFORMAT, "'%s': a %s has no name", w->d->structure,
                          what);
    if (n <= NAME_MOST && strspn(name, good) == n && *name != '-')
        return 0;
    return tr_err_set(w->err, TR_EFORMAT, "'%s': the name '%s' of a %s has other "
                      "characters than letters, digits, '_' and '-', or more than %d",
                      w->d->structure, name, what, NAME_MOST);
}

/* Call `each` for everything in a list of {"name": …} or of names, or in an object by
 * name. */
static int each_named(struct walk *w, const struct tr_json *list, const char *what,
                      int (*each)(struct walk *, const char *, const struct tr_json *))
{
    int rc = 0;
    if (tr_json_kind(list) == TR_JSON_OBJECT) {
        for (struct tr_json_each e = tr_json_each(list); !rc && tr_json_next(&e);) {
            rc = check_name(w, what, strlen(e.key) == e.n_key ? e.key : "?");
            rc = rc ? rc : each(w, e.key, e.value);
        }
        return rc;
    }
    for (size_t i = 0; !rc && i < tr_json_count(list); i++) {
        const struct tr_json *v = tr_json_at(list, i);
        rc = check_name(w, what, name_of(v));
        rc = rc ? rc : each(w, name_of(v), v);
    }
    return rc;
}

static int is_list(const struct tr_json *v)
{
    return (tr_json_kind(v) == TR_JSON_ARRAY || tr_json_kind(v) == TR_JSON_OBJECT) &&
           tr_json_count(v);
}

/* A list that must be there; `of` is what has it. */
static int need_list(const struct walk *w, const struct tr_json *v, const char *key,
                     const char *of)
{
    if (is_list(v))
        return 0;
    return tr_err_set(w->err, TR_EFORMAT, "'%s': %s has no '%s'", w->d->structure, of, key);
}

static int check_tags(const struct walk *w, const struct tr_json *v, const char *name)
{
    const struct tr_json *tags = get(v, "tags");
    int good = tr_json_kind(tags) == TR_JSON_NULL || tr_json_kind(tags) == TR_JSON_ARRAY;
    for (size_t i = 0; good && tags && i < tr_json_count(tags); i++)
        good = tr_json_kind(tr_json_at(tags, i)) == TR_JSON_STRING;
    return good ? 0 : tr_err_set(w->err, TR_EFORMAT, "'%s': 'tags' of '%s' is no list of "
                                 "strings", w->d->structure, name);
}

/* ---- schemas ---------------------------------------------------------------------- */

/* The built-in one stands in for a file that is not there. */
static struct tr_json *schema_of_file(const char *name, const char *path, struct tr_err *err)
{
    int own = !strcmp(name, TR__SCHEMA_NAME) && access(path, F_OK) && errno == ENOENT;
    size_t n = strlen(tr__default_schema);
    return own ? tr_json_parse(tr__default_schema, n, path, 1, 0, err)
               : tr__json_of_file(path, err);
}

static int read_schema(struct tr_dataset *d, const char *name, struct tr_err *err)
{
    if (tr__grow(&d->schema, &d->cap_schema, d->n_schema + 1, sizeof *d->schema))
        return tr_err_set(err, TR_ENOMEM, "out of memory for schemas");
    struct tr__schema *s = &d->schema[d->n_schema++];
    *s = (struct tr__schema){ .name = tr__text_of(err, "%s", name),
                              .path = tr__text_of(err, "%s/%s.json", d->schemas, name) };
    if (s->name && s->path)
        s->root = schema_of_file(name, s->path, err);
    return s->root ? tr__schema_check(s->root, s->path, err) : -1;
}

static const struct tr_json *schema_named(struct tr_dataset *d, const char *name,
                                          struct tr_err *err)
{
    for (size_t i = 0; i < d->n_schema; i++)
        if (!strcmp(d->schema[i].name, name))
            return d->schema[i].root;
    return read_schema(d, name, err) ? NULL : d->schema[d->n_schema - 1].root;
}

static int read_levels(struct tr_dataset *d, struct tr_err *err)
{
    char *bytes = NULL, *path = tr__text_of(err, "%s/" TR__LEVELS_FILE, d->schemas);
    size_t n = strlen(tr__default_levels);
    if (!(d->levels_path = path))
        return -1;
    if (access(path, F_OK) && errno == ENOENT)
        return tr__levels_read(&d->levels, tr__default_levels, n, path, err);
    int rc = tr_read_all(path, &bytes, &n, err);
    size_t bom = rc ? 0 : tr__bom(bytes, n);
    rc = rc ? rc : tr__levels_read(&d->levels, bytes + bom, n - bom, path, err);
    free(bytes);
    return rc;
}

/* ---- topics ----------------------------------------------------------------------- */

/* The difficulty of rows that name none: the subcategory's, else the category's. */
static int default_level(const struct walk *w, int *level)
{
    const struct tr_json *v = get(w->in_subcategory, "difficulty");
    v = v ? v : get(w->in_category, "difficulty");
    *level = 0;
    if (tr_json_kind(v) == TR_JSON_NULL || (*level = tr__levels_find(&w->d->levels, v)))
        return 0;
    return tr_err_set(w->err, TR_EFORMAT, "'%s': 'difficulty' of '%s.%s' is neither a "
                      "number from 1 to %d nor a word for one", w->d->structure,
                      w->category, w->subcategory, TR_DATASET_LEVELS);
}

static int name_topic(const struct walk *w, struct tr__topic *t)
{
    struct tr_dataset *d = w->d;
    t->name = tr__text_of(w->err, "%s.%s.%s", t->category, t->subcategory, t->content);
    t->file = t->name ? tr__text_of(w->err, "%s/%s/%s.json", t->category, t->subcategory,
                                    t->name) : NULL;
    t->path = t->file ? tr__text_of(w->err, "%s/%s", d->topics, t->file) : NULL;
    if (!t->path)
        return -1;
    for (struct tr__topic *u = d->topic; u < t; u++)
        if (!strcmp(u->name, t->name))
            return tr_err_set(w->err, TR_EFORMAT, "'%s' names the topic '%s' twice",
                              d->structure, t->name);
    return 0;
}

static int add_topic(struct walk *w, const char *content, const struct tr_json *v)
{
    struct tr_dataset *d = w->d;
    const char *schema = string_at(v, "schema");
    if (tr__grow(&d->topic, &d->cap_topic, d->n_topic + 1, sizeof *d->topic))
        return tr_err_set(w->err, TR_ENOMEM, "out of memory for topics");
    struct tr__topic *t = &d->topic[d->n_topic++];
    *t = (struct tr__topic){
        .category = w->category, .subcategory = w->subcategory, .content = content,
        .tags = { get(w->in_category, "tags"), get(w->in_subcategory, "tags"),
                  get(v, "tags") },
    };
    int rc = check_name(w, "schema", schema ? schema : TR__SCHEMA_NAME);
    rc = rc ? rc : check_tags(w, v, content);
    rc = rc ? rc : default_level(w, &t->level);
    rc = rc ? rc : name_topic(w, t);
    if (!rc && !(t->schema = schema_named(d, schema ? schema : TR__SCHEMA_NAME, w->err)))
        rc = -1;
    return rc;
}

static int is_wanted(const struct walk *w, const char *content)
{
    for (size_t i = 0; i < tr_json_count(w->wanted); i++)
        if (!strcmp(name_of(tr_json_at(w->wanted, i)), content))
            return 1;
    return !w->wanted;
}

static int take_type(struct walk *w, const char *name, const struct tr_json *v)
{
    return is_wanted(w, name) ? add_topic(w, name, v) : 0;
}

/* ---- the tree --------------------------------------------------------------------- */

static int is_type(const struct tr_json *types, const char *name)
{
    if (tr_json_kind(types) == TR_JSON_OBJECT)
        return tr_json_has(types, name);
    for (size_t i = 0; i < tr_json_count(types); i++)
        if (!strcmp(name_of(tr_json_at(types, i)), name))
            return 1;
    return 0;
}

/* A subcategory may take some of the content types only. */
static int check_wanted(const struct walk *w)
{
    if (w->wanted && tr_json_kind(w->wanted) != TR_JSON_ARRAY)
        return tr_err_set(w->err, TR_EFORMAT, "'%s': 'content_types' of '%s.%s' is %s, "
                          "not a list of names", w->d->structure, w->category,
                          w->subcategory, tr__json_words(w->wanted));
    for (size_t i = 0; i < tr_json_count(w->wanted); i++) {
        const char *name = name_of(tr_json_at(w->wanted, i));
        if (!is_type(w->types, name))
            return tr_err_set(w->err, TR_EFORMAT, "'%s': '%s.%s' wants the content type "
                              "'%s', which the structure does not have", w->d->structure,
                              w->category, w->subcategory, name);
    }
    return 0;
}

static int add_subcategory(struct walk *w, const char *name, const struct tr_json *v)
{
    w->subcategory = name;
    w->in_subcategory = v;
    w->wanted = get(v, "content_types");
    int rc = check_tags(w, v, name);
    rc = rc ? rc : check_wanted(w);
    return rc ? rc : each_named(w, w->types, "content type", take_type);
}

static int add_category(struct walk *w, const char *name, const struct tr_json *v)
{
    const struct tr_json *list = get(v, "subcategories");
    w->category = name;
    w->in_category = v;
    int rc = check_tags(w, v, name);
    rc = rc ? rc : need_list(w, list, "subcategories", name);
    return rc ? rc : each_named(w, list, "subcategory", add_subcategory);
}

int tr__structure_read(struct tr_dataset *d, struct tr_err *err)
{
    if (!(d->root = tr__json_of_file(d->structure, err)) || read_levels(d, err))
        return -1;
    struct walk w = { .d = d, .types = get(d->root, "content_types"), .err = err };
    const struct tr_json *list = get(d->root, "categories");
    int rc = need_list(&w, list, "categories", "the structure");
    rc = rc ? rc : need_list(&w, w.types, "content_types", "the structure");
    d->name = string_at(d->root, "name");
    return rc ? rc : each_named(&w, list, "category", add_category);
}
