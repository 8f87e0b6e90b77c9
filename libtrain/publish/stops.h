/* SPDX-License-Identifier: MIT
 *
 * What ends an answer: the model's ends of generation, and what the template writes behind
 * one.
 */
#ifndef LIBTRAIN_PUBLISH_STOPS_H
#define LIBTRAIN_PUBLISH_STOPS_H

#include <libtrain/publish/turns.h>

enum { TR__MAX_STOP = 16 };

struct tr__stops {
    struct tr__stop {
        char *text;
        int64_t id; /* of the token; -1: it is a text */
    } stop[TR__MAX_STOP];
    size_t n;
};

/* Of turns that were not found, the model's alone.  Release in any case; start with {0}. */
int tr__stops_find(struct tr__stops *s, const struct tr_tokenizer *tok,
                   const struct tr__turns *t, struct tr_err *err) TR_MUST_CHECK;
void tr__stops_release(struct tr__stops *s);

#endif
