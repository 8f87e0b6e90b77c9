/* SPDX-License-Identifier: MIT
 *
 * Where things live.  `kept` holds what survives until backward, `segment` what dies with
 * its segment: in forward the results that will be computed again, in backward those same
 * results and all gradients of the segment; on top of either the scratch of the operation
 * that runs.  The gradient that passes from a segment to the one before it has two buffers
 * used in turn.
 */
#include <libtrain/internal/half.h>
#include <libtrain/internal/op.h>
#include <libtrain/tape.h>

#include <stdlib.h>
#include <string.h>

enum { META_BYTES = 256 << 20 }; /* address space for nodes, not memory */

struct segment {
    int first_node, end_node;
    struct tr_tensor *result;
};

struct tr_tape {
    enum tr_tape_mode mode;
    enum tr_recompute recompute;
    int recompute_first; /* segments that are recomputed whole in any mode */
    int keep_half;
    int planning, in_segment;
    double work;
    struct tr_arena kept, segment;
    struct tr_arena meta; /* nodes, tensors, arguments */
    struct tr_node **node;
    int n_node, cap_node;
    struct segment *seg;
    int n_seg, cap_seg;
    int each;                 /* gradients of parameters live as long as their segment's */
    struct tr_tensor **fresh; /* the parameters that have one */
    int n_fresh, cap_fresh;
    float *handover[2]; /* gradients (training) or results (eval) between segments */
    size_t handover_bytes[2];
};

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

void tr_tape_free(struct tr_tape *tp)
{
    if (!tp)
        return;
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
    return (struct tr_tape_plan){ tp->kept.peak, tp->segment.peak };
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
    tr_arena_rewind(&tp->kept, 0);
    tr_arena_rewind(&tp->segment, 0);
    tr_arena_rewind(&tp->meta, 0);
    tp->n_node = tp->n_seg = tp->in_segment = 0;
    memset(tp->handover, 0, sizeof tp->handover);
    memset(tp->handover_bytes, 0, sizeof tp->handover_bytes);
}

/* Room for one more in a growing array of pointers or structs. */
static void *grow(void *array, int n, int *cap, size_t size)
{
    if (n < *cap)
        return array;
    *cap = *cap ? 2 * *cap : 64;
    array = realloc(array, (size_t)*cap * size);
    if (!array)
        tr_fatal("tape: out of memory for %d nodes", *cap);
    return array;
}

/* ---- outputs ---------------------------------------------------------------------- */

static size_t data_bytes(const struct tr_tensor *t)
{
    return (size_t)tr_tensor_count(t) * sizeof(float);
}

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

static int wants_half(const struct tr_tape *tp, const struct tr_tensor *t)
{
    return tp->keep_half && tp->mode == TR_TAPE_TRAIN && tr_tensor_count(t) > 1;
}

static void make_half(struct tr_tape *tp, struct tr_tensor *t)
{
    t->is_half = 1;
    t->half = tr_arena_array(&tp->kept, (size_t)tr_tensor_count(t), sizeof *t->half);
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
    if (t->kept && wants_half(tp, t))
        make_half(tp, t);
    t->data = tr_arena_alloc(t->is_half ? &tp->segment : home(tp, t), data_bytes(t));
    return t;
}

static void resolve_alias(struct tr_tensor *t)
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
    resolve_alias(t);
    return t;
}

/* ---- forward ---------------------------------------------------------------------- */

/* What an operation would have taken, of memory and of time. */
static void count(struct tr_tape *tp, const struct tr_node *nd, int backward)
{
    if (nd->op->work)
        tp->work += nd->op->work(nd, backward);
    if (!nd->op->scratch)
        return;
    size_t mark = tr_arena_mark(nd->scratch);
    tr_arena_alloc(nd->scratch, nd->op->scratch(nd));
    tr_arena_rewind(nd->scratch, mark);
}

