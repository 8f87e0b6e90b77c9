/* SPDX-License-Identifier: MIT
 *
 * A source, for the files that look at it, cut records and parse them.
 */
#ifndef LIBTRAIN_DATA_SOURCES_SOURCES_H
#define LIBTRAIN_DATA_SOURCES_SOURCES_H

#include <libtrain/data/sources/stream.h>
#include <libtrain/source.h>

enum tr__record_kind { /* what a record of a file is */
    TR__RECORD_TEXT,   /* all of it */
    TR__RECORD_IDS,    /* a line of decimals */
    TR__RECORD_LINE,   /* a line of JSON */
    TR__RECORD_ARRAY,  /* a value of one array */
    TR__RECORD_VALUES  /* values of several lines, one after the other */
};

struct tr_source {
    struct tr_source_options o;
    struct tr__stream stream;
    enum tr__record_kind kind;
    uint64_t line, number;
    int begun, ended; /* an array's brackets */
};

static inline int tr__is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
/* The first of p[at … n) that is no blank; n if there is none. */
size_t tr__past_blanks(const unsigned char *p, size_t at, size_t n);
/* Set s->kind by the first n bytes of a file, behind a byte order mark; `all`: there are no
 * more.  Fails if it is nothing that can be read. */
int tr__source_look(struct tr_source *s, const unsigned char *p, size_t n, int all,
                    struct tr_err *err) TR_MUST_CHECK;

#endif
