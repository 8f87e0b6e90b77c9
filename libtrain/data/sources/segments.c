/* SPDX-License-Identifier: MIT
 *
 * Text in pieces of which some count: {"segments": [{"text": …, "train": true}, …]};
 * "label" is another name of "train", and a piece may be "ids" in place of "text".
 */
#include <libtrain/data/sources/rows.h>

#include <string.h>

static int looks(const struct tr__reading *r)
{
    return tr_json_kind(tr__column(r, "segments")) == TR_JSON_ARRAY;
}

static int truth(const struct tr_json *segment, int *to)
{
    const struct tr_json *v = tr_json_get(segment, "train");
    v = v ? v : tr_json_get(segment, "label");
    if (v && tr_json_kind(v) != TR_JSON_BOOL)
        return -1;
    *to = v ? tr_json_bool(v) : 1;
    return 0;
}

static int add(struct tr__reading *r, size_t i, const struct tr_json *segment)
{
    const struct tr_json *text = tr_json_get(segment, "text");
    const struct tr_json *ids = tr_json_get(segment, "ids");
    struct tr_segment *s = tr__segment(r);
    if (!s)
        return -1;
    if (truth(segment, &s->train))
        return tr_err_set(r->err, TR_EFORMAT, "'train' of segment %zu is not true or false",
                          i + 1);
    if (tr__row_weight(r, tr_json_get(segment, "weight"), &s->weight))
        return tr_err_prefix(r->err, "segment %zu", i + 1);
    if (tr_json_kind(ids) == TR_JSON_ARRAY)
        return tr__ids(r, ids, s);
    if (tr_json_kind(text) != TR_JSON_STRING)
        return tr_err_set(r->err, TR_EFORMAT, "segment %zu has neither text nor ids",
                          i + 1);
    s->text = tr_json_string(text, &s->n_text);
    return 0;
}

static int parse(struct tr__reading *r)
{
    const struct tr_json *list = tr__column(r, "segments");
    int rc = looks(r) ? 0 : tr__bad_column(r, "segments", "a list");
    if (!rc && tr_json_count(list) == 0)
        return tr_err_set(r->err, TR_EFORMAT, "a row without segments");
    for (size_t i = 0; i < tr_json_count(list) && !rc; i++)
        rc = add(r, i, tr_json_at(list, i));
    return rc;
}

const struct tr__row_form tr__row_segments = { "segments", "segments", looks, parse };
