/* SPDX-License-Identifier: MIT
 *
 * The names of groups in a pack: documents say the number of theirs, the table between
 * frames and index says the names.
 */
#ifndef LIBTRAIN_DATA_PACK_GROUPS_H
#define LIBTRAIN_DATA_PACK_GROUPS_H

#include <libtrain/base/base.h>

#include <stddef.h>
#include <stdint.h>

enum {
    TR__PACK_MAX_GROUP = 0xffff, /* names; 0 among the numbers of a frame is none */
    TR__PACK_GROUPS_BYTES = 4 + TR__PACK_MAX_GROUP * 256 + 8 /* of a table, at most */
};

struct tr__pack_groups { /* {0}: none */
    struct tr__pack_group { const char *name; } *group;
    size_t n, cap;
    struct tr__names by_name;
};

/* The number of a name from 0, which is entered if it is new; TR_EFORMAT if it is no name of
 * a group or there are too many. */
int32_t tr__pack_groups_add(struct tr__pack_groups *g, const char *name,
                            struct tr_err *err) TR_MUST_CHECK;
void tr__pack_groups_release(struct tr__pack_groups *g);

/* The table as it is in the file, without the hash behind it: its bytes; where b is NULL,
 * nothing is written. */
size_t tr__pack_groups_encode(const struct tr__pack_groups *g, unsigned char *b);
/* Fill *g, which is {0}, from n such bytes; the error names no file. */
int tr__pack_groups_decode(struct tr__pack_groups *g, const unsigned char *b, size_t n,
                           struct tr_err *err) TR_MUST_CHECK;

#endif
