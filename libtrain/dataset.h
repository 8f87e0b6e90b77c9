/* SPDX-License-Identifier: MIT
 *
 * Data sets of reasoning that people keep by hand: a tree of small JSON files, one a topic,
 * under a structure that names them all, made into one file of rows to train on.  What the
 * files hold: docs/formats/dataset.md.
 *
 * One object belongs to one thread at a time.
 */
#ifndef LIBTRAIN_DATASET_H
#define LIBTRAIN_DATASET_H

#include <libtrain/error.h>
#include <libtrain/file.h>
#include <libtrain/tokenizer.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where things are; NULL: beside the structure, under the name that is said here. */
struct tr_dataset_args {
    const char *structure;    /* never NULL */
    const char *topics;       /* "topics" */
    const char *schemas;      /* "schemas" */
    const char *placeholders; /* "placeholders.json", which need not be there */
};

/* Who is told on the way.  What is wrong is told of every row, not of the first alone. */
enum tr_dataset_news {
    TR_DATASET_MADE, /* the path of a file or folder that was made */
    TR_DATASET_ODD,  /* something to look at */
    TR_DATASET_WRONG /* no data set is made of this: 'FILE' line L byte B, row R: what */
};
struct tr_dataset_tell {
    void (*tell)(void *ctx, enum tr_dataset_news kind, const char *text);
    void *ctx;
};

/* Make what is missing: the folders and an empty list of rows for each topic that the
 * structure names, and the schemas.  Nothing that is there is changed.  begin: if there is
 * no structure, write a small one first. */
int tr_dataset_scaffold(const struct tr_dataset_args *args, int begin,
                        const struct tr_dataset_tell *tell,
                        struct tr_err *err) TR_MUST_CHECK;

/* Read the structure, the schemas and the placeholders, not yet the topics. */
struct tr_dataset *tr_dataset_open(const struct tr_dataset_args *args,
                                   struct tr_err *err) TR_MUST_CHECK;
void tr_dataset_free(struct tr_dataset *d);
/* The files that it is read from, those of the topics too: i = 0, 1, … until NULL.  One need
 * not be there. */
const char *tr_dataset_file(const struct tr_dataset *d, size_t i);

enum { TR_DATASET_LEVELS = 6 }; /* of difficulty, from 1 */

/* Lengths are in tokens of each text by itself, or in characters where no tokenizer was
 * given. */
struct tr_dataset_count {
    const char *name; /* "category.subcategory.content", or "all" */
    uint64_t rows, question, think, output; /* sums */
    uint64_t median, p95, longest;          /* of question + think + output of a row */
};
struct tr_dataset_stats { /* release with tr_dataset_stats_release, before the data set */
    struct tr_dataset_count *topic; /* (n_topic) in the order of the structure */
    size_t n_topic;
    struct tr_dataset_count all;
    uint64_t level[TR_DATASET_LEVELS + 1]; /* rows of each difficulty; [0]: of none */
    const char *level_name[TR_DATASET_LEVELS + 1];
};
void tr_dataset_stats_release(struct tr_dataset_stats *s);

/* Read all topics, and write their rows, in the order of the structure, one a line.  out:
 * NULL, only look.  tok: for the statistics, or NULL.  stats: NULL, or filled.  TR_EFORMAT
 * if anything was told as wrong; then what went to `out` is not whole, and the caller
 * discards it. */
int tr_dataset_build(struct tr_dataset *d, struct tr_out *out,
                     const struct tr_tokenizer *tok, const struct tr_dataset_tell *tell,
                     struct tr_dataset_stats *stats, struct tr_err *err) TR_MUST_CHECK;

/* A text as a JSON string, quotes around it: malloc'ed, NUL behind its *bytes bytes.
 * TR_EFORMAT if it is not UTF-8; `name` is what a failure calls it. */
char *tr_dataset_quote(const char *text, size_t n, const char *name, size_t *bytes,
                       struct tr_err *err) TR_MUST_CHECK;

struct tr_dataset_field { /* of a row */
    const char *key;
    const char *text; /* n bytes of UTF-8 */
    size_t n;
    int json; /* the text is a value in JSON, not the value itself */
};
/* Append a row to the file of a topic: a new file, the old one with the row behind its
 * last, takes its name.  The bytes of the rows before stay as they are.  A file that is
 * not a list of objects is refused. */
int tr_dataset_append(const char *path, const struct tr_dataset_field *field, size_t n,
                      struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
