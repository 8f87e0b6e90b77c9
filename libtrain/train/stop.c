/* SPDX-License-Identifier: MIT
 *
 * Rules that end a run before its last step: the loss of training no longer changes, or no
 * longer gets better.  They look at the losses that steps report, so all ranks stop at the
 * same one; what they know goes with the checkpoint, so that a run that goes on stops where
 * it would have stopped.
 */
#include <libtrain/comm.h>
#include <libtrain/train/run.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEY "checkpoint.stop"
enum { BEST, STALE, LOSSES }; /* in that key */

static int is_on(const struct tr_train_args *a)
{
    return a->stop_past || a->stop_stale || a->stop_change > 0;
}

/* Losses that are looked back at. */
static int64_t window(const struct tr_train_args *a)
{
    return a->stop_past ? a->stop_past : 1;
}

int tr__stop_init(struct tr_trainer *t, struct tr_err *err)
{
    struct tr__stop *s = &t->stop;
    if (!is_on(&t->args))
        return 0;
    s->best = INFINITY;
    s->loss = calloc((size_t)window(&t->args), sizeof *s->loss);
    return s->loss ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for %lld losses",
                                    (long long)window(&t->args));
}

/* How much the loss is away from what it was `back` steps ago, as a share of it; infinite
 * where that is not known. */
static double changed(const struct tr__stop *s, int64_t back, double loss)
{
    return s->n < back ? (double)INFINITY : fabs((s->loss[s->n - back] - loss) / loss);
}

static void remember(struct tr__stop *s, int64_t most, double loss)
{
    if (s->n == most)
        memmove(s->loss, s->loss + 1, (size_t)(--s->n) * sizeof *s->loss);
    s->loss[s->n++] = loss;
    s->stale = loss < s->best ? 0 : s->stale + 1;
    s->best = loss < s->best ? loss : s->best;
}

int tr__stop_due(struct tr_trainer *t, double loss, char *why, size_t size)
{
    const struct tr_train_args *a = &t->args;
    struct tr__stop *s = &t->stop;
    if (!is_on(a) || !isfinite(loss))
        return 0;
    double far = a->stop_past ? changed(s, a->stop_past, loss) : (double)INFINITY;
    double near = a->stop_change > 0 ? changed(s, 1, loss) : (double)INFINITY;
    remember(s, window(a), loss);
    if (far < a->stop_delta)
        snprintf(why, size, "the loss changed by %.3g of itself in %lld steps, less than %g",
                 far, (long long)a->stop_past, a->stop_delta);
    else if (near < a->stop_change)
        snprintf(why, size, "the loss changed by %.3g of itself in a step, less than %g",
                 near, a->stop_change);
    else if (a->stop_stale && s->stale >= a->stop_stale)
        snprintf(why, size, "the loss was not better than %.6g for %lld steps", s->best,
                 (long long)s->stale);
    else
        return 0;
    return 1;
}

void tr__stop_share(struct tr_trainer *t)
{
    struct tr__stop *s = &t->stop;
    if (!is_on(&t->args))
        return;
    tr_comm_share(&s->n, sizeof s->n);
    tr_comm_share(&s->best, sizeof s->best);
    tr_comm_share(&s->stale, sizeof s->stale);
    tr_comm_share(s->loss, window(&t->args) * (int64_t)sizeof *s->loss);
}

/* ---- in a checkpoint -------------------------------------------------------------- */

void tr__stop_write(struct tr_gguf_writer *g, const struct tr_trainer *t)
{
    const struct tr__stop *s = &t->stop;
    double *v = s->n ? calloc((size_t)s->n + LOSSES, sizeof *v) : NULL;
    if (!v) /* nothing is known, or a run that goes on begins to look anew */
        return;
    v[BEST] = s->best;
    v[STALE] = (double)s->stale;
    memcpy(v + LOSSES, s->loss, (size_t)s->n * sizeof *v);
    tr_gguf_set_array(g, KEY, TR_GGUF_F64, v, (uint64_t)s->n + LOSSES);
    free(v);
}

int tr__stop_read(struct tr_trainer *t, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *kv;
    struct tr__stop *s = &t->stop;
    int rc = tr_gguf_array(g, KEY, TR_GGUF_F64, &kv, err);
    if (rc < 0)
        return rc;
    if (!rc || !is_on(&t->args))
        return 0;
    for (uint64_t i = 0; i < kv->count; i++)
        if (!isfinite(tr_gguf_elem_float(kv, i)))
            return tr_err_set(err, TR_EFORMAT, "'%s': key '" KEY "' has what is no number",
                              tr_gguf_path(g));
    double stale = kv->count > LOSSES ? tr_gguf_elem_float(kv, STALE) : -1;
    if (stale < 0 || stale > 0x1p53)
        return tr_err_set(err, TR_EFORMAT, "'%s': key '" KEY "' holds no losses",
                          tr_gguf_path(g));
    int64_t there = (int64_t)kv->count - LOSSES, most = window(&t->args);
    s->best = tr_gguf_elem_float(kv, BEST);
    s->stale = (int64_t)stale;
    s->n = there < most ? there : most;
    for (int64_t i = 0; i < s->n; i++)
        s->loss[i] = tr_gguf_elem_float(kv, (uint64_t)(LOSSES + there - s->n + i));
    return 0;
}
