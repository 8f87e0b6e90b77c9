/* SPDX-License-Identifier: MIT
 *
 * Loops as templates see them.
 */
#ifndef LIBTRAIN_CHAT_STATE_H
#define LIBTRAIN_CHAT_STATE_H

#include <libtrain/chat/tree.h>

struct tr__loop { /* what `loop` points at */
    struct tr__run *r;
    struct tr__frame *test;     /* of its condition */
    const struct tr__node *n;  /* the loop: its target, and its condition if it has one */
    struct tr__iter it;
    struct tr__val current, before,
        after; /* after: of kind MISSING if it is not known yet */
    int ended;                             /* there is no item after this one */
    int64_t index0;
    int turned;   /* a turn ran to its end: then `else` does not */

};
/* The next item that fulfils the condition: 1, 0 at the end, or a negative code. */
int tr__loop_next(struct tr__loop *loop, struct tr__val *out);

/* The items of a generator, which it then has no more. */
int tr__generator(struct tr__run *r, const struct tr__call *c,
                  int (*make)(struct tr__run *r, const struct tr__generator *g,
                              struct tr__val *list),
                  struct tr__val *out);

#endif
