/* SPDX-License-Identifier: MIT
 *
 * How an operation runs: its output is made, forward computes at once, and a node is
 * recorded if backward or a recomputation will want it.  This is the side of the tape that
 * op.h offers to the files of operations.  Next: tape_share.c.
 */
#include <libtrain/autograd/tape.h>

#include <limits.h>
#include <string.h>

/* ---- outputs ---------------------------------------------------------------------- */

/* BLAS takes an int, and bytes are counted in a size_t. */
static int is_too_large(int n_dim, const int64_t *dim)
{
    int64_t rows = 1, cols = dim[n_dim - 1];
    for (int i = 0; i < n_dim - 1; i++) {
        if (dim[i] && rows > INT_MAX / dim[i])
            return 1;
        rows *= dim[i];
    }
    return cols > INT_MAX || (rows && cols > INT64_MAX / 64 / rows);
}

struct tr_tensor *tr__tape_tensor(struct tr_tape *tp, const char *what, int n_dim,
                                  const int64_t *dim)
{
    if (!tp->in_segment) {
        tr_segment_begin(tp);
        tp->implicit = 1;
    }
    struct tr_tensor *t = tr_arena_alloc(&tp->meta, sizeof *t);
    if (tr__tape_failed(tp))
        return NULL;
    if (is_too_large(n_dim, dim)) {
        tr_err_set(&tp->err, TR_EUNSUPPORTED, "%s: a result of %lld by %lld numbers is too "
                   "large", what, (long long)dim[0], (long long)dim[n_dim - 1]);
        return NULL;
    }
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
    if (tp->n_seg < tp->recompute_first || tp->recompute == TR_RECOMPUTE_ALL || tp->group)
        return 0;
    return tp->recompute == TR_RECOMPUTE_NONE || !op->cheap ||
           (op->cheap > 1 && tp->recompute != TR_RECOMPUTE_SHORT);
}

static struct tr_arena *home(struct tr_tape *tp, const struct tr_tensor *t)
{
    return t->kept ? &tp->kept : &tp->segment;
}

struct tr_tensor *tr_op_output(struct tr_tape *tp, const struct tr_op *op, int n_dim,
                               const int64_t *dim)
{
    struct tr_tensor *t = tr__tape_tensor(tp, op->name, n_dim, dim);
    if (!t)
        return tr__tape_spare(tp);
    t->kept = keeps(tp, op);
    if (t->kept && tr__wants_half(tp, t))
        tr__make_half(tp, t);
    t->data = tr_arena_alloc(t->is_half ? &tp->segment : home(tp, t), tr__tape_bytes(t));
    return t;
}

struct tr_tensor *tr_op_integers(struct tr_tape *tp, const struct tr_op *op, int64_t n)
{
    struct tr_tensor *t = tr__tape_tensor(tp, op->name, 1, &n);
    if (!t)
        return tr__tape_spare(tp);
    t->dtype = &tr_i32;
    t->kept = tp->mode == TR_TAPE_TRAIN;
    t->data = tr_arena_array(home(tp, t), (size_t)n, sizeof(int32_t));
    return t;
}

struct tr_tensor *tr_op_alias(struct tr_tape *tp, struct tr_tensor *in, int64_t offset,
                              int64_t rows, int64_t cols)
{
    struct tr_tensor *t = tr__tape_tensor(tp, "view", 2, (int64_t[]){ rows, cols });
    if (!t)
        return tr__tape_spare(tp);
    t->alias = in;
    t->offset = offset;
    t->ld = in->ld;
    t->kept = in->kept;
    tr__tape_resolve(t);
    return t;
}

/* ---- running ---------------------------------------------------------------------- */

static void count(struct tr_tape *tp, const struct tr_node *nd, int backward)
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

/* Scratch is asked for inside of operations, so it must be there before they begin. */
static void run(struct tr_tape *tp, struct tr_node *nd, int backward)
{
    if (tp->planning)
        count(tp, nd, backward);
    else if (!nd->op->scratch ||
             !tr_arena_reserve(nd->scratch, nd->op->scratch(nd, backward)))
        (backward ? nd->op->backward : nd->op->forward)(nd);
}

