/* SPDX-License-Identifier: MIT
 *
 * Files that are mapped: noted, so that whoever meets a page that is not there any more can
 * say which file it was (tr_mapped_file in file.h).
 */
#ifndef LIBTRAIN_BASE_MAPS_H
#define LIBTRAIN_BASE_MAPS_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

struct tr__map; /* a note */

/* Map a regular file whole, read-only, and note it under `path`: where its `bytes` bytes,
 * more than 0, are in memory, or NULL and errno.  Any thread may call these. */
void *tr__map_file(int fd, uint64_t bytes, const char *path,
                   struct tr__map **note) TR_MUST_CHECK;
void tr__unmap_file(void *at, uint64_t bytes, struct tr__map *note);
/* Let go of the whole pages of a part of one.  Advice: nothing is lost if it is not taken. */
void tr__forget_pages(const void *at, int64_t bytes);

#endif
