/* SPDX-License-Identifier: MIT */
#include <libtrain/autograd/tape.h>
#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

enum { META_BYTES = 256 << 20 }; /* address space for nodes, not memory */

static struct tr_tape *tape_new(enum tr_tape_mode mode, enum tr_recompute recompute,
                                struct tr_err *err)
{
    struct tr_tape *tp = calloc(1, sizeof *tp);
    if (!tp) {
        tr_err_set(err, TR_ENOMEM, "out of memory");
        return NULL;
    }
    tp->mode = mode;
    tp->recompute = recompute;
    if (tr_arena_init(&tp->meta, META_BYTES, err)) {
        free(tp);
        return NULL;
    }
    return tp;
}

struct tr_tape *tr_tape_new_planning(enum tr_tape_mode mode, enum tr_recompute recompute,
                                     struct tr_err *err)
{
    struct tr_tape *tp = tape_new(mode, recompute, err);
    if (tp) {
        tp->planning = 1;
        tr_arena_init_counting(&tp->kept);
        tr_arena_init_counting(&tp->segment);
    }
    return tp;
}

struct tr_tape *tr_tape_new(enum tr_tape_mode mode, enum tr_recompute recompute,
                            const struct tr_tape_plan *plan, struct tr_err *err)
{
    struct tr_tape *tp = tape_new(mode, recompute, err);
    if (tp && (tr_arena_init(&tp->kept, plan->kept, err) ||
               tr_arena_init(&tp->segment, plan->segment, err))) {
        tr_tape_free(tp);
        return NULL;
    }
    return tp;
}

void tr__tape_swept(const struct tr_tape *tp)
{
    for (int i = 0; i < tp->n_node; i++)
        for (int j = 0; tp->node[i]->op->once && j < TR_MAX_IN; j++)
            if (tp->node[i]->in[j])
                tp->node[i]->in[j]->grad_early = 0;
}

void tr_tape_free(struct tr_tape *tp)
{
    if (!tp)
        return;
    tr__tape_swept(tp);
    tr_arena_release(&tp->kept);
    tr_arena_release(&tp->segment);
    tr_arena_release(&tp->meta);
    free(tp->node);
    free(tp->fresh);
    free(tp->seg);
    free(tp);
}

struct tr_tape_plan tr_tape_plan(const struct tr_tape *tp)
{
    return (struct tr_tape_plan){ .kept = tp->kept.peak, .segment = tp->segment.peak,
                                  .nodes = tp->meta.peak, .library = tp->library };
}

void tr_tape_recompute_first(struct tr_tape *tp, int n)
{
    tp->recompute_first = n;
}

void tr_tape_keep_half(struct tr_tape *tp)
{
    tp->keep_half = 1;
}

double tr_tape_work(const struct tr_tape *tp)
{
    return tp->work;
}

void tr_tape_reset(struct tr_tape *tp)
{
    tr__tape_swept(tp);
    tr_arena_rewind(&tp->kept, 0);
    tr_arena_rewind(&tp->segment, 0);
    tr_arena_rewind(&tp->meta, 0);
    tp->n_node = tp->n_seg = tp->in_segment = 0;
    memset(tp->handover, 0, sizeof tp->handover);
    memset(tp->handover_bytes, 0, sizeof tp->handover_bytes);
}

void *tr__tape_grow(void *array, int n, int *cap, size_t size)
{
    size_t room = (size_t)*cap;
    if (tr__grow(&array, &room, (size_t)n + 1, size))
        tr_fatal("tape: out of memory for %d nodes", n);
    *cap = (int)room;
    return array;
}

/* ---- outputs ---------------------------------------------------------------------- */

static struct tr_tensor *new_tensor(struct tr_tape *tp, int n_dim, const int64_t *dim)
{
    if (!tp->in_segment)
        tr_fatal("tape: an operation outside a segment");
    struct tr_tensor *t = tr_arena_alloc(&tp->meta, sizeof *t);
    *t = tr_tensor_make(NULL, &tr_f32, n_dim, dim, NULL);
    t->i_segment = tp->n_seg;
    return t;
}

