/* SPDX-License-Identifier: MIT
 *
 * The reverse sweep: segment by segment from the last, computing again what was dropped,
 * then node by node.  A gradient gets memory when the first node adds to it; `grad_empty`
 * saves the zeros that would be written before.  Next: tape_half.c.
 */
#include <libtrain/autograd/tape.h>

#include <string.h>

/* Make the output of nd what it was when its segment ran: 1 if nd must compute it again. */
static int bring_back(struct tr_tape *tp, struct tr_tensor *out)
{
    if (out->is_half && !(out->alias && out->alias->is_half))
        tr__fetch(tp, out);
    else if (out->alias && (!out->kept || tp->keep_half)) /* what it views has moved */
        tr__tape_resolve(out);
    else if (!out->kept)
        out->data = tr_arena_alloc(&tp->segment, tr__tape_bytes(out));
    return !out->kept;
}

/* Compute again what was dropped at the end of the segment, fetch what was put away; with its
 * result, or where that lies already. */
static void replay(struct tr_tape *tp, int i_seg, int with_result)
{
    const struct tr__segment *seg = &tp->seg[i_seg];
    if (i_seg && seg[-1].result->is_half)
        tr__fetch(tp, seg[-1].result);
    for (int i = seg->first_node; i < seg->end_node; i++) {
        struct tr_node *nd = tp->node[i];
        if (!with_result && tr__goes_with_result(seg, nd->out))
            continue;
        if (!bring_back(tp, nd->out))
            continue;
        nd->saved = tr_arena_array(&tp->segment, nd->n_saved, sizeof(float));
        tr__tape_forward(tp, nd);
    }
}

/* Make the result of segment i again, and in front of it those of its group: they lie on
 * each other, and what else their segments compute on top of them, one after the other. */
static void make_again(struct tr_tape *tp, int i)
{
    int first = i;
    while (first && tp->seg[first - 1].dropped && !tp->seg[first - 1].made)
        first--;
    for (; first <= i; first++) {
        struct tr__segment *seg = &tp->seg[first];
        size_t bytes = tr__tape_bytes(seg->result);
        seg->made_at = tr_arena_mark(&tp->segment);
        void *to = tr_arena_alloc(&tp->segment, bytes);
        size_t mark = tr_arena_mark(&tp->segment);
        replay(tp, first, 1);
        if (!tp->planning && !tr__tape_failed(tp))
            memcpy(to, seg->result->data, bytes);
        tr__tape_move_result(tp, seg, to);
        seg->made = 1;
        tr_arena_rewind(&tp->segment, mark);
    }
}

static void want_parameter_grad(struct tr_tape *tp, struct tr_tensor *t)
{
    if (!tp->each && !t->grad && !tp->planning)
        tr_fatal("tape: parameter '%s' has no gradient array", t->name ? t->name : "?");
    if (!tp->each || t->shared || t->has_grad)
        return;
    tp->fresh = tr__tape_grow(tp, tp->fresh, tp->n_fresh, &tp->cap_fresh,
                              sizeof *tp->fresh);
    if (tr__tape_failed(tp))
        return;
    t->grad = tr_arena_alloc(&tp->segment, tr__tape_bytes(t));
    t->has_grad = t->grad_empty = 1;
    tp->fresh[tp->n_fresh++] = t;
}

/* Make sure that t, an input of a node of segment i_seg, has a gradient to add to. */
static void want_grad(struct tr_tape *tp, struct tr_tensor *t, int i_seg)
{
    if (t->alias) {
        want_grad(tp, t->alias, i_seg);
        t->grad = t->alias->grad ? t->alias->grad + t->offset : NULL;
        return;
    }
    if (t->i_segment < 0) {
        want_parameter_grad(tp, t);
        return;
    }
    if (t->has_grad)
        return;
    if (!t->shared)
        t->grad = t->is_result ? tr__tape_handover(tp, t->i_segment, tr__tape_bytes(t))
                               : tr_arena_alloc(&tp->segment, tr__tape_bytes(t));
    t->has_grad = t->grad_empty = 1;
}

