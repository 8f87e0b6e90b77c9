/* SPDX-License-Identifier: MIT
 *
 * Where a segment begins and ends.  Its memory dies with it, so its result is moved out: to
 * `kept` if backward reads it again, else to one of the two buffers between neighbours.
 * A tape on which operations run without a segment has a single one, which begins by itself
 * and is ended by tr_tape_backward.  What a segment costs and saves: docs/decisions.
 */
#include <libtrain/autograd/tape.h>

#include <string.h>

void tr_segment_begin(struct tr_tape *tp)
{
    if (tp->implicit)
        tr_fatal("tape: a segment begins after operations that ran outside of one");
    if (tp->in_segment)
        tr_fatal("tape: a segment inside a segment");
    tp->in_segment = 1;
    tp->seg = tr__tape_grow(tp, tp->seg, tp->n_seg, &tp->cap_seg, sizeof *tp->seg);
    if (!tr__tape_failed(tp))
        tp->seg[tp->n_seg] = (struct tr__segment){ .first_node = tp->n_node,
                                                   .kept_before = tr_arena_mark(&tp->kept) };
}

float *tr__tape_handover(struct tr_tape *tp, int i, size_t bytes)
{
    if (bytes > tp->handover_bytes[i & 1]) {
        tp->handover[i & 1] = tr_arena_alloc(&tp->kept, bytes);
        tp->handover_bytes[i & 1] = bytes;
    }
    return tp->handover[i & 1];
}

void tr__tape_move_result(const struct tr_tape *tp, const struct tr__segment *seg, void *to)
{
    seg->result->data = to;
    if (!seg->whole)
        return;
    tr_op_root(seg->result)->data = to;
    for (int i = seg->first_node; i < seg->end_node; i++)
        if (tp->node[i]->out->alias && tr__goes_with_result(seg, tp->node[i]->out))
            tr__tape_resolve(tp->node[i]->out);
}

/* Did its operations leave something for backward beside the result? */
static int has_saved(const struct tr__segment *seg, const struct tr_node *nd)
{
    return nd->n_saved && (nd->out == seg->result || tr__goes_with_result(seg, nd->out));
}

/* What its operations left for backward goes with a result that would have been computed
 * again, and now is not. */
static void keep_saved(struct tr_tape *tp, const struct tr__segment *seg)
{
    for (int i = seg->first_node; i < seg->end_node; i++) {
        struct tr_node *nd = tp->node[i];
        if (!has_saved(seg, nd))
            continue;
        float *to = tr_arena_array(&tp->kept, nd->n_saved, sizeof *to);
        if (to)
            memcpy(to, nd->saved, nd->n_saved * sizeof *to);
        nd->saved = to;
    }
}

/* Is the result to be made again rather than to wait?  A number costs nothing. */
static int drops(const struct tr_tape *tp, const struct tr__segment *seg)
{
    const struct tr_tensor *t = seg->result;
    if (!tp->group || tp->n_seg % tp->group == 0 || !seg->whole || t->kept ||
        !t->needs_grad || tr_tensor_count(t) == 1)
        return 0;
    for (int i = seg->first_node; i < seg->end_node; i++)
        if (has_saved(seg, tp->node[i]))
            return 0;
    return 1;
}

/* Move the result out of the memory that dies with the segment.  Where it is kept as F16,
 * as that of root, the next segment still reads all of it. */
static void keep_result(struct tr_tape *tp, struct tr__segment *seg)
{
    struct tr_tensor *t = seg->result, *root = tr_op_root(t);
    size_t bytes = tr__tape_bytes(t);
    int half = tr__wants_half(tp, t) && !seg->dropped, passes = half || seg->dropped;
    if (half && root->is_half) {
        t->is_half = 1;
        t->half = root->half;
    } else if (half) {
        tr__make_half(tp, t);
        tr__put_away(tp, t);
    }
    void *to = passes || tp->mode == TR_TAPE_EVAL ? tr__tape_handover(tp, tp->n_seg, bytes)
                                                  : tr_arena_alloc(&tp->kept, bytes);
    if (!tp->planning && !tr__tape_failed(tp))
        memcpy(to, t->data, bytes);
    seg->whole &= !half;
    if (!t->kept && !seg->dropped)
        keep_saved(tp, seg);
    tr__tape_move_result(tp, seg, to);
    t->kept = !seg->dropped;
}

static void check_result(const struct tr_tape *tp, const struct tr_tensor *result,
                         const struct tr_tensor *root)
{
    if (!tp->in_segment || result->i_segment != tp->n_seg)
        tr_fatal("tape: the result was not made in this segment");
    if (root->i_segment != tp->n_seg || result->offset ||
        result->ld != tr_tensor_cols(result))
        tr_fatal("tape: the result of a segment cannot be a view");
}

/* Backward will not come to a segment that nothing trainable led to: all that it kept goes but
 * its result, and with it the result of such a segment before, which only this one read.  Where
 * results wait as F16, buffers between neighbours lie among them. */
static void pass(struct tr_tape *tp, struct tr__segment *seg, const struct tr__segment *before)
{
    struct tr_tensor *t = seg->result;
    size_t bytes = tr__tape_bytes(t);
    if (tp->mode != TR_TAPE_TRAIN || tp->recompute == TR_RECOMPUTE_NONE || tp->implicit ||
        tp->keep_half || seg->shares || t->needs_grad || tr__tape_failed(tp))
        return;
    if (before && before->passed)
        seg->kept_before = before->kept_before;
    void *aside = tr_arena_alloc(&tp->segment, bytes);
    int moves = !tp->planning && !tr__tape_failed(tp);
    if (moves)
        memcpy(aside, t->data, bytes);
    tr_arena_rewind(&tp->kept, seg->kept_before);
    t->data = tr_arena_alloc(&tp->kept, bytes);
    if (moves && !tr__tape_failed(tp))
        memcpy(t->data, aside, bytes);
    tr_arena_rewind(&tp->segment, 0);
    seg->passed = 1;
}

static void end_segment(struct tr_tape *tp, struct tr__segment *seg,
                        struct tr_tensor *result)
{
    struct tr_tensor *root = tr_op_root(result);
    check_result(tp, result, root);
    for (int i = seg->first_node; i < tp->n_node; i++)
        if (tp->node[i]->out->is_half)
            tr__put_away(tp, tp->node[i]->out);
    seg->end_node = tp->n_node;
    seg->result = result;
    seg->whole = tp->mode == TR_TAPE_TRAIN &&
                 tr_tensor_count(result) == tr_tensor_count(root);
    seg->dropped = drops(tp, seg);
    if (!result->kept || root->is_half)
        keep_result(tp, seg);
    result->is_result = root->is_result = 1;
    tr_arena_rewind(&tp->segment, 0);
    pass(tp, seg, tp->n_seg ? seg - 1 : NULL);
    tp->n_seg++;
}

struct tr_tensor *tr_segment_end(struct tr_tape *tp, struct tr_tensor *result)
{
    if (!tr__tape_failed(tp))
        end_segment(tp, &tp->seg[tp->n_seg], result);
    tp->in_segment = tp->implicit = 0;
    tr_arena_rewind(&tp->segment, 0);
    return tr__tape_failed(tp) ? tr__tape_spare(tp) : result;
}

struct tr_tensor *tr_segment_cut(struct tr_tape *tp, struct tr_tensor *t)
{
    if (!tp->group || tp->mode != TR_TAPE_TRAIN || tp->implicit)
        return t;
    t = tr_segment_end(tp, t);
    tr_segment_begin(tp);
    return t;
}
