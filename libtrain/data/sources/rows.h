/* SPDX-License-Identifier: MIT
 *
 * What the forms of rows share.
 */
#ifndef LIBTRAIN_DATA_SOURCES_ROWS_H
#define LIBTRAIN_DATA_SOURCES_ROWS_H

#include <libtrain/source.h>

/* A row that is being read. */
struct tr__reading {
    const struct tr_source_options *o;
    const struct tr_json *root;
    struct tr_row *row;
    struct tr_err *err;
    int rival; /* the answer that was not chosen is wanted */
};

/* What a row points into, if it is not the record. */
struct tr_row_store {
    struct tr_json *root, *made;
    struct tr_segment *segment;
    size_t cap;
    void **room;
    size_t n_room, cap_room;
    char group[256];
};
void tr__store_empty(struct tr_row_store *s);

struct tr__row_form {
    const char *name;   /* of --format */
    const char *wants;  /* its columns, for the row that has none of them */
    int (*looks)(const struct tr__reading *r);
    /* Fills r->row; a failure is the reason alone, the place is put in front. */
    int (*parse)(struct tr__reading *r);
};

#define TR_ROW_FORM(NAME) extern const struct tr__row_form tr__row_##NAME;
#include <libtrain/data/sources/sources.def>
#undef TR_ROW_FORM

/* The column of this name, or of the name that the caller gave it. */
const struct tr_json *tr__column(const struct tr__reading *r, const char *key);
const char *tr__column_name(const struct tr__reading *r, const char *key);
/* "null", "a string", … */
const char *tr__kind_words(const struct tr_json *v);
/* "no 'key', which is to be …", "'key' is a number, not …". */
int tr__bad_column(const struct tr__reading *r, const char *key, const char *wanted);
/* A column that must be a string. */
int tr__column_string(const struct tr__reading *r, const char *key, const char **s,
                      size_t *n);

/* Another segment; NULL when out of memory, which is told. */
struct tr_segment *tr__segment(struct tr__reading *r);
int tr__segment_text(struct tr__reading *r, const char *s, size_t n, int train);
/* n bytes that live as long as the row. */
void *tr__row_room(struct tr__reading *r, size_t n);
/* a, and where b is not empty what goes between, and b; as long as the row. */
char *tr__joined(struct tr__reading *r, const char *a, size_t n_a, const char *between,
                 const char *b, size_t n_b, size_t *n);

/* A new object of messages, that the row owns, with what goes beside them (tools and so on)
 * taken from the row. */
struct tr_json *tr__chat_begin(struct tr__reading *r, struct tr_json **messages);
/* The new message; NULL when out of memory, which is told. */
struct tr_json *tr__chat_add(struct tr__reading *r, struct tr_json *messages,
                             const char *role, const struct tr_json *content);
struct tr_json *tr__chat_add_text(struct tr__reading *r, struct tr_json *messages,
                                  const char *role, const char *s, size_t n);
/* The text of a column "system", if the row has one and the messages that will follow do
 * not begin with a system message. */
int tr__chat_add_system(struct tr__reading *r, struct tr_json *messages,
                        const struct tr_json *list);
/* Append the messages of a list, each an object with a role: tr__chat_check. */
int tr__chat_add_list(struct tr__reading *r, struct tr_json *messages,
                      const struct tr_json *list, const char *key);
int tr__chat_check(struct tr__reading *r, const struct tr_json *list, const char *key);
/* A number from 0 to 1e6; `to` stays where there is none. */
int tr__row_weight(const struct tr__reading *r, const struct tr_json *v, float *to);

/* A list of ids into a segment. */
int tr__ids(struct tr__reading *r, const struct tr_json *list, struct tr_segment *to);

/* 1 for turns with "from" and "value"; a chat of a column of them. */
int tr__is_turns(const struct tr_json *list);
int tr__turns(struct tr__reading *r, const char *key);

/* prompt and an answer, each text or messages */
int tr__prompt_and(struct tr__reading *r, const char *answer);

/* Parts that sources have in common: a line of ids. */
int tr__parse_ids(const struct tr_source *s, const struct tr_record *record,
                  struct tr_row *row, struct tr_err *err);

int tr__no_memory(const struct tr__reading *r);

#endif