/* An operation that fills the gradient of an input fills all of it. */
static void settle_grads(const struct tr_node *nd)
{
    for (int i = 0; i < TR_MAX_IN; i++) {
        struct tr_tensor *in = nd->in[i], *root;
        if (!in || !in->needs_grad)
            continue;
        root = tr_op_root(in);
        if (!(nd->op->fills & 1u << i) || tr_tensor_count(in) != tr_tensor_count(root))
            tr_tensor_settle_grad(root);
    }
}

static void backward_node(struct tr_tape *tp, struct tr_node *nd, int i_seg)
{
    if (!nd->with_grad || !tr_op_root(nd->out)->has_grad) /* nothing was made of it */
        return;
    want_grad(tp, nd->out, i_seg); /* an alias: point it at its root's */
    for (int i = 0; i < TR_MAX_IN; i++)
        if (nd->in[i] && nd->in[i]->needs_grad)
            want_grad(tp, nd->in[i], i_seg);
    if (!tp->planning && !tr__tape_failed(tp))
        settle_grads(nd);
    tr__tape_backward(tp, nd);
}

static void hand_out(struct tr_tape *tp, void (*ready)(void *ctx, struct tr_tensor *param),
                     void *ctx)
{
    for (int i = 0; i < tp->n_fresh; i++) {
        struct tr_tensor *t = tp->fresh[i];
        if (!tp->planning && !tr__tape_failed(tp))
            ready(ctx, t);
        t->grad = NULL;
        t->has_grad = t->grad_empty = 0;
    }
    tp->n_fresh = 0;
}

static void sweep_segment(struct tr_tape *tp, int i_seg,
                          void (*ready)(void *ctx, struct tr_tensor *param), void *ctx)
{
    struct tr__segment *seg = &tp->seg[i_seg];
    int reads = seg->dropped ? i_seg : i_seg - 1; /* the last result that must be there */
    if (reads >= 0 && tp->seg[reads].dropped && !tp->seg[reads].made)
        make_again(tp, reads);
    size_t mark = seg->dropped ? seg->made_at : tr_arena_mark(&tp->segment);
    replay(tp, i_seg, 0);
    for (int i = seg->end_node - 1; i >= seg->first_node; i--)
        backward_node(tp, tp->node[i], i_seg);
    hand_out(tp, ready, ctx);
    seg->made = 0;
    tr_arena_rewind(&tp->segment, mark);
}

static void begin_sweep(struct tr_tape *tp, struct tr_tensor *loss)
{
    for (int i = 0; i < tp->n_node; i++)
        tp->node[i]->out->has_grad = 0;
    want_grad(tp, loss, tp->n_seg - 1);
    if (tp->planning || tr__tape_failed(tp))
        return;
    tr_tensor_settle_grad(tr_op_root(loss)); /* loss may be one of several numbers */
    loss->grad[0] = 1;
}

int tr_tape_backward_each(struct tr_tape *tp, struct tr_tensor *loss,
                          void (*ready)(void *ctx, struct tr_tensor *param), void *ctx)
{
    if (tp->implicit)
        loss = tr_segment_end(tp, loss);
    if (tr__tape_failed(tp)) {
        tr__tape_swept(tp);
        return tr_tape_error(tp, NULL);
    }
    if (tp->mode != TR_TAPE_TRAIN || tp->in_segment || !tp->n_seg ||
        tp->seg[tp->n_seg - 1].result != loss || tr_tensor_count(loss) != 1)
        tr_fatal("tape: backward wants the number that ended the last segment");
    if (!loss->needs_grad)
        return 0;
    tp->each = ready != NULL;
    begin_sweep(tp, loss);
    for (int i = tp->n_seg - 1; i >= 0 && !tr__tape_failed(tp); i--)
        if (tp->seg[i].result->needs_grad || tp->seg[i].shares_grad) /* else nothing trainable */
            sweep_segment(tp, i, ready, ctx);
    tr__tape_swept(tp);
    return tr_tape_error(tp, NULL);
}

int tr_tape_backward(struct tr_tape *tp, struct tr_tensor *loss)
{
    return tr_tape_backward_each(tp, loss, NULL, NULL);
}