static void forward(struct tr_tape *tp, struct tr_node *nd)
{
    if (tp->planning)
        count(tp, nd, 0);
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
    forward(tp, nd);
    if (tp->mode == TR_TAPE_TRAIN) { /* also without gradient: it may be run again */
        tp->node = grow(tp->node, tp->n_node, &tp->cap_node, sizeof *tp->node);
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
    tp->seg = grow(tp->seg, tp->n_seg, &tp->cap_seg, sizeof *tp->seg);
    tp->seg[tp->n_seg] = (struct segment){ .first_node = tp->n_node };
}

/* A buffer for the result or the gradient between segment i and its neighbour. */
static float *handover(struct tr_tape *tp, int i, size_t bytes)
{
    if (bytes > tp->handover_bytes[i & 1]) {
        tp->handover[i & 1] = tr_arena_alloc(&tp->kept, bytes);
        tp->handover_bytes[i & 1] = bytes;
    }
    return tp->handover[i & 1];
}

enum { PIECE = 1 << 14 }; /* numbers that a thread converts at once */

static void to_half(const float *x, uint16_t *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float v = x[i] > 65504.0f ? 65504.0f : x[i];
        y[i] = tr__f32_to_f16(v < -65504.0f ? -65504.0f : v);
    }
}

/* Keep the data of t, which are complete. */
static void put_away(const struct tr_tape *tp, const struct tr_tensor *t)
{
    int64_t n = tp->planning ? 0 : tr_tensor_count(t);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i += PIECE)
        to_half((const float *)t->data + i, t->half + i, n - i < PIECE ? n - i : PIECE);
}

static void fetch(struct tr_tape *tp, struct tr_tensor *t)
{
    int64_t n = tp->planning ? 0 : tr_tensor_count(t);
    t->data = tr_arena_alloc(&tp->segment, data_bytes(t));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i += PIECE)
        tr_f16.to_f32(t->half + i, (float *)t->data + i, n - i < PIECE ? n - i : PIECE);
}

/* Move the result out of the memory that dies with the segment.  Where it is kept as F16,
 * as that of root, the next segment still reads all of it. */
static void keep_result(struct tr_tape *tp, struct tr_tensor *t, struct tr_tensor *root)
{
    size_t bytes = data_bytes(t);
    int to_next = tp->mode == TR_TAPE_EVAL || wants_half(tp, t);
    if (wants_half(tp, t) && !root->is_half) {
        make_half(tp, t);
        put_away(tp, t);
    }
    t->is_half = t->is_half || root->is_half;
    t->half = root->is_half ? root->half : t->half;
    void *to = to_next ? handover(tp, tp->n_seg, bytes) : tr_arena_alloc(&tp->kept, bytes);
    if (!tp->planning)
        memcpy(to, t->data, bytes);
    t->data = to;
    t->kept = 1;
}

struct tr_tensor *tr_segment_end(struct tr_tape *tp, struct tr_tensor *result)
{
    if (!tp->in_segment || result->i_segment != tp->n_seg)
        tr_fatal("tape: the result was not made in this segment");
    struct tr_tensor *root = result;
    while (root->alias)
        root = root->alias;
    if (root->i_segment != tp->n_seg || result->offset || result->ld != tr_tensor_cols(result))
        tr_fatal("tape: the result of a segment cannot be a view");
    for (int i = tp->seg[tp->n_seg].first_node; i < tp->n_node; i++)
        if (tp->node[i]->out->is_half)
            put_away(tp, tp->node[i]->out);
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

/* ---- backward --------------------------------------------------------------------- */

/* Compute again what was dropped at the end of the segment, fetch what was put away. */
static void replay(struct tr_tape *tp, int i_seg)
{
    const struct segment *seg = &tp->seg[i_seg];
    if (i_seg && seg[-1].result->is_half)
        fetch(tp, seg[-1].result);
    for (int i = seg->first_node; i < seg->end_node; i++) {
        struct tr_node *nd = tp->node[i];
        if (nd->out->is_half)
            fetch(tp, nd->out);
        else if (nd->out->kept && nd->out->alias && tp->keep_half)
            resolve_alias(nd->out);
        if (nd->out->kept)
            continue;
        if (nd->out->alias)
            resolve_alias(nd->out);
        else
            nd->out->data = tr_arena_alloc(&tp->segment, data_bytes(nd->out));
        nd->saved = tr_arena_array(&tp->segment, nd->n_saved, sizeof(float));
        forward(tp, nd);
    }
}

static void zero(float *p, size_t bytes)
{
    enum { STRIP = 1 << 18 };
    char *at = (char *)p;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < bytes; i += STRIP)
        memset(at + i, 0, bytes - i < STRIP ? bytes - i : STRIP);
}

