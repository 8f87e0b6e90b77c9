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

/* Set s->kind by the first n bytes of a file, behind a byte order mark; `all`: there are no
 * more.  Fails if it is nothing that can be read. */
int tr__source_look(struct tr_source *s, const unsigned char *p, size_t n, int all,
                    struct tr_err *err) TR_MUST_CHECK;

#endif
