/* SPDX-License-Identifier: MIT
 *
 * Ranges, and slices of whatever has an order.
 */
#ifndef LIBTRAIN_CHAT_SEQUENCE_H
#define LIBTRAIN_CHAT_SEQUENCE_H

#include <libtrain/chat/run.h>

struct tr__range { int64_t start, stop, step; }; /* of a range value, whose n counts it */
int64_t tr__range_at(const struct tr__val *v, size_t i);
/* Refuses step 0 and, where `most` is not 0, more numbers than that. */
int tr__range(struct tr__run *r, const struct tr__range *range, size_t most,
              struct tr__val *out);

/* v[start:stop:step]; those of kind NONE or MISSING are left out. */
int tr__slice(struct tr__run *r, const struct tr__val *v, const struct tr__val *start,
              const struct tr__val *stop, const struct tr__val *step, struct tr__val *out);

#endif