/* Does the output of op stay in memory until backward? */
static int keeps(const struct tr_tape *tp, const struct tr_op *op)
{
    if (tp->mode == TR_TAPE_EVAL)
        return 0;
    if (op->once)
        return 1;
    if (tp->n_seg < tp->recompute_first || tp->recompute == TR_RECOMPUTE_ALL)
        return 0;
    return tp->recompute == TR_RECOMPUTE_NONE || !op->cheap;
}

static struct tr_arena *home(struct tr_tape *tp, const struct tr_tensor *t)
{
    return t->kept ? &tp->kept : &tp->segment;
}

struct tr_tensor *tr__output(struct tr_tape *tp, const struct tr_op *op, int n_dim,
                             const int64_t *dim)
{
    struct tr_tensor *t = new_tensor(tp, n_dim, dim);
    t->kept = keeps(tp, op);
    if (t->kept && tr__wants_half(tp, t))
        tr__make_half(tp, t);
    t->data = tr_arena_alloc(t->is_half ? &tp->segment : home(tp, t), tr__tape_bytes(t));
    return t;
}

void tr__tape_resolve(struct tr_tensor *t)
{
    t->data = t->alias->data ? (float *)t->alias->data + t->offset : NULL;
}

struct tr_tensor *tr__alias(struct tr_tape *tp, struct tr_tensor *in, int64_t offset,
                            int64_t rows, int64_t cols)
{
    struct tr_tensor *t = new_tensor(tp, 2, (int64_t[]){ rows, cols });
    t->alias = in;
    t->offset = offset;
    t->ld = in->ld;
    t->kept = in->kept;
    tr__tape_resolve(t);
    return t;
}

/* ---- forward ---------------------------------------------------------------------- */

void tr__tape_count(struct tr_tape *tp, const struct tr_node *nd, int backward)
{
    if (nd->op->work)
        tp->work += nd->op->work(nd, backward);
    size_t library = nd->op->library ? nd->op->library(nd) : 0;
    tp->library = library > tp->library ? library : tp->library;
    if (!nd->op->scratch)
        return;
    size_t mark = tr_arena_mark(nd->scratch);
    tr_arena_alloc(nd->scratch, nd->op->scratch(nd, backward));
    tr_arena_rewind(nd->scratch, mark);
}

void tr__tape_forward(struct tr_tape *tp, struct tr_node *nd)
{
    if (tp->planning)
        tr__tape_count(tp, nd, 0);
    else
        nd->op->forward(nd);
}

static void check_inputs(const struct tr_tape *tp, const struct tr__call *call)
{
    for (int i = 0; i < TR_MAX_IN; i++) {
        const struct tr_tensor *in = call->in[i];
        if (in && in->i_segment >= 0 && in->i_segment != tp->n_seg &&
            !(in->is_result && in->i_segment == tp->n_seg - 1))
            tr_fatal("%s: input %d comes from segment %d, this is %d", call->op->name, i,
                     in->i_segment, tp->n_seg);
    }
}

/* A parameter is read: is it read elsewhere too, or will forward add to its gradient? */
static void note_reader(const struct tr_tape *tp, const struct tr_op *op, struct tr_tensor *t)
{
    int reader = tp->n_seg + 1;
    if (op->once || (t->reader && t->reader != reader))
        t->shared = 1;
    t->grad_early |= op->once && !tp->planning;
    t->reader = reader;
}

