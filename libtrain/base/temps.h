/* SPDX-License-Identifier: MIT
 *
 * What must not outlive the process: temporaries beside the files that they become, and
 * what else the end of the process has to remove, however it comes.
 */
#ifndef LIBTRAIN_BASE_TEMPS_H
#define LIBTRAIN_BASE_TEMPS_H

#include <libtrain/error.h>

#include <sys/types.h>

enum { TR__NAME_BYTES = 256 }; /* of a directory entry, with its NUL */

struct tr__temp;

/* A place in the list of what is removed, for a name in the directory `dir`, whose
 * descriptor the entry owns from here on (also if it fails).  Nothing is removed yet.  NULL
 * for lack of memory.  Any thread may call these. */
struct tr__temp *tr__temp_new(int dir, const char *name) TR_MUST_CHECK;
const char *tr__temp_name(const struct tr__temp *t);
int tr__temp_dir(const struct tr__temp *t);

/* From here on the name is removed at the end, if `folder` as an empty folder; or no
 * longer. */
void tr__temp_arm(struct tr__temp *t, int folder);
void tr__temp_disarm(struct tr__temp *t);
/* Remove it now if it is armed, and give the place back.  NULL is allowed. */
void tr__temp_drop(struct tr__temp *t);

/* Make the temporary of the file `name` in t's directory, under a name of its own
 * (`.NAME.tmp.PID`), armed and locked until it is closed: its descriptor, or -1 and errno.
 * What others left there for the same file is removed first. */
int tr__temp_create(struct tr__temp *t, const char *name, mode_t mode) TR_MUST_CHECK;

/* Lock what was made under this name a moment ago: 1, also where there are no locks; 0 if it is
 * another's, or no longer there. */
int tr__temp_lock(int fd, int dir, const char *name) TR_MUST_CHECK;

/* Remove from a directory the temporaries that nobody writes any more, of the files, or of the
 * files and folders, whose name (of `bytes` bytes) pleases `mine`. */
void tr__temps_clean(int dir, int folders,
                     int (*mine)(const char *name, size_t bytes, const void *data),
                     const void *data);

#endif
