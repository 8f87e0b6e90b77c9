/* SPDX-License-Identifier: MIT
 *
 * The tape: operations in the order in which they ran (a Wengert list), and the reverse
 * sweep over it.  An operation checks its shapes, allocates its output, computes at once and
 * appends a node if an input needs a gradient.  Gradients are always added to, or written if
 * they are empty, so weights used twice and micro-batches need no code.
 *
 * A tape is cut into segments, one per block of the model.  What a segment computes and
 * backward reads again is either kept until then or, for results that cost little (norms,
 * activations), dropped at the end of the segment and computed again by the reverse
 * sweep.  The result of a segment is always kept; of segments that are recomputed whole
 * nothing else is.  In groups of such segments not even all results are.
 *
 * A small net needs no segments: operations that run outside of one make up a single
 * segment, and a tape without a plan takes memory as it is wanted.  One step is then
 *
 *     tr_params_empty_grads(&params);
 *     tr_tape_reset(tp);
 *     h = tr_tanh(tp, tr_linear(tp, x, &w1, &(struct tr_linear){ .bias = &b1 }));
 *     loss = tr_mse(tp, tr_linear(tp, h, &w2, NULL), y);
 *     rc = tr_tape_backward(tp, loss);
 *
 * and then the optimizer's (params.h).
 *
 * Running out of memory is an error like others: the tape has failed, operations compute
 * nothing and give a tensor of one number without data, tr_tape_backward returns the error.
 * Whoever reads the data of a tensor asks tr_tape_error first.  Shapes that do not fit are
 * mistakes of the program and go to tr_fatal.
 *
 * The caller owns the tape.  Tensors returned by operations live until tr_tape_reset.
 * Threads may have a tape each at the same time, and their tapes may read the same inputs;
 * a parameter that needs a gradient belongs to one tape at a time.
 */
#ifndef LIBTRAIN_TAPE_H
#define LIBTRAIN_TAPE_H

#include <libtrain/arena.h>
#include <libtrain/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tr_tape_mode {
    TR_TAPE_TRAIN,   /* record, so that tr_tape_backward can follow */
    TR_TAPE_EVAL,    /* compute only; a segment's memory is free again when it ends */
};

enum tr_recompute {
    TR_RECOMPUTE_CHEAP, /* only what costs little beside a matrix product */
    TR_RECOMPUTE_SHORT, /* and what does where documents are short: attention */
    TR_RECOMPUTE_ALL,   /* everything inside segments: one more forward pass */
    TR_RECOMPUTE_NONE   /* nothing: for tests */
};

/* Peak bytes of a step, by what they are for. */
struct tr_tape_plan {
    size_t kept;    /* results that wait for backward, with the results of segments */
    size_t segment; /* what lives inside one segment, with the scratch of its operations */
    size_t nodes;   /* nodes, tensors, arguments */
    size_t library; /* what the libraries behind products take for themselves, about */
};

struct tr_tape;

/* A tape that only plans: operations check shapes and count, nothing is computed and data
 * pointers are NULL.  Run one step on it, then read tr_tape_plan. */
struct tr_tape *tr_tape_new_planning(enum tr_tape_mode mode, enum tr_recompute recompute,
                                     struct tr_err *err) TR_MUST_CHECK;
/* A tape that computes, with memory for a step as planned: kept and segment.  plan NULL, or
 * a step that takes more, as with more threads: memory is taken as it is wanted, and stays
 * for the next step. */
struct tr_tape *tr_tape_new(enum tr_tape_mode mode, enum tr_recompute recompute,
                            const struct tr_tape_plan *plan,
                            struct tr_err *err) TR_MUST_CHECK;
void tr_tape_free(struct tr_tape *tp);

struct tr_tape_plan tr_tape_plan(const struct tr_tape *tp);

/* Recompute the first n segments whole, whatever the mode of the others.  Say so before
 * the first operation; it stays for all steps.  The bits of the results do not change, but
 * with keep_half: what is computed again has not been rounded. */
