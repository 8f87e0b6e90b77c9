/* SPDX-License-Identifier: MIT
 *
 * A pair that is made of the pairs of several adapters.
 */
#ifndef LIBTRAIN_EDIT_JOIN_H
#define LIBTRAIN_EDIT_JOIN_H

#include <libtrain/join.h>

/* One of them: user * alpha / rank * b a, or user * b a for an alpha of 0. */
struct tr__joint_part {
    const struct tr_gguf *g;
    const struct tr_gguf_tensor *a, *b;
    double user;
    float alpha;
};

struct tr__joint {
    char name[64]; /* of the base's tensor */
    size_t n_part;
    struct tr__joint_part *part; // (n_part)
    int is_stack;                /* of three dimensions */
    int64_t n_matrix, m, n;      /* of what is changed */
    int64_t all, rank;           /* ranks of the parts together; what is written */
};

/* One more part.  TR_EFORMAT if its shapes do not fit one another, TR_EMISMATCH if they do
 * not fit the others'. */
int tr__joint_add(struct tr__joint *p, const struct tr__joint_part *part,
                  struct tr_err *err) TR_MUST_CHECK;
/* Settle its rank, at most `most`; 0: any. */
void tr__joint_settle(struct tr__joint *p, int most);
/* The alpha with which its first part keeps its numbers. */
float tr__joint_alpha(const struct tr__joint *p);

/* Shapes of the new pair; returns how many dimensions. */
int tr__joint_shapes(const struct tr__joint *p, int64_t a[3], int64_t b[3]);

/* Join and append a and b to w, for an adapter of this alpha. */
int tr__joint_write(const struct tr__joint *p, float alpha, struct tr_gguf_writer *w,
                    struct tr_join_loss *loss, struct tr_err *err) TR_MUST_CHECK;

#endif
