/* SPDX-License-Identifier: MIT
 *
 * How far something that takes long has come.
 */
#ifndef LIBTRAIN_PROGRESS_H
#define LIBTRAIN_PROGRESS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called between two pieces of the work, often, on the thread that asked for it and never
 * inside of a parallel loop: `done` of `total`, in a unit that the function says.  Whoever is
 * called returns soon, and changes nothing of what is worked on.  {0}: nobody wants to know. */
struct tr_progress {
    void (*at)(void *ctx, int64_t done, int64_t total);
    void *ctx; /* the caller's */
};

#ifdef __cplusplus
}
#endif
#endif