void tr__tape_forward(struct tr_tape *tp, struct tr_node *nd)
{
    if (!tr__tape_failed(tp))
        run(tp, nd, 0);
}

void tr__tape_backward(struct tr_tape *tp, struct tr_node *nd)
{
    if (!tr__tape_failed(tp))
        run(tp, nd, 1);
}

static int can_read(const struct tr_tape *tp, const struct tr_tensor *t)
{
    return t->i_segment < 0 || t->i_segment == tp->n_seg || t->shared ||
           (t->is_result && t->i_segment == tp->n_seg - 1);
}

static void check_inputs(const struct tr_tape *tp, const struct tr_op_call *call)
{
    for (int i = 0; i < TR_MAX_IN; i++) {
        const struct tr_tensor *in = call->in[i];
        if (in && !can_read(tp, in))
            tr_fatal("%s: input %d comes from segment %d, this is %d", call->op->name, i,
                     in->i_segment, tp->n_seg);
    }
}

/* A parameter is read: is it read elsewhere too, or will forward add to its gradient? */
static void note_reader(const struct tr_tape *tp, const struct tr_op *op,
                        struct tr_tensor *t)
{
    int reader = tp->n_seg + 1;
    if (op->once || (t->reader && t->reader != reader))
        t->shared = 1;
    t->grad_early |= op->once && !tp->planning;
    t->reader = reader;
}

static void note_inputs(const struct tr_tape *tp, struct tr_node *nd)
{
    for (int i = 0; i < TR_MAX_IN; i++) {
        if (tp->mode != TR_TAPE_TRAIN || !nd->in[i] || !nd->in[i]->needs_grad)
            continue;
        nd->with_grad = 1;
        if (nd->in[i]->i_segment < 0)
            note_reader(tp, nd->op, nd->in[i]);
    }
    nd->out->needs_grad = nd->with_grad && nd->out->dtype == &tr_f32;
}

/* NULL on a tape that has failed. */
static struct tr_node *new_node(struct tr_tape *tp, const struct tr_op_call *call)
{
    struct tr_node *nd = tr_arena_alloc(&tp->meta, sizeof *nd);
    void *args = call->args_bytes ? tr_arena_alloc(&tp->meta, call->args_bytes) : NULL;
    if (tr__tape_failed(tp))
        return NULL;
    *nd = (struct tr_node){ .op = call->op, .out = call->out, .args = args,
                            .scratch = &tp->segment, .n_saved = call->n_saved };
    if (args)
        memcpy(args, call->args, call->args_bytes);
    memcpy(nd->in, call->in, sizeof nd->in);
    note_inputs(tp, nd);
    nd->saved = tr_arena_array(home(tp, nd->out), nd->n_saved, sizeof(float));
    return nd;
}

struct tr_tensor *tr_op_run(struct tr_tape *tp, const struct tr_op_call *call)
{
    if (tr__tape_failed(tp))
        return call->out;
    check_inputs(tp, call);
    int recorded = tp->mode == TR_TAPE_TRAIN; /* also without gradient: it may run again */
    if (recorded)
        tp->node = tr__tape_grow(tp, tp->node, tp->n_node, &tp->cap_node, sizeof *tp->node);
    struct tr_node *nd = new_node(tp, call);
    if (!nd)
        return call->out;
    if (recorded)
        tp->node[tp->n_node++] = nd;
    tr__tape_forward(tp, nd);
    return call->out;
}

void tr_op_require(const struct tr_tape *tp, int ok, const struct tr_op *op,
                   const struct tr_tensor *a, const struct tr_tensor *b)
{
    if (ok || tr__tape_failed(tp))
        return;
    if (!a || !b)
        tr_fatal("%s: a tensor is missing", op->name);
    tr_fatal("%s: shapes do not fit: (%lld, %lld) %s and (%lld, %lld) %s", op->name,
             (long long)tr_tensor_rows(a), (long long)tr_tensor_cols(a), a->dtype->name,
             (long long)tr_tensor_rows(b), (long long)tr_tensor_cols(b), b->dtype->name);
}
