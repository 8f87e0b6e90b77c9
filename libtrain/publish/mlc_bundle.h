/* SPDX-License-Identifier: MIT
 *
 * The weights of a bundle: shards, and the index that says what is where.  All tensors are
 * declared, then their data come in the same order.
 */
#ifndef LIBTRAIN_PUBLISH_MLC_BUNDLE_H
#define LIBTRAIN_PUBLISH_MLC_BUNDLE_H

#include <libtrain/base/base.h>
#include <libtrain/publish/mlc_pack.h>

enum { TR__MLC_CAP = 32 << 20 }; /* bytes of a shard, if it has more than one tensor */

struct tr__mlc_bundle;

/* `cap` is TR__MLC_CAP, but in tests.  The folder is the caller's. */
struct tr__mlc_bundle *tr__mlc_bundle_new(struct tr__folder *folder, int64_t cap,
                                          struct tr_err *err) TR_MUST_CHECK;
void tr__mlc_bundle_free(struct tr__mlc_bundle *b);

/* A tensor of n_dim dimensions, row-major: 1 or 2. */
int tr__mlc_declare(struct tr__mlc_bundle *b, const char *name,
                    const struct tr__mlc_number *type, int n_dim, const int64_t *dim,
                    struct tr_err *err) TR_MUST_CHECK;
/* Bytes of all shards, after the last was declared. */
int64_t tr__mlc_bytes(const struct tr__mlc_bundle *b);
/* The next bytes, as they are stored, of the next tensor whose data are not complete: they
 * are all its own. */
int tr__mlc_write(struct tr__mlc_bundle *b, const void *data, int64_t bytes,
                  struct tr_err *err) TR_MUST_CHECK;
/* The index, after all data; n_source numbers is what the tensors were made from. */
int tr__mlc_index(struct tr__mlc_bundle *b, int64_t n_source,
                  struct tr_err *err) TR_MUST_CHECK;

#endif
