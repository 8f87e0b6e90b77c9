/* SPDX-License-Identifier: MIT
 *
 * One row of a topic as it is trained on.  Its keys stay in the order in which they were
 * written; what the tree knows of it - difficulty, tags, where it comes from - is put in
 * its place or behind them.  Last its schema is asked, which so speaks of finished rows.
 */
#include <libtrain/dataset/tree.h>

#include <string.h>

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for a row");
}

static int set(struct tr_json *to, const char *key, struct tr_json *v, struct tr_err *err)
{
    return !v || tr_json_set(to, key, v) ? no_memory(err) : 0;
}

static struct tr_json *text(const char *s)
{
    return tr_json_text(s, strlen(s));
}

/* ---- difficulty ------------------------------------------------------------------- */

static int level_of(const struct tr_dataset *d, const struct tr__topic *t,
                    const struct tr_json *row, int *level, struct tr_err *err)
{
    const struct tr_json *v = tr_json_get(row, "difficulty");
    *level = t->level;
    if (tr_json_kind(v) == TR_JSON_NULL)
        return 0;
    if ((*level = tr__levels_find(&d->levels, v)))
        return 0;
    size_t n = 0;
    const char *s = tr_json_kind(v) == TR_JSON_STRING ? tr_json_string(v, &n) : "";
    return tr_err_set(err, TR_EFORMAT, "'difficulty' %s%.*s%sis neither a number from 1 to "
                      "%d nor a word for one", n ? "'" : "", (int)(n < 80 ? n : 80), s,
                      n ? "' " : "", TR_DATASET_LEVELS);
}

/* ---- tags ------------------------------------------------------------------------- */

static int has_tag(const struct tr_json *tags, const struct tr_json *tag)
{
    size_t n, m;
    const char *s = tr_json_string(tag, &n);
    for (size_t i = 0; i < tr_json_count(tags); i++) {
        const char *t = tr_json_string(tr_json_at(tags, i), &m);
        if (n == m && !memcmp(s, t, n))
            return 1;
    }
    return 0;
}

static int add_tag(struct tr_json *tags, const struct tr_json *tag, struct tr_err *err)
{
    if (tr_json_kind(tag) != TR_JSON_STRING)
        return tr_err_set(err, TR_EFORMAT, "a tag is %s, not a string",
                          tr__json_words(tag));
    if (has_tag(tags, tag))
        return 0;
    return tr_json_append(tags, tr_json_share(tag)) ? no_memory(err) : 0;
}

/* A list of them, or one by itself. */
static int add_tags(struct tr_json *tags, const struct tr_json *more, struct tr_err *err)
{
    int rc = 0;
    if (tr_json_kind(more) == TR_JSON_NULL)
        return 0;
    if (tr_json_kind(more) != TR_JSON_ARRAY)
        return add_tag(tags, more, err);
    for (size_t i = 0; !rc && i < tr_json_count(more); i++)
        rc = add_tag(tags, tr_json_at(more, i), err);
    return rc;
}

/* Those of the tree first, the row's own behind them, each once. */
static int set_tags(const struct tr__topic *t, struct tr_json *row, struct tr_err *err)
{
    struct tr_json *tags = tr_json_array();
    int rc = tags ? 0 : no_memory(err);
    for (int i = 0; !rc && i < TR__TAG_LISTS; i++)
        rc = add_tags(tags, t->tags[i], err);
    rc = rc ? rc : add_tags(tags, tr_json_get(row, "tags"), err);
    if (!rc)
        return set(row, "tags", tags, err);
    tr_json_free(tags);
    return rc;
}

/* ---- metadata --------------------------------------------------------------------- */

static int copy(struct tr_json *to, const struct tr_json *from, struct tr_err *err)
{
    int rc = 0;
    for (struct tr_json_each e = tr_json_each(from); !rc && tr_json_next(&e);)
        rc = tr_json_set(to, e.key, tr_json_share(e.value)) ? no_memory(err) : 0;
    return rc;
}

/* What the tree knows may not be said otherwise in a row. */
static int inject(struct tr_json *to, const char *key, struct tr_json *v,
                  struct tr_err *err)
{
    if (!tr_json_has(to, key))
        return set(to, key, v, err);
    tr_json_free(v);
    return tr_err_set(err, TR_EFORMAT, "'metadata.%s' is said by the tree, not by a row",
                      key);
}

static int inject_all(const struct tr_dataset *d, const struct tr__topic *t,
                      uint64_t number, int level, struct tr_json *to, struct tr_err *err)
{
    const char *said[][2] = {
        { "dataset", d->name }, { "category", t->category },
        { "subcategory", t->subcategory }, { "content_type", t->content },
        { "source", t->file },
        { "difficulty", level ? d->levels.name[level] : NULL },
    };
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof said / sizeof *said; i++)
        if (said[i][1])
            rc = inject(to, said[i][0], text(said[i][1]), err);
    return rc ? rc : inject(to, "row", tr_json_integer((int64_t)number), err);
}

static int set_metadata(const struct tr_dataset *d, const struct tr__topic *t,
                        uint64_t number, int level, struct tr_json *row,
                        struct tr_err *err)
{
    const struct tr_json *own = tr_json_get(row, "metadata");
    if (tr_json_kind(own) != TR_JSON_NULL && tr_json_kind(own) != TR_JSON_OBJECT)
        return tr_err_set(err, TR_EFORMAT, "'metadata' is %s, not an object",
                          tr__json_words(own));
    struct tr_json *all = tr_json_object();
    int rc = all ? 0 : no_memory(err);
    if (!rc && tr_json_kind(own) == TR_JSON_OBJECT)
        rc = copy(all, own, err);
    rc = rc ? rc : inject_all(d, t, number, level, all, err);
    if (!rc)
        return set(row, "metadata", all, err);
    tr_json_free(all);
    return rc;
}

/* ---- the whole -------------------------------------------------------------------- */

struct tr_json *tr__row_finish(struct tr_dataset *d, const struct tr__topic *t,
                               const struct tr_json *row, uint64_t number, int *level,
                               struct tr_err *err)
{
    struct tr_json *done;
    int rc = tr__fill_value(&d->fill, row, &done, err);
    rc = rc ? rc : level_of(d, t, done, level, err);
    if (!rc && *level)
        rc = set(done, "difficulty", tr_json_integer(*level), err);
    rc = rc ? rc : set_tags(t, done, err);
    rc = rc ? rc : set_metadata(d, t, number, *level, done, err);
    rc = rc ? rc : tr__schema_holds(t->schema, done, err);
    if (!rc)
        return done;
    tr_json_free(done);
    return NULL;
}
