/* SPDX-License-Identifier: MIT
 *
 * What the files of the tape share: tape.c makes and empties it, tape_segment.c begins and
 * ends segments, tape_op.c runs and records operations, tape_share.c makes what several
 * segments read, tape_backward.c is the reverse sweep, tape_half.c what waits for it as F16.
 *
 * Where things live.  `kept` holds what survives until backward, `segment` what dies with
 * its segment: in forward the results that will be computed again, in backward those same
 * results and all gradients of the segment; on top of either the scratch of the operation
 * that runs.  The gradient that passes from a segment to the one before it has two buffers
 * used in turn.
 *
 * Failures.  Memory may run out wherever an arena is asked.  Nobody looks at that place:
 * arenas give nothing more once they have failed, and whatever would read or write memory
 * asks tr__tape_failed first.  On a failed tape every operation gives the tensor `spare`.
 */
#ifndef LIBTRAIN_AUTOGRAD_TAPE_H
#define LIBTRAIN_AUTOGRAD_TAPE_H

#include <libtrain/op.h>
#include <libtrain/tape.h>

struct tr__segment {
    int first_node, end_node;
    int shares_grad; /* what it shares has a gradient, whether or not its result has */
    int shares;      /* it shares something, with or without */
    size_t kept_before; /* mark of `kept` where it begins */
    int passed; /* backward does not come to it: of what it kept there is only the result, at
                   kept_before, and the next segment takes that mark for its own */
    struct tr_tensor *result;
    int whole;   /* the result is all of what it is a view of: none of that is made again when
                    backward comes to the segment */
    int dropped; /* the result does not wait: it is made again with those of its group */
    int made;    /* that was done, from this mark of `segment` on */
    size_t made_at;
};

struct tr_tape {
    enum tr_tape_mode mode;
    enum tr_recompute recompute;
    int recompute_first; /* segments that are recomputed whole in any mode */
    int group; /* all are, and only the result of every so many-th waits; 0: of each */
    int keep_half;
    int planning, in_segment;
    int implicit; /* the segment began by itself: it is the only one */
    double work;
    size_t library; /* the most that one of the nodes says */
    struct tr_arena kept, segment;
    struct tr_arena meta; /* nodes, tensors, arguments */
    struct tr_node **node;
    int n_node, cap_node;
    struct tr__segment *seg;
    int n_seg, cap_seg;
    int each;                 /* gradients of parameters live as long as their segment's */
    struct tr_tensor **fresh; /* the parameters that have one */
    int n_fresh, cap_fresh;
    float *handover[2]; /* between segments: results that are not kept as f32, gradients */
    size_t handover_bytes[2];
    struct tr_err err; /* the first failure that is not one of an arena */
    struct tr_tensor spare;
};

static inline int tr__tape_failed(const struct tr_tape *tp)
{
    return tp->err.code || tp->kept.err.code || tp->segment.err.code || tp->meta.err.code;
}

/* The tensor that stands for every result of a failed tape: one number, nowhere. */
struct tr_tensor *tr__tape_spare(struct tr_tape *tp);

/* An array of pointers or structs with room for one more than its n.  If there is none the
 * tape has failed, and the array is as it was. */
void *tr__tape_grow(struct tr_tape *tp, void *array, int n, int *cap, size_t size);

/* Bytes of the data of an activation, or of a gradient of a parameter. */
static inline size_t tr__tape_bytes(const struct tr_tensor *t)
{
    return (size_t)tr_tensor_count(t) * sizeof(float);
}

/* A tensor of this segment without data yet; NULL on a tape that has failed. */
struct tr_tensor *tr__tape_tensor(struct tr_tape *tp, const char *what, int n_dim,
                                  const int64_t *dim);

/* Point an alias at the data of what it is a view of. */
static inline void tr__tape_resolve(struct tr_tensor *t)
{
    t->data = t->alias->data ? (float *)t->alias->data + t->offset : NULL;
}

/* Run a node, or count what it would take. */
void tr__tape_forward(struct tr_tape *tp, struct tr_node *nd);
void tr__tape_backward(struct tr_tape *tp, struct tr_node *nd);

/* The reverse sweep of what was recorded is over, or will not come. */
void tr__tape_swept(const struct tr_tape *tp);

/* Does t lie in the memory of the segment's result, all of which went with that? */
static inline int tr__goes_with_result(const struct tr__segment *seg, struct tr_tensor *t)
{
    return seg->whole && tr_op_root(t) == tr_op_root(seg->result);
}

/* The result of the segment lies there from now on. */
void tr__tape_move_result(const struct tr_tape *tp, const struct tr__segment *seg, void *to);

/* A buffer for the result or the gradient between segment i and its neighbour. */
float *tr__tape_handover(struct tr_tape *tp, int i, size_t bytes);

/* Is t to wait for backward as F16, if it is kept at all? */
int tr__wants_half(const struct tr_tape *tp, const struct tr_tensor *t);
/* Give t its place to wait in; put its complete data there; make them f32 again, in the
 * memory of the segment. */
void tr__make_half(struct tr_tape *tp, struct tr_tensor *t);
void tr__put_away(const struct tr_tape *tp, const struct tr_tensor *t);
void tr__fetch(struct tr_tape *tp, struct tr_tensor *t);

#endif
