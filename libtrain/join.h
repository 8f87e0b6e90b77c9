/* SPDX-License-Identifier: MIT
 *
 * Several adapters as one: the sum of their changes.  Side by side, A's of all adapters below
 * one another and B's beside one another, it is exact and ranks add up; a smaller rank keeps
 * the part of it that is nearest.
 */
#ifndef LIBTRAIN_JOIN_H
#define LIBTRAIN_JOIN_H

#include <libtrain/gguf.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_join_args {
    size_t n;
    const struct tr_gguf *const *adapter; // (n)
    const double *scale;                  // (n) factor on the effect of each, not 0
    int rank;                             /* of a pair at most; 0: as many as there are */
    int other_base;                       /* also adapters of different bases */
    const char *name;                     /* general.name; NULL: the first one's */
    const char *history;                  /* a line for that of the file; or NULL */
    struct tr_progress progress;          /* in bytes of the new file */
};

/* What became of one pair. */
struct tr_join_loss {
    char name[64];       /* of the base's tensor */
    int rank;            /* that it has now */
    int parts;           /* adapters that have it */
    double change, lost; /* |D|^2, and of that what is not in it; 0 where nothing is lost */
};

/* Write them as one adapter to `path`, a pair at a time; keys are the first one's.  *loss
 * is an array of *n_pair, which the caller frees.  TR_EMISMATCH, naming both files, for
 * adapters of other architectures, bases or shapes; TR_EFORMAT for one that tr_lora_open
 * would refuse without a base. After a failure what was at `path` is still there. */
int tr_join(const struct tr_join_args *args, const char *path, struct tr_join_loss **loss,
            size_t *n_pair, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
