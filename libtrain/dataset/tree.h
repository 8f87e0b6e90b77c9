/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share: the tree as it was read, and who does what to a row.
 */
#ifndef LIBTRAIN_DATASET_TREE_H
#define LIBTRAIN_DATASET_TREE_H

#include <libtrain/base/base.h>
#include <libtrain/dataset.h>
#include <libtrain/json.h>

/* ---- difficulty (levels.c) -------------------------------------------------------- */

struct tr__levels {
    struct tr_json *root; /* owns what follows */
    const char *name[TR_DATASET_LEVELS + 1];
    const struct tr_json *alias[TR_DATASET_LEVELS + 1]; /* a list of strings, or NULL */
};

/* Read the six levels from JSON of n bytes; `name` is its file in failures. */
int tr__levels_read(struct tr__levels *l, const char *bytes, size_t n, const char *name,
                    struct tr_err *err) TR_MUST_CHECK;
/* The level that a value names: a number, its digits, a name or an alias; 0 if none. */
int tr__levels_find(const struct tr__levels *l, const struct tr_json *v);

/* ---- schemas (schema.c) ----------------------------------------------------------- */

/* TR_EFORMAT if it uses what is not understood here. */
int tr__schema_check(const struct tr_json *schema, const char *name,
                     struct tr_err *err) TR_MUST_CHECK;
/* TR_EFORMAT, with the place in the value in words, if the value is not as it says. */
int tr__schema_holds(const struct tr_json *schema, const struct tr_json *v,
                     struct tr_err *err) TR_MUST_CHECK;
/* "a string", "a list" … for messages. */
const char *tr__json_words(const struct tr_json *v);

/* ---- placeholders (fill.c) -------------------------------------------------------- */

struct tr__fill {
    struct tr__fill_text {
        const char *name; /* of the root */
        char *text;
        size_t n;
        int used;
    } *text;
    size_t n;
    struct tr_json *root;
};

/* Read NAME: text, or NAME: {"file": F} with F beside the file of placeholders. */
int tr__fill_read(struct tr__fill *f, const char *path, struct tr_err *err) TR_MUST_CHECK;
void tr__fill_release(struct tr__fill *f);
/* A copy of a value, the caller's, with each ${NAME} in its strings replaced; JSON's null
 * is NULL. */
int tr__fill_value(struct tr__fill *f, const struct tr_json *v, struct tr_json **filled,
                   struct tr_err *err) TR_MUST_CHECK;

/* ---- the tree (structure.c) ------------------------------------------------------- */

enum { TR__TAG_LISTS = 3 }; /* of the category, the subcategory and the content type */

struct tr__topic { /* a file of rows; its texts are in the structure */
    const char *category, *subcategory, *content;
    const struct tr_json *tags[TR__TAG_LISTS]; /* lists of strings, or NULL */
    const struct tr_json *schema;
    int level;  /* of rows that name none; 0: none */
    char *file; /* below the folder of topics */
    char *path;
    char *name; /* category.subcategory.content */
};

struct tr__schema {
    char *name, *path;
    struct tr_json *root;
};

struct tr_dataset {
    char *structure, *topics, *schemas, *placeholders; /* paths; the last may be NULL */
    struct tr_json *root; /* the structure */
    const char *name;     /* of the data set */
    struct tr__levels levels;
    char *levels_path;
    struct tr__fill fill;
    struct tr__schema *schema;
    size_t n_schema, cap_schema;
    struct tr__topic *topic;
    size_t n_topic, cap_topic;
};

/* The paths alone; then the structure, whose schemas and levels are read from their folder,
 * or, where a file is missing there, are those that scaffold would write. */
struct tr_dataset *tr__dataset_new(const struct tr_dataset_args *args,
                                   struct tr_err *err) TR_MUST_CHECK;
int tr__structure_read(struct tr_dataset *d, struct tr_err *err) TR_MUST_CHECK;

/* ---- files that scaffold writes (defaults.c) -------------------------------------- */

extern const char tr__default_structure[], tr__default_schema[], tr__default_levels[];
#define TR__LEVELS_FILE "difficulty.json"
#define TR__SCHEMA_NAME "reasoning" /* of content types that name no schema */