void tr_tape_recompute_first(struct tr_tape *tp, int n);

/* Recompute all segments whole, and let only the result of every n-th wait, the first one's
 * among them.  The reverse sweep makes those between again, all of a group when it comes to
 * its last segment, and then goes through them one by one: some results more that live at
 * once, and a forward pass more in all (Chen et al. 2016, "Training deep nets with sublinear
 * memory cost").  n < 2: of each.  Say so before the first operation; bits are as above. */
void tr_tape_recompute_groups(struct tr_tape *tp, int n);

/* Let results wait for backward as F16, those beyond its range at its ends: half the
 * memory, and gradients that are right to two or three digits.  Say so before the first
 * operation. */
void tr_tape_keep_half(struct tr_tape *tp);

/* Floating-point operations of the matrix products that a planning tape has seen, in
 * forward, backward and recomputation. */
double tr_tape_work(const struct tr_tape *tp);

/* Forget all nodes and failures, and take back all memory of the step.  Until then, or
 * until the tape is freed, parameters and inputs must live. */
void tr_tape_reset(struct tr_tape *tp);

/* The same, and go on in another mode: between two steps the memory of training serves to
 * measure. */
void tr_tape_restart(struct tr_tape *tp, enum tr_tape_mode mode);

/* 0, or the code of the first failure since tr_tape_reset, with its text in err. */
int tr_tape_error(const struct tr_tape *tp, struct tr_err *err);

/* A segment: y = end(result of what ran since begin).  Segments do not nest, and a segment
 * may read parameters, inputs, the result of the segment just before it and what an earlier
 * one has shared, nothing else.
 * Operations outside a segment make one up, which tr_tape_backward ends; it stays alone.
 * After that only what was kept has its data: with TR_RECOMPUTE_NONE all. */
void tr_segment_begin(struct tr_tape *tp);
struct tr_tensor *tr_segment_end(struct tr_tape *tp, struct tr_tensor *result);

/* A place where a segment may be cut in two: what runs behind it reads t, made in front of it,
 * and nothing else of the segment.  That is done where results wait in groups and t need not
 * wait for it; gives what is to be read in place of t. */
struct tr_tensor *tr_segment_cut(struct tr_tape *tp, struct tr_tensor *t);

/* t for this segment and all that follow: a copy (rows, columns of t), kept until
 * tr_tape_reset in either mode, in f32 also with keep_half, with a gradient of its own beside
 * it if t needs one.  Later segments may view it, and write over it as little as over any
 * input. */
struct tr_tensor *tr_tape_share(struct tr_tape *tp, struct tr_tensor *t);

/* Add d(loss)/d(t) to t->grad for every parameter t that needs it.  loss is the result of
 * the last segment, one number.  Parameters' grad arrays are the caller's; one that is
 * grad_empty stays so if the loss does not depend on it (tr_tensor_settle_grad).  Some
 * operations (tr_output_loss) have added their part in the forward pass already: gradients
 * are emptied before that, never between the two.  0, or the code of a failure, whose text
 * tr_tape_error has: then gradients are worth nothing. */
int tr_tape_backward(struct tr_tape *tp, struct tr_tensor *loss);

/* The same with gradients of parameters that live no longer than they are needed.  What
 * only one segment reads gets a gradient when the sweep comes to that segment; `ready` is
 * called when it is complete, and may change the parameter, for nothing reads it any more;
 * then the gradient is gone.  Parameters that are `shared` keep the caller's arrays; one
 * whose grad is NULL is left out.  May be called again after the same forward pass if ready
 * changed nothing. */
int tr_tape_backward_each(struct tr_tape *tp, struct tr_tensor *loss,
                          void (*ready)(void *ctx, struct tr_tensor *param), void *ctx);

#ifdef __cplusplus
}
#endif
#endif
