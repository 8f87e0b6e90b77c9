/* SPDX-License-Identifier: MIT
 *
 * Training data in the forms people keep it: texts, lines of ids, and rows of JSON (a line
 * each, or the values of an array) that hold chats, prompts and completions, instructions,
 * token ids.  docs/formats/rows.md shows each form.  A file is read front to back, gzip and
 * zstd unpacked on the way; memory grows with the longest row, not with the file.
 *
 * Two halves, so that threads may share the work: tr_source_next cuts records off the
 * stream, tr_source_parse, on any thread, says what one is.
 */
#ifndef LIBTRAIN_SOURCE_H
#define LIBTRAIN_SOURCE_H

#include <libtrain/error.h>
#include <libtrain/json.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_source_key { /* the column that holds what a form calls `key` */
    const char *key, *column;
};

struct tr_source_options { /* the caller's; it outlives the source */
    const char *format; /* a form by name; NULL: found by looking, a row for each itself */
    const struct tr_source_key *key;
    size_t n_key;
    int chat; /* 1: instructions become messages; 0: text, Alpaca's as Alpaca has it */
    int preference; /* 1: answers that are not wanted are, too: see struct tr_row */
};

/* Names for options.format: i = 0, 1, … until NULL. */
const char *tr_source_form(size_t i);

/* One record of a source: a text, a line, a value of JSON.  Start with {0}; used again and
 * again; release with tr_record_release. */
struct tr_record {
    char *bytes;           /* n, a NUL behind them; large ones in an unnamed file */
    size_t n, cap;
    uint64_t number;       /* from 1 */
    uint64_t line, at;     /* where it begins: line from 1, byte from 0, unpacked */
};
void tr_record_release(struct tr_record *r);

struct tr_source;

/* Begin to read a file, "-" is standard input.  What it is is found by looking at its first
 * bytes.  TR_EINVAL for a format that there is not; TR_EFORMAT for a web page, and where
 * rows are wanted, by `format` or by a name that ends in .json, .jsonl, .ndjson, for what
 * has none. */
struct tr_source *tr_source_open(const char *path, const struct tr_source_options *o,
                                 struct tr_err *err) TR_MUST_CHECK;
void tr_source_close(struct tr_source *s);
/* 1 if the whole file is one text and its record (no rows, no lines of ids). */
int tr_source_is_text(const struct tr_source *s);
/* Its name in messages: the path, or "standard input". */
const char *tr_source_name(const struct tr_source *s);

/* The next record: 1, 0 at the end, or a negative error: damaged data, an array that is
 * none, a row of more than TR_JSON_MAX_BYTES.  Lines without anything in them are passed
 * over. */
int tr_source_next(struct tr_source *s, struct tr_record *r,
                   struct tr_err *err) TR_MUST_CHECK;

/* In place of tr_source_next, where the whole file is one text (tr_source_is_text) that need
 * not be in memory at once: the next of its bytes, which stay until the next call.  1, 0 at
 * the end, or a negative error. */
int tr_source_piece(struct tr_source *s, const char **bytes, size_t *n,
                    struct tr_err *err) TR_MUST_CHECK;

enum tr_row_kind { TR_ROW_TEXT, TR_ROW_CHAT, TR_ROW_SEGMENTS };
#define TR_ROW_NO_COMPLETION SIZE_MAX

struct tr_segment { /* text, or ids where id is not NULL */
    const char *text;
    size_t n_text;
    const uint32_t *id;        // (n_id)
    const unsigned char *mask; // (n_id) 1: counts; NULL: all do
    size_t n_id;
    int train;    /* 0: context alone */
    float weight; /* >= 0 */
};

struct tr_row { /* start with {0}; used again and again; release with tr_row_release */
    const char *form; /* its name */
    enum tr_row_kind kind;
    const char *text; /* TEXT: n_text bytes, which may hold anything */
    size_t n_text;
    /* CHAT: an object with messages, and as they are in the row tools, documents,
     * add_generation_prompt, continue_final_message, chat_template_kwargs */
    const struct tr_json *chat;
    size_t completion; /* the first message that answers, or TR_ROW_NO_COMPLETION */
    const struct tr_segment *segment; /* SEGMENTS: n_segment, one after the other */
    size_t n_segment;
    int answers;       /* the last segment answers the ones before it */
    float weight;      /* of the row, >= 0; 1 where it does not say */
    const char *group; /* NULL, or at most 255 bytes */
    /* Where it says which of two answers is preferred, or whether one is good, or how good:
     * the chosen answer is the completion here, one that is not good has weight 0.  With
     * options.preference that has weight 1 and sign -1, one of which it is told how good it
     * is has that as its sign, and where an answer was chosen there is its rival:
     * tr_source_parse_rival. */
    int has_sign;
    float sign;
    int has_rival;
    struct tr_row_store *store; /* what all these point into */
};
void tr_row_release(struct tr_row *row);

/* What a record of s is.  The row points into the record, which must stay as it is.
 * TR_EFORMAT says where and why: "'FILE' line 12 byte 3407: …".  Threads may do this at the
 * same time, with rows and records of their own. */
int tr_source_parse(const struct tr_source *s, const struct tr_record *r,
                    struct tr_row *row, struct tr_err *err) TR_MUST_CHECK;
/* The same of a record whose row has a rival: the row with the answer that was not chosen. */
int tr_source_parse_rival(const struct tr_source *s, const struct tr_record *r,
                          struct tr_row *row, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
