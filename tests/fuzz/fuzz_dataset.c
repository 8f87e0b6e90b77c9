/* SPDX-License-Identifier: MIT
 *
 * Any bytes as each file of a data set: as a topic, whose rows are cut and read to the end, and
 * as schema and levels of difficulty.  What is accepted must hold what it promises.
 *
 * Sources: dataset/rows dataset/row dataset/schema dataset/levels dataset/fill json error
 */
#include <libtrain/dataset/tree.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good)
{
    if (!good)
        abort();
}

static void as_levels(const char *bytes, size_t n)
{
    struct tr_err err = { 0 };
    struct tr__levels l;
    int rc = tr__levels_read(&l, bytes, n, "levels", &err);
    must(!rc == !err.code);
    for (int i = 1; !rc && i <= TR_DATASET_LEVELS; i++) {
        struct tr_json *v = tr_json_text(l.name[i], strlen(l.name[i]));
        must(tr__levels_find(&l, v) > 0);
        tr_json_free(v);
    }
    tr_json_free(l.root);
}

/* Of itself the schema says what it likes, but always the same. */
static void as_schema(const char *bytes, size_t n)
{
    struct tr_err err = { 0 };
    struct tr_json *v = tr_json_parse(bytes, n, "schema", 1, 0, &err);
    if (v && !tr__schema_check(v, "schema", &err)) {
        struct tr_err a = { 0 }, b = { 0 };
        must(!tr__schema_holds(v, v, &a) == !a.code);
        must(!tr__schema_holds(v, v, &b) == !b.code && !strcmp(a.text, b.text));
    }
    must(!v <= !!err.code);
    tr_json_free(v);
}

static void finish(struct tr_dataset *d, const struct tr__topic *t, const struct tr_json *row,
                   uint64_t number)
{
    struct tr_err err = { 0 };
    int level;
    struct tr_json *done = tr__row_finish(d, t, row, number, &level, &err);
    must(!done == !!err.code);
    if (done) {
        const struct tr_json *n = tr_json_get(tr_json_get(done, "metadata"), "row");
        must((uint64_t)tr_json_int(n) == number);
        must(level >= 0 && level <= TR_DATASET_LEVELS);
        must(!level || tr_json_int(tr_json_get(done, "difficulty")) == level);
    }
    tr_json_free(done);
}

static void as_rows(struct tr_dataset *d, const char *bytes, size_t n)
{
    static const char any[] = "{}";
    struct tr_err err = { 0 };
    struct tr__rows r;
    struct tr__raw_row raw;
    size_t last = 0;
    struct tr_json *schema = tr_json_parse(any, 2, "any", 1, 0, &err);
    const struct tr__topic t = { .category = "a", .subcategory = "b", .content = "c",
                                 .file = (char *)(uintptr_t) "a/b/a.b.c.json", .schema = schema };
    int more = tr__rows_begin(&r, "rows", bytes, n, &err) ? -1 : 1;
    while (more > 0 && (more = tr__rows_next(&r, &raw, &err)) > 0) {
        struct tr_err why = { 0 };
        must(raw.bytes == bytes + raw.byte && raw.byte > last && raw.byte + raw.n <= n);
        last = raw.byte + raw.n - 1;
        must(r.end == last + 1);
        struct tr_json *row = tr__rows_parse(&r, &raw, &why);
        must(!row == !!why.code);
        if (row)
            finish(d, &t, row, raw.number);
        tr_json_free(row);
    }
    must((more < 0) == (err.code != 0));
    tr_json_free(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct tr__fill_text text = { .name = "NAME", .text = (char[]){ "Odo" }, .n = 3 };
    struct tr_dataset d = { .name = "set", .fill = { .text = &text, .n = 1 } };
    must(!tr__levels_read(&d.levels, tr__default_levels, strlen(tr__default_levels), "levels",
                          NULL));
    as_rows(&d, bytes, size);
    as_levels(bytes, size);
    as_schema(bytes, size);
    tr_json_free(d.levels.root);
    return 0;
}
