/* SPDX-License-Identifier: MIT: progress, told to whoever wants to know */
#ifndef LIBTRAIN_BASE_TELL_H
#define LIBTRAIN_BASE_TELL_H

#include <libtrain/progress.h>

static inline void tr__tell(const struct tr_progress *p, int64_t done, int64_t total)
{
    if (p->at)
        p->at(p->ctx, done, total);
}

#endif
