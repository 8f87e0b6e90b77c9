/* SPDX-License-Identifier: MIT
 *
 * Rows that are texts, {"text": …}: each is a document.
 */
#include <libtrain/data/sources/rows.h>

#include <string.h>

static int looks(const struct tr__reading *r)
{
    return tr_json_kind(tr__column(r, "text")) == TR_JSON_STRING;
}

static int parse(struct tr__reading *r)
{
    r->row->kind = TR_ROW_TEXT;
    return tr__column_string(r, "text", &r->row->text, &r->row->n_text);
}

const struct tr__row_form tr__row_text_rows = { "rows", "text", looks, parse };
