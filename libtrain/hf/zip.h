/* SPDX-License-Identifier: MIT
 *
 * A zip archive in memory: its directory, checked as a whole, and the bytes of its entries.
 * Format: APPNOTE.TXT 6.3, with zip64.
 */
#ifndef LIBTRAIN_HF_ZIP_H
#define LIBTRAIN_HF_ZIP_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

struct tr__zip;

struct tr__zip_entry {
    const char *name;      /* terminated */
    uint64_t size, packed; /* bytes unpacked, and as they lie in the archive */
    uint64_t at;           /* of these bytes */
    uint64_t header;       /* where what belongs to the entry begins */
    int deflated;          /* else stored as it is */
};

/* The archive in these bytes, which the caller keeps until the close; path is for messages.
 * Every entry lies inside, none in another, names are distinct, methods known.  NULL:
 * TR_EFORMAT, TR_EUNSUPPORTED, TR_ENOMEM. */
struct tr__zip *tr__zip_open(const unsigned char *base, uint64_t size, const char *path,
                             struct tr_err *err) TR_MUST_CHECK;
void tr__zip_close(struct tr__zip *z);

size_t tr__zip_n(const struct tr__zip *z);
const struct tr__zip_entry *tr__zip_at(const struct tr__zip *z, size_t i);
const struct tr__zip_entry *tr__zip_find(const struct tr__zip *z, const char *name);

/* The bytes of an entry, e->size of them: of a stored one where they lie, of a deflated one
 * in memory, until another is asked for: for these, one thread at a time.  NULL and an
 * error. */
const unsigned char *tr__zip_bytes(struct tr__zip *z, const struct tr__zip_entry *e,
                                   struct tr_err *err) TR_MUST_CHECK;

#endif
