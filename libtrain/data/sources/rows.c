/* SPDX-License-Identifier: MIT
 *
 * A record becomes a row: JSON is parsed, the forms are asked in turn whose columns these
 * are, and the one that knows them fills the row.  What a row points at is in the record,
 * in the JSON, or in the row's store.
 */
#include <libtrain/data/document.h>
#include <libtrain/data/sources/rows.h>
#include <libtrain/data/sources/sources.h>
#include <libtrain/text.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tr__row_form *const forms[] = {
#define TR_ROW_FORM(NAME) &tr__row_##NAME,
#include <libtrain/data/sources/sources.def>
#undef TR_ROW_FORM
};
enum { N_FORM = sizeof forms / sizeof *forms };

/* ---- the row ------------------------------------------------------------------------- */

static int read_group(struct tr__reading *r)
{
    char *to = r->row->store->group;
    const struct tr_json *v = tr__column(r, "group");
    size_t n;
    const char *s = tr_json_string(v, &n);
    if (tr_json_kind(v) == TR_JSON_NULL)
        return 0;
    if (tr_json_kind(v) == TR_JSON_INT)
        n = (size_t)snprintf(to, sizeof r->row->store->group, "%" PRId64, tr_json_int(v));
    else if (tr_json_kind(v) != TR_JSON_STRING || (n && !tr__is_group(s, n)))
        return tr__bad_column(r, "group", "a name of at most 255 bytes without control "
                              "characters");
    else
        memcpy(to, s, n);
    to[n] = '\0';
    r->row->group = to;
    return 0;
}

static int no_form(struct tr__reading *r)
{
    char has[200] = "", wants[240] = "";
    size_t at = 0, used = 0;
    struct tr_json_each e = tr_json_each(r->root);
    while (tr_json_next(&e) && at + e.n_key + 32 < sizeof has)
        at += (size_t)snprintf(has + at, sizeof has - at, "%s%s (%s)", at ? ", " : "",
                               e.key, tr__kind_words(e.value));
    for (int i = 0; i < N_FORM; i++)
        used += (size_t)snprintf(wants + used, sizeof wants - used, "%s%s", i ? "; " : "",
                                 forms[i]->wants);
    return tr_err_set(r->err, TR_EFORMAT, "no form has a row with %s%s (forms have %s; "
                      "--key NAME=COLUMN if columns have other names, --format text takes "
                      "the file as it is)", at ? "the columns " : "no columns", has, wants);
}

static int by_form(struct tr__reading *r)
{
    const char *wanted = r->o->format;
    for (int i = 0; i < N_FORM; i++)
        if (wanted ? !strcmp(wanted, forms[i]->name) : forms[i]->looks(r)) {
            r->row->form = forms[i]->name;
            return forms[i]->parse(r);
        }
    return no_form(r);
}

static int parse_object(struct tr__reading *r)
{
    if (tr_json_kind(r->root) != TR_JSON_OBJECT)
        return tr_err_set(r->err, TR_EFORMAT, "a row is an object, {\"column\": value, …}");
    if (tr__row_weight(r, tr__column(r, "weight"), &r->row->weight) || read_group(r))
        return -1;
    return by_form(r);
}

static int parse_json(const struct tr_source *s, const struct tr_record *record,
                      int rival, struct tr_row *row, struct tr_err *err)
{
    struct tr_err why = { 0 };
    const char *name = s->stream.name;
    row->store->root = tr_json_parse(record->bytes, record->n, name, record->line,
                                     record->at, err);
    if (!row->store->root)
        return -1;
    struct tr__reading r = { &s->o, row->store->root, row, &why, rival };
    if (!parse_object(&r))
        return 0;
    return tr_err_set(err, why.code, "'%s' line %" PRIu64 " byte %" PRIu64 ": %s", name,
                      record->line, record->at, why.text);
}

static int parse(const struct tr_source *s, const struct tr_record *record, int rival,
                 struct tr_row *row, struct tr_err *err)
{
    struct tr_row_store *store = row->store ? row->store : calloc(1, sizeof *store);
    if (!store)
        return tr_err_sys(err, "no memory for a row");
    tr__store_empty(store);
    *row = (struct tr_row){ .store = store, .weight = 1,
                            .completion = TR_ROW_NO_COMPLETION };
    if (s->kind == TR__RECORD_IDS)
        return tr__parse_ids(s, record, row, err);
    if (s->kind != TR__RECORD_TEXT)
        return parse_json(s, record, rival, row, err);
    struct tr_text odd;
    row->form = "text";
    row->text = record->bytes;
    row->n_text = record->n;
    return tr_text_check(&odd, record->bytes, record->n, s->stream.name, err);
}

int tr_source_parse(const struct tr_source *s, const struct tr_record *record,
                    struct tr_row *row, struct tr_err *err)
{
    return parse(s, record, 0, row, err);
}

int tr_source_parse_rival(const struct tr_source *s, const struct tr_record *record,
                          struct tr_row *row, struct tr_err *err)
{
    return parse(s, record, 1, row, err);
}

const char *tr_source_form(size_t i)
{
    static const char *const whole[] = { "text", "ids" };
    return i < 2 ? whole[i] : i - 2 < N_FORM ? forms[i - 2]->name : NULL;
}
