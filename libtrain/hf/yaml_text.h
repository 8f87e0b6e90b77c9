/* SPDX-License-Identifier: MIT
 *
 * Lines and texts of YAML: private to yaml*.c.
 */
#ifndef LIBTRAIN_HF_YAML_TEXT_H
#define LIBTRAIN_HF_YAML_TEXT_H

#include <libtrain/json.h>

struct tr__yaml {
    const char *s; // (n) without tabs
    size_t n, at;
    long column;   /* of what stands at `at` */
    int depth;     /* lists and mappings around it */
    int failed;    /* out of memory */
    size_t n_value;
};

struct tr__yaml_text { /* start with {0} */
    char *s;       /* NUL behind it */
    size_t n, cap;
    int quoted;    /* never null */
};
void tr__yaml_release(struct tr__yaml_text *t);

/* To the first line that has more than a comment; to the one behind where the reader is. */
void tr__yaml_first(struct tr__yaml *y);
void tr__yaml_next(struct tr__yaml *y);
/* To the end of the line. */
void tr__yaml_end_line(struct tr__yaml *y);
/* Is there nothing more in the line, or a comment? */
int tr__yaml_is_end(const struct tr__yaml *y);
/* Past names and types of what follows ("&a", "!!str"). */
void tr__yaml_skip_marks(struct tr__yaml *y);

/* 1 if a key stands here, with its colon; into `key`, and the reader goes past both and the
 * blanks behind, unless it is NULL. */
int tr__yaml_key(struct tr__yaml *y, struct tr__yaml_text *key);
/* The text that stands here, plain, in quotes or as a block, to its end: 1, or 0 for none. */
int tr__yaml_text(struct tr__yaml *y, long parent, struct tr__yaml_text *t);
/* The same between brackets. */
int tr__yaml_flow_text(struct tr__yaml *y, struct tr__yaml_text *t);
/* The text as a value; NULL for null. */
struct tr_json *tr__yaml_value(struct tr__yaml *y, const struct tr__yaml_text *t);

#endif
