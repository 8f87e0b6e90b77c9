/* SPDX-License-Identifier: MIT
 *
 * Bytes of a file, unpacked, front to back.
 */
#ifndef LIBTRAIN_DATA_SOURCES_STREAM_H
#define LIBTRAIN_DATA_SOURCES_STREAM_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

struct tr__stream { /* what is there is data[at … n); the rest is stream.c's */
    const char *name;
    unsigned char *data;
    size_t at, n, cap;
    uint64_t offset; /* of data[at] in the file, unpacked */
    int ended;
    void *source; /* FILE */
    const struct tr__unpack *unpack;
    void *state;
};

/* Begin; gzip and zstd are known by their first bytes. */
int tr__stream_open(struct tr__stream *s, const char *path,
                    struct tr_err *err) TR_MUST_CHECK;
void tr__stream_close(struct tr__stream *s);
/* More bytes behind those that are there, or all of them gone on: 1; 0 at the end. */
int tr__stream_more(struct tr__stream *s, struct tr_err *err) TR_MUST_CHECK;
/* Take n bytes that are there. */
void tr__stream_skip(struct tr__stream *s, size_t n);

#endif
