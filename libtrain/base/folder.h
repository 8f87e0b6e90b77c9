/* SPDX-License-Identifier: MIT
 *
 * A folder of files that is whole or not there.  It is written beside its target, as
 * `.NAME.tmp.PID`, and takes the target's name when all of its files are complete; a
 * failure or a signal leaves nothing.
 */
#ifndef LIBTRAIN_BASE_FOLDER_H
#define LIBTRAIN_BASE_FOLDER_H

#include <libtrain/error.h>

struct tr__folder;

/* Begin `path`, where there is nothing yet, or an empty folder; else TR_EIO. */
struct tr__folder *tr__folder_new(const char *path, struct tr_err *err) TR_MUST_CHECK;
/* Where its files are to be written until then. */
const char *tr__folder_path(const struct tr__folder *f);
/* The path of a file of it, in `to` of PATH_MAX bytes; TR_EIO if that is too long. */
int tr__folder_file(const struct tr__folder *f, const char *name, char *to,
                    struct tr_err *err) TR_MUST_CHECK;
/* What is in it now goes with it if a signal ends the process.  To be called when files
 * have been finished and more will come. */
int tr__folder_hold(struct tr__folder *f, struct tr_err *err) TR_MUST_CHECK;
/* The end: the name if rc, what came of it so far, is 0; else files and folder are removed,
 * and rc is returned.  Frees it; NULL is allowed. */
int tr__folder_finish(struct tr__folder *f, int rc, struct tr_err *err) TR_MUST_CHECK;

#endif
