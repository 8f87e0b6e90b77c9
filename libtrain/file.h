/* SPDX-License-Identifier: MIT
 *
 * Output files that are whole or not there.  A struct tr_out writes to a temporary beside
 * its target (`.NAME.tmp.PID`, locked while it is written), and tr_out_commit flushes,
 * syncs, renames and syncs the directory.  Until then an older file under that name stays
 * as it was; a failure leaves no temporary.  The caller owns the struct until commit or
 * discard.  Threads may have any number of them, as far as the system has descriptors (two
 * each); one is used by one thread at a time.
 */
#ifndef LIBTRAIN_FILE_H
#define LIBTRAIN_FILE_H

#include <libtrain/error.h>

#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_out;

/* Begin to write `path`; "-" is standard output (no temporary, no rename), and so is a path
 * that exists and is not a regular file (/dev/full, a FIFO).  Fails now, not after hours of
 * work, if the file could not appear under its name: the directory is missing or not
 * writable, the file is protected, another user's in a sticky folder, or a mount point by
 * itself.  Temporaries of the same target that this user's processes left and nobody writes
 * any more are removed. */
struct tr_out *tr_out_open(const char *path, struct tr_err *err) TR_MUST_CHECK;

/* The stream to write to; owned by the struct. */
FILE *tr_out_stream(struct tr_out *out);

/* 1 if it goes to a terminal, which obeys what is in it: text must be made printable
 * (printable.h), and what is no text must not go there. */
int tr_out_is_terminal(const struct tr_out *out);

/* Path of the temporary (for a check before the rename), or NULL for a stream. */
const char *tr_out_temp(const struct tr_out *out);

/* Write with a check; TR_EIO names the path. */
int tr_out_write(struct tr_out *out, const void *data, size_t bytes,
                 struct tr_err *err) TR_MUST_CHECK;

/* Write over bytes that are out already, at `offset`; not for standard output and pipes. */
int tr_out_patch(struct tr_out *out, uint64_t offset, const void *data, size_t bytes,
                 struct tr_err *err) TR_MUST_CHECK;

/* Finish.  Frees `out` either way. */
int tr_out_commit(struct tr_out *out, struct tr_err *err) TR_MUST_CHECK;
/* Drop the temporary; NULL is allowed. */
void tr_out_discard(struct tr_out *out);
/* The end of writing: commit if rc, what came of it so far, is 0, else discard and return
 * rc. */
int tr_out_finish(struct tr_out *out, int rc, struct tr_err *err) TR_MUST_CHECK;

/* Remove every temporary that is open, and the lock of every folder of saves
 * (checkpoint.h).  Async-signal-safe: for handlers that end the process. */
void tr_out_unlink_all(void);

/* The path of the mapped file that this address lies in, as it may be printed, or NULL.
 * Async-signal-safe: for a handler of SIGBUS, which comes when a file has become shorter,
 * or cannot be read any more, while it is mapped. */
const char *tr_mapped_file(const void *address);

/* 1 if the two paths name the same existing file (device and inode), else 0. */
int tr_same_file(const char *a, const char *b);

/* Open `path` for reading front to back; "-" is standard input, which fclose leaves open.
 * Signals and a descriptor that does not wait only delay the stream; what fails is in
 * errno, as of any stream. */
FILE *tr_in_open(const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Bounded copy of a whole stream or file into memory.  path "-" is standard input.
 * *data is malloc'ed, has one NUL behind its *bytes bytes, and is the caller's. */
int tr_read_all(const char *path, char **data, size_t *bytes,
                struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
