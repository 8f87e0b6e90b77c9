/* SPDX-License-Identifier: MIT
 *
 * The life of a tape: it is made, told what to keep, emptied for the next step, freed, and
 * asked whether it failed.  Next: tape_op.c, how an operation gets onto it.
 */
#include <libtrain/autograd/tape.h>
#include <libtrain/base/base.h>
#include <libtrain/matmul/matmul.h>

#include <stdlib.h>
#include <string.h>

static const char *const KEPT = "results that wait for backward";
static const char *const SEGMENT = "gradients, results and scratch of a segment";
static const char *const META = "the nodes of a tape";

static struct tr_tape *tape_new(enum tr_tape_mode mode, enum tr_recompute recompute,
                                struct tr_err *err)
{
    struct tr_tape *tp = calloc(1, sizeof *tp);
    if (!tp) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a tape");
        return NULL;
    }
    tp->mode = mode;
    tp->recompute = recompute;
    tr_arena_init(&tp->meta, META, 0, NULL);
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
    if (tp && !tr__gemm_ready(err) &&
        !tr_arena_init(&tp->kept, KEPT, plan ? plan->kept : 0, err) &&
        !tr_arena_init(&tp->segment, SEGMENT, plan ? plan->segment : 0, err))
        return tp;
    tr_tape_free(tp);
    return NULL;
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

void tr_tape_recompute_groups(struct tr_tape *tp, int n)
{
    tp->group = n < 2 ? 0 : n;
}

void tr_tape_keep_half(struct tr_tape *tp)
{
    tp->keep_half = 1;
}

double tr_tape_work(const struct tr_tape *tp)
{
    return tp->work;
}

static void empty(struct tr_arena *a)
{
    tr_arena_rewind(a, 0);
    a->err.code = 0;
}

void tr_tape_reset(struct tr_tape *tp)
{
    tr__tape_swept(tp);
    empty(&tp->kept);
    empty(&tp->segment);
    empty(&tp->meta);
    tp->err.code = 0;
    tp->n_node = tp->n_seg = tp->in_segment = tp->implicit = 0;
    memset(tp->handover, 0, sizeof tp->handover);
    memset(tp->handover_bytes, 0, sizeof tp->handover_bytes);
}

void tr_tape_restart(struct tr_tape *tp, enum tr_tape_mode mode)
{
    tr_tape_reset(tp);
    tp->mode = mode;
}

int tr_tape_error(const struct tr_tape *tp, struct tr_err *err)
{
    const struct tr_err *all[] = { &tp->err, &tp->kept.err, &tp->segment.err,
                                   &tp->meta.err };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->code)
            return tr_err_set(err, all[i]->code, "%s", all[i]->text);
    return 0;
}

struct tr_tensor *tr__tape_spare(struct tr_tape *tp)
{
    tp->spare = tr_tensor_make("failed", &tr_f32, 2, (int64_t[]){ 1, 1 }, NULL);
    tp->spare.i_segment = tp->n_seg;
    return &tp->spare;
}

void *tr__tape_grow(struct tr_tape *tp, void *array, int n, int *cap, size_t size)
{
    size_t room = (size_t)*cap;
    if (tr__grow(&array, &room, (size_t)n + 1, size))
        tr_err_set(&tp->err, TR_ENOMEM, "out of memory for %d nodes of a tape", n + 1);
    *cap = (int)room;
    return array;
}
