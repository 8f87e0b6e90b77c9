/* SPDX-License-Identifier: MIT
 *
 * How the tensors of a plan are made: what plan.c and stacks.c share.
 */
#ifndef LIBTRAIN_HF_MADE_H
#define LIBTRAIN_HF_MADE_H

#include <libtrain/hf/plan.h>

/* A tensor of this name, of n_from of the folder, which are to be set. */
int tr__hf_made_begin(const struct tr__hf_plan *p, const struct tr__hf_found *f, size_t n_from,
                      struct tr__hf_made *m, struct tr_err *err) TR_MUST_CHECK;
/* Its shape, of that of the first of them; then it is at the end of the plan, which has its
 * parts now; they are freed if that fails. */
int tr__hf_made_end(struct tr__hf_plan *p, struct tr__hf_made *m,
                    struct tr_err *err) TR_MUST_CHECK;
/* Free its parts. */
void tr__hf_made_drop(struct tr__hf_made *m);

/* ---- stacks of experts (stacks.c) -------------------------------------------------- */

/* Those of which some experts were found. */
struct tr__hf_stacks {
    size_t n, cap;
    struct tr__hf_made *made;
    size_t *here; /* how many of its experts */
    size_t cap_here;
};

/* One more expert; when all of its block are there they go into the plan. */
int tr__hf_stacks_add(struct tr__hf_plan *p, struct tr__hf_stacks *s,
                      const struct tr__hf_found *f, const struct tr__hf_tensor *t,
                      struct tr_err *err) TR_MUST_CHECK;
/* 0 if no stack is left that lacks experts. */
int tr__hf_stacks_done(const struct tr__hf_stacks *s, struct tr_err *err) TR_MUST_CHECK;
void tr__hf_stacks_release(struct tr__hf_stacks *s);

#endif