/* ---- rows (rows.c, row.c) --------------------------------------------------------- */

struct tr__rows { /* a list of rows in memory, cut into them */
    const char *name, *bytes;
    size_t n, at;      /* at: what is read up to */
    size_t end;        /* behind the last row that was read, or behind '[' */
    uint64_t line, row;
    size_t counted;    /* lines are, up to here */
};
struct tr__raw_row {
    const char *bytes;
    size_t n;
    uint64_t line, byte, number; /* from 1, 0 and 1 */
};
int tr__rows_begin(struct tr__rows *r, const char *name, const char *bytes, size_t n,
                   struct tr_err *err) TR_MUST_CHECK;
/* 1 and the next row, 0 behind the last, or TR_EFORMAT: then the rest cannot be read. */
int tr__rows_next(struct tr__rows *r, struct tr__raw_row *raw,
                  struct tr_err *err) TR_MUST_CHECK;
/* A row's value, an object; NULL on failure. */
struct tr_json *tr__rows_parse(const struct tr__rows *r, const struct tr__raw_row *raw,
                               struct tr_err *err) TR_MUST_CHECK;

/* The row as it is trained on: placeholders filled, difficulty a number, tags and metadata
 * of its topic in it, its schema seen to hold.  *level: its difficulty, 0: none. */
struct tr_json *tr__row_finish(struct tr_dataset *d, const struct tr__topic *t,
                               const struct tr_json *row, uint64_t number, int *level,
                               struct tr_err *err) TR_MUST_CHECK;

/* ---- all topics (build.c, seen.c, stats.c, stray.c) ------------------------------- */

struct tr__seen { /* rows by what they say */
    struct tr__seen_row *row;
    size_t n, cap;
    struct tr__names names;
};
/* Enter a finished row of a topic.  *before: the place in `row` of one that says the same,
 * or SIZE_MAX. */
int tr__seen_add(struct tr__seen *s, const struct tr_json *row, const struct tr__topic *t,
                 uint64_t number, size_t *before, struct tr_err *err) TR_MUST_CHECK;
struct tr__seen_row {
    const char *name; /* a hash in letters; malloc'ed */
    const struct tr__topic *topic;
    uint64_t number;
};
void tr__seen_release(struct tr__seen *s);

struct tr__tally { /* statistics in the making */
    struct tr_dataset_stats *stats;
    const struct tr_tokenizer *tok;
    uint64_t *length; /* of each row */
    size_t n, cap, begin; /* begin: of the topic at hand */
    struct tr_tokens tokens;
};
int tr__tally_begin(struct tr__tally *y, const struct tr_dataset *d,
                    struct tr_err *err) TR_MUST_CHECK;
int tr__tally_row(struct tr__tally *y, size_t topic, const struct tr_json *row, int level,
                  struct tr_err *err) TR_MUST_CHECK;
void tr__tally_topic_end(struct tr__tally *y, size_t topic);
void tr__tally_end(struct tr__tally *y);
void tr__tally_release(struct tr__tally *y);

/* Call `found` for each file called .json in the folder of topics that is none of them. */
int tr__stray_files(const struct tr_dataset *d, void (*found)(void *ctx, const char *path),
                    void *ctx, struct tr_err *err) TR_MUST_CHECK;

/* ---- files (paths.c) -------------------------------------------------------------- */

/* malloc'ed text; NULL, with the failure in err, for lack of memory. */
char *tr__text_of(struct tr_err *err, const char *fmt, ...) TR_PRINTF(2, 3);
/* The path of a name beside a file. */
char *tr__beside(const char *file, const char *name, struct tr_err *err);
/* Bytes of the byte order mark that a file begins with, which no file needs. */
size_t tr__bom(const char *bytes, size_t n);
/* The one value of a whole file. */
struct tr_json *tr__json_of_file(const char *path, struct tr_err *err) TR_MUST_CHECK;

/* ---- telling ---------------------------------------------------------------------- */

static inline void tr__dataset_tell(const struct tr_dataset_tell *t,
                                    enum tr_dataset_news kind, const char *text)
{
    if (t && t->tell)
        t->tell(t->ctx, kind, text);
}

#endif