static void want_parameter_grad(struct tr_tape *tp, struct tr_tensor *t)
{
    if (!tp->each && !t->grad && !tp->planning)
        tr_fatal("tape: parameter '%s' has no gradient array", t->name ? t->name : "?");
    if (!tp->each || t->shared || t->has_grad)
        return;
    t->grad = tr_arena_alloc(&tp->segment, data_bytes(t));
    t->has_grad = 1;
    if (!tp->planning)
        zero(t->grad, data_bytes(t));
    tp->fresh = grow(tp->fresh, tp->n_fresh, &tp->cap_fresh, sizeof *tp->fresh);
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
    size_t bytes = (size_t)tr_tensor_rows(t) * (size_t)t->ld * sizeof(float);
    t->grad = t->is_result ? handover(tp, t->i_segment, bytes)
                           : tr_arena_alloc(&tp->segment, bytes);
    t->has_grad = 1;
    if (!tp->planning)
        zero(t->grad, bytes);
}

static void backward_node(struct tr_tape *tp, struct tr_node *nd, int i_seg)
{
    struct tr_tensor *root = nd->out;
    while (root->alias)
        root = root->alias;
    if (!nd->with_grad || !root->has_grad) /* nothing was made of this output */
        return;
    want_grad(tp, nd->out, i_seg); /* an alias: point it at its root's */
    for (int i = 0; i < TR_MAX_IN; i++)
        if (nd->in[i] && nd->in[i]->needs_grad)
            want_grad(tp, nd->in[i], i_seg);
    if (tp->planning)
        count(tp, nd, 1);
    else
        nd->op->backward(nd);
}

static void hand_out(struct tr_tape *tp, void (*ready)(void *ctx, struct tr_tensor *param),
                     void *ctx)
{
    for (int i = 0; i < tp->n_fresh; i++) {
        struct tr_tensor *t = tp->fresh[i];
        if (!tp->planning)
            ready(ctx, t);
        t->grad = NULL;
        t->has_grad = 0;
    }
    tp->n_fresh = 0;
}

void tr_tape_backward_each(struct tr_tape *tp, struct tr_tensor *loss,
                           void (*ready)(void *ctx, struct tr_tensor *param), void *ctx)
{
    if (tp->mode != TR_TAPE_TRAIN || tp->in_segment || !tp->n_seg ||
        tp->seg[tp->n_seg - 1].result != loss || tr_tensor_count(loss) != 1)
        tr_fatal("tape: backward wants the number that ended the last segment");
    if (!loss->needs_grad)
        return;
    tp->each = ready != NULL;
    for (int i = 0; i < tp->n_node; i++)
        tp->node[i]->out->has_grad = 0;
    want_grad(tp, loss, tp->n_seg - 1);
    if (!tp->planning)
        loss->grad[0] = 1;
    for (int i_seg = tp->n_seg - 1; i_seg >= 0; i_seg--) {
        const struct segment *seg = &tp->seg[i_seg];
        if (!seg->result->needs_grad) /* nothing trainable here or before */
            break;
        replay(tp, i_seg);
        for (int i = seg->end_node - 1; i >= seg->first_node; i--)
            backward_node(tp, tp->node[i], i_seg);
        hand_out(tp, ready, ctx);
        tr_arena_rewind(&tp->segment, 0);
    }
}

void tr_tape_backward(struct tr_tape *tp, struct tr_tensor *loss)
{
    tr_tape_backward_each(tp, loss, NULL, NULL);
}
