/* SPDX-License-Identifier: MIT
 *
 * Difficulty.  People write it as a number, as a number in quotes, or as a word of their
 * own; what is trained on has the number.  The file schemas/difficulty.json says what each
 * of the six levels means, and by which other words it is known.
 */
#include <libtrain/dataset/tree.h>

#include <ctype.h>
#include <string.h>

/* ---- reading the file ------------------------------------------------------------- */

static int is_text(const struct tr_json *v)
{
    size_t n;
    return tr_json_kind(v) == TR_JSON_STRING && *tr_json_string(v, &n) && n;
}

static int check_alias(const struct tr_json *alias, const char *name, struct tr_err *err)
{
    if (!alias)
        return 0;
    if (tr_json_kind(alias) != TR_JSON_ARRAY)
        return tr_err_set(err, TR_EFORMAT, "'%s': 'aliases' is %s, not a list of strings",
                          name, tr__json_words(alias));
    for (size_t i = 0; i < tr_json_count(alias); i++)
        if (!is_text(tr_json_at(alias, i)))
            return tr_err_set(err, TR_EFORMAT, "'%s': an alias is %s, not a word", name,
                              tr__json_words(tr_json_at(alias, i)));
    return 0;
}

static int add_level(struct tr__levels *l, const struct tr_json *v, const char *name,
                     struct tr_err *err)
{
    const struct tr_json *number = tr_json_get(v, "level"), *text = tr_json_get(v, "name");
    const struct tr_json *alias = tr_json_get(v, "aliases");
    int64_t i = tr_json_kind(number) == TR_JSON_INT ? tr_json_int(number) : 0;
    if (i < 1 || i > TR_DATASET_LEVELS)
        return tr_err_set(err, TR_EFORMAT, "'%s': a level without a 'level' from 1 to %d",
                          name, TR_DATASET_LEVELS);
    if (l->name[i])
        return tr_err_set(err, TR_EFORMAT, "'%s': level %d is there twice", name, (int)i);
    if (!is_text(text))
        return tr_err_set(err, TR_EFORMAT, "'%s': level %d has no 'name'", name, (int)i);
    size_t n;
    l->name[i] = tr_json_string(text, &n);
    l->alias[i] = alias;
    return check_alias(alias, name, err);
}

/* A word that two levels have would mean the first of them, without a word about it. */
static int check_words(const struct tr__levels *l, const char *name, struct tr_err *err)
{
    for (int i = 1; i <= TR_DATASET_LEVELS; i++)
        for (size_t j = 0; j < tr_json_count(l->alias[i]); j++) {
            const struct tr_json *v = tr_json_at(l->alias[i], j);
            size_t n;
            if (tr__levels_find(l, v) != i)
                return tr_err_set(err, TR_EFORMAT, "'%s': '%s' is a word for two levels",
                                  name, tr_json_string(v, &n));
        }
    return 0;
}

int tr__levels_read(struct tr__levels *l, const char *bytes, size_t n, const char *name,
                    struct tr_err *err)
{
    int rc = 0;
    *l = (struct tr__levels){ .root = tr_json_parse(bytes, n, name, 1, 0, err) };
    if (!l->root)
        return -1;
    const struct tr_json *list = tr_json_kind(l->root) == TR_JSON_OBJECT
                                     ? tr_json_get(l->root, "levels") : NULL;
    if (tr_json_kind(list) != TR_JSON_ARRAY)
        return tr_err_set(err, TR_EFORMAT, "'%s' has no list 'levels'", name);
    for (size_t i = 0; !rc && i < tr_json_count(list); i++)
        rc = tr_json_kind(tr_json_at(list, i)) == TR_JSON_OBJECT
                 ? add_level(l, tr_json_at(list, i), name, err)
                 : tr_err_set(err, TR_EFORMAT, "'%s': a level is no object", name);
    for (int i = 1; !rc && i <= TR_DATASET_LEVELS; i++)
        if (!l->name[i])
            rc = tr_err_set(err, TR_EFORMAT, "'%s': level %d is missing", name, i);
    return rc ? rc : check_words(l, name, err);
}

/* ---- finding ---------------------------------------------------------------------- */

/* The next letter of a word that counts, small: blanks, '-' and '_' do not. */
static int letter(const char **s, const char *end)
{
    while (*s < end && strchr(" \t\r\n-_", **s) && **s)
        ++*s;
    return *s < end ? tolower((unsigned char)*(*s)++) : -1;
}

static int same_word(const char *a, size_t n_a, const char *b, size_t n_b)
{
    const char *end_a = a + n_a, *end_b = b + n_b;
    int x, y;
    do {
        x = letter(&a, end_a);
        y = letter(&b, end_b);
    } while (x == y && x >= 0);
    return x == y;
}

static int is_level(const struct tr__levels *l, int i, const char *s, size_t n)
{
    char digit = (char)('0' + i);
    if (same_word(s, n, &digit, 1) || same_word(s, n, l->name[i], strlen(l->name[i])))
        return 1;
    for (size_t j = 0; j < tr_json_count(l->alias[i]); j++) {
        size_t n_alias;
        const char *alias = tr_json_string(tr_json_at(l->alias[i], j), &n_alias);
        if (same_word(s, n, alias, n_alias))
            return 1;
    }
    return 0;
}

int tr__levels_find(const struct tr__levels *l, const struct tr_json *v)
{
    if (tr_json_kind(v) == TR_JSON_INT || tr_json_kind(v) == TR_JSON_REAL) {
        double x = tr_json_real(v);
        return x >= 1 && x <= TR_DATASET_LEVELS && x == (int)x ? (int)x : 0;
    }
    if (tr_json_kind(v) != TR_JSON_STRING)
        return 0;
    size_t n;
    const char *s = tr_json_string(v, &n);
    for (int i = 1; i <= TR_DATASET_LEVELS; i++)
        if (is_level(l, i, s, n))
            return i;
    return 0;
}