struct tr_tensor *tr__run(struct tr_tape *tp, const struct tr__call *call)
{
    check_inputs(tp, call);
    struct tr_node *nd = tr_arena_alloc(&tp->meta, sizeof *nd);
    *nd = (struct tr_node){ .op = call->op, .out = call->out, .scratch = &tp->segment };
    for (int i = 0; i < TR_MAX_IN; i++) {
        nd->in[i] = call->in[i];
        if (tp->mode != TR_TAPE_TRAIN || !nd->in[i] || !nd->in[i]->needs_grad)
            continue;
        nd->with_grad = 1;
        if (nd->in[i]->i_segment < 0)
            note_reader(tp, call->op, nd->in[i]);
    }
    nd->out->needs_grad = nd->with_grad;
    if (call->args_bytes) {
        nd->args = tr_arena_alloc(&tp->meta, call->args_bytes);
        memcpy(nd->args, call->args, call->args_bytes);
    }
    nd->n_saved = call->n_saved;
    nd->saved = tr_arena_array(home(tp, nd->out), nd->n_saved, sizeof(float));
    tr__tape_forward(tp, nd);
    if (tp->mode == TR_TAPE_TRAIN) { /* also without gradient: it may be run again */
        tp->node = tr__tape_grow(tp->node, tp->n_node, &tp->cap_node, sizeof *tp->node);
        tp->node[tp->n_node++] = nd;
    }
    return nd->out;
}

void tr__require(int ok, const struct tr_op *op, const struct tr_tensor *a,
                 const struct tr_tensor *b)
{
    if (ok)
        return;
    if (!a || !b)
        tr_fatal("%s: a tensor is missing", op->name);
    tr_fatal("%s: shapes do not fit: (%lld, %lld) %s and (%lld, %lld) %s", op->name,
             (long long)tr_tensor_rows(a), (long long)tr_tensor_cols(a), a->dtype->name,
             (long long)tr_tensor_rows(b), (long long)tr_tensor_cols(b), b->dtype->name);
}

/* ---- segments --------------------------------------------------------------------- */

void tr_segment_begin(struct tr_tape *tp)
{
    if (tp->in_segment)
        tr_fatal("tape: a segment inside a segment");
    tp->in_segment = 1;
    tp->seg = tr__tape_grow(tp->seg, tp->n_seg, &tp->cap_seg, sizeof *tp->seg);
    tp->seg[tp->n_seg] = (struct tr__segment){ .first_node = tp->n_node };
}

float *tr__tape_handover(struct tr_tape *tp, int i, size_t bytes)
{
    if (bytes > tp->handover_bytes[i & 1]) {
        tp->handover[i & 1] = tr_arena_alloc(&tp->kept, bytes);
        tp->handover_bytes[i & 1] = bytes;
    }
    return tp->handover[i & 1];
}

/* Move the result out of the memory that dies with the segment.  Where it is kept as F16,
 * as that of root, the next segment still reads all of it. */
static void keep_result(struct tr_tape *tp, struct tr_tensor *t, struct tr_tensor *root)
{
    size_t bytes = tr__tape_bytes(t);
    int half = tr__wants_half(tp, t);
    if (half && root->is_half) {
        t->is_half = 1;
        t->half = root->half;
    } else if (half) {
        tr__make_half(tp, t);
        tr__put_away(tp, t);
    }
    void *to = half || tp->mode == TR_TAPE_EVAL ? tr__tape_handover(tp, tp->n_seg, bytes)
                                                : tr_arena_alloc(&tp->kept, bytes);
    if (!tp->planning)
        memcpy(to, t->data, bytes);
    t->data = to;
    t->kept = 1;
}

struct tr_tensor *tr_segment_end(struct tr_tape *tp, struct tr_tensor *result)
{
    if (!tp->in_segment || result->i_segment != tp->n_seg)
        tr_fatal("tape: the result was not made in this segment");
    struct tr_tensor *root = tr__root(result);
    if (root->i_segment != tp->n_seg || result->offset || result->ld != tr_tensor_cols(result))
        tr_fatal("tape: the result of a segment cannot be a view");
    for (int i = tp->seg[tp->n_seg].first_node; i < tp->n_node; i++)
        if (tp->node[i]->out->is_half)
            tr__put_away(tp, tp->node[i]->out);
    if (!result->kept || root->is_half)
        keep_result(tp, result, root);
    result->is_result = root->is_result = 1;
    tp->seg[tp->n_seg].end_node = tp->n_node;
    tp->seg[tp->n_seg].result = result;
    tp->n_seg++;
    tp->in_segment = 0;
    tr_arena_rewind(&tp->segment, 0);
    return result;
}
