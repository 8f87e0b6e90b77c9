/* SPDX-License-Identifier: MIT
 *
 * Inside of the packer: documents become windows (pack_documents.c), windows find a sequence
 * in one of several ways (pack_fit_order.c, pack_fit_best.c), which is filled by
 * pack_sequence.c.
 */
#ifndef LIBTRAIN_DATA_PACKER_H
#define LIBTRAIN_DATA_PACKER_H

#include <libtrain/pack.h>

/* A stretch of a document: n <= ctx positions, of which the first n_seen were predicted in
 * the stretch before.  Or a whole one and its rival, of n positions together. */
struct tr__window {
    const uint32_t *token; // (tr__window_tokens)
    const float *weight;   // (as many) or NULL
    uint32_t n, n_seen;
    uint32_t rival;        /* token with which that begins; 0: there is none */
    int32_t group;
};

static inline uint32_t tr__window_tokens(const struct tr__window *w)
{
    return w->n + 1 + (w->rival > 0);
}

/* How windows find a sequence. */
struct tr_pack_fit {
    const char *name;
    /* Take a window, which is gone afterwards; all that waits must be put at the end. */
    int (*take)(struct tr_packer *p, const struct tr__window *w, struct tr_err *err);
    int (*end)(struct tr_packer *p, struct tr_err *err); /* NULL: nothing waits */
};

struct tr_packer {
    struct tr_pack_writer *w;
    uint32_t ctx;
    struct tr_packer_args args;
    struct tr_packer_counts counts;
    struct tr_pack_seq seq;        /* its arrays are these: */
    int32_t *token, *target, *pos, *group; // (ctx)
    float *weight;                         // (ctx)
    struct tr__pool *pool;         /* of a fit that looks ahead; NULL at first */
};

/* Positions that the sequence has room for. */
uint32_t tr__packer_room(const struct tr_packer *p);
/* Put a window behind what the sequence holds; it has room. */
void tr__packer_put(struct tr_packer *p, const struct tr__window *w);
/* Write the sequence, if it holds anything, and begin the next. */
int tr__packer_flush(struct tr_packer *p, struct tr_err *err) TR_MUST_CHECK;

void tr__pool_free(struct tr__pool *pool);

#define TR_PACK_FIT(NAME) extern const struct tr_pack_fit tr__pack_fit_##NAME;
#include <libtrain/data/fits.def>
#undef TR_PACK_FIT

#endif
