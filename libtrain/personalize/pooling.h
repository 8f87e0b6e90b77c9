/* SPDX-License-Identifier: MIT: rows of a document to one */
#ifndef LIBTRAIN_PERSONALIZE_POOLING_H
#define LIBTRAIN_PERSONALIZE_POOLING_H

#include <libtrain/embed.h>

struct tr_pooling {
    const char *name;
    /* to (width) of n >= 1 rows of x, ld numbers apart; NULL: rows stay as they are */
    void (*pool)(const float *x, int64_t ld, int64_t n, int64_t width, float *to);
};

/* To a length of 1; what is 0 stays so. */
void tr__normalise(float *v, int64_t n);

#endif
