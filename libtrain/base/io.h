/* SPDX-License-Identifier: MIT
 *
 * Reading and writing as it is meant: all bytes, however few the system takes at a time,
 * whatever signals come between, and even if somebody has made the descriptor non-blocking.
 * What fails leaves the system's own reason in errno.
 */
#ifndef LIBTRAIN_BASE_IO_H
#define LIBTRAIN_BASE_IO_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Write all: 0, or -1.  *done grows by the bytes that went out, also when it fails. */
int tr__write_all(int fd, const void *data, size_t bytes, uint64_t *done) TR_MUST_CHECK;
/* The same at an offset of a file. */
int tr__pwrite_all(int fd, const void *data, size_t bytes, uint64_t offset) TR_MUST_CHECK;
/* All of it on disk: 0, or -1. */
int tr__sync(int fd);

/* What can be read now, up to `bytes`; 0 at the end, -1. */
ssize_t tr__read_some(int fd, void *data, size_t bytes) TR_MUST_CHECK;
/* The bytes at an offset: how many there were, fewer only at the end of the file; -1. */
ssize_t tr__pread_all(int fd, void *data, size_t bytes, uint64_t offset) TR_MUST_CHECK;

/* Open a regular file for reading: its descriptor, and its size in *bytes; or -1.  A FIFO
 * without a writer is refused, not waited for. */
int tr__open_regular(const char *path, uint64_t *bytes, struct tr_err *err) TR_MUST_CHECK;

#endif
