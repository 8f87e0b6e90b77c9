/* SPDX-License-Identifier: MIT
 *
 * How much of what a merge changes is in the file that it writes: merge.h, struct
 * tr_merge_change.
 */
#ifndef LIBTRAIN_EDIT_MERGE_CHANGE_H
#define LIBTRAIN_EDIT_MERGE_CHANGE_H

#include <libtrain/merge.h>

/* Whole rows of a tensor, at most so many numbers, on their way into a file. */
struct tr__changed {
    int64_t n, row;
    const float *change; // (n) what is new
    const float *sum;    // (n) what is to be written: base and change
    const void *packed;  /* what was written */
    const struct tr_dtype *type;
};

/* Add what became of these rows to c, with all threads; the bits do not depend on their
 * number. */
void tr__change_add(struct tr_merge_change *c, const struct tr__changed *x);

#endif
