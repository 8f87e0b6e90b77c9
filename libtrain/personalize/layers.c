/* SPDX-License-Identifier: MIT
 *
 * Layers in front of a fit, what changes from one model to the other, and behind it: pairs.
 */
#include <libtrain/lora/lora.h>
#include <libtrain/matmul/matmul.h>
#include <libtrain/personalize/personal.h>

#include <stdlib.h>
#include <string.h>

/* ---- changes ---------------------------------------------------------------------- */

static void add_deltas(const struct tr_weight *w, int64_t n_in, int64_t n_out, float *d)
{
    for (const struct tr_delta *a = w->delta; a; a = a->next) {
        int64_t r = tr_tensor_rows(a->a);
        tr__gemm_f32(&(struct tr__gemm){ 0, 0, n_out, n_in, r, r, n_in, n_in, a->scale, 1 },
                     a->b->data, a->a->data, d);
    }
}

static int is_same(const struct tr_tensor *a, const struct tr_tensor *b)
{
    size_t bytes = (size_t)(tr_tensor_count(a) / a->dtype->block * a->dtype->bytes);
    return a->data == b->data || (a->dtype == b->dtype && !memcmp(a->data, b->data, bytes));
}

/* d (n_out, n_in) = t - w, row by row. */
static int subtract(const struct tr__target *x, float *d, struct tr_err *err)
{
    const struct tr_tensor *w = &x->w->t, *t = &x->t->t;
    float *row = malloc((size_t)x->n_in * sizeof *row);
    if (!row)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a row");
    for (int64_t i = 0; i < x->n_out; i++) {
        int64_t at = i * x->n_in;
        const char *from = (const char *)w->data + at / w->dtype->block * w->dtype->bytes;
        const char *to = (const char *)t->data + at / t->dtype->block * t->dtype->bytes;
        w->dtype->to_f32(from, row, x->n_in);
        t->dtype->to_f32(to, d + at, x->n_in);
        for (int64_t j = 0; j < x->n_in; j++)
            d[at + j] -= row[j];
    }
    free(row);
    return 0;
}

int tr__differs(const struct tr__target *x)
{
    return x->t->delta || !is_same(&x->w->t, &x->t->t);
}

int tr__change_of(const struct tr__target *x, float *d, struct tr_err *err)
{
    int rc = 0;
    if (!tr__differs(x))
        return 0;
    if (is_same(&x->w->t, &x->t->t))
        memset(d, 0, (size_t)(x->n_in * x->n_out) * sizeof *d);
    else
        rc = subtract(x, d, err);
    if (rc)
        return rc;
    add_deltas(x->t, x->n_in, x->n_out, d);
    return 1;
}

/* ---- the adapter ------------------------------------------------------------------ */

/* The first `rank` pairs of a fit. */
static int take(struct tr_lora *l, struct tr__personal *p, const struct tr__target *t, int rank,
                struct tr_err *err)
{
    const struct tr__fit *f = &t->fit;
    int64_t r = f->rank < rank ? f->rank : rank;
    float scale = (float)r / (float)rank; /* alpha is `rank` */
    float *a = malloc((size_t)(r * t->n_in) * sizeof *a);
    float *b = malloc((size_t)(r * t->n_out) * sizeof *b);
    if (!a || !b) {
        free(a);
        free(b);
        return tr_err_set(err, TR_ENOMEM, "out of memory for a pair");
    }
    memcpy(a, f->a, (size_t)(r * t->n_in) * sizeof *a);
    for (int64_t i = 0; i < t->n_out; i++)
        for (int64_t k = 0; k < r; k++)
            b[i * r + k] = scale * f->b[i * f->rank + k];
    return tr__lora_take(l, p->base, t->w->t.name, (int)r, a, b, err);
}

struct tr_lora *tr__personal_adapter(struct tr__personal *p, int rank, struct tr_err *err)
{
    struct tr_lora *l = tr__lora_make(p->n_target, (float)rank, err);
    int rc = l ? 0 : TR_ENOMEM;
    for (size_t i = 0; !rc && i < p->n_target; i++)
        if (p->target[i].fit.rank)
            rc = take(l, p, &p->target[i], rank, err);
    if (!rc && !l->n)
        rc = tr_err_set(err, TR_EFORMAT, "no layer has anything to change");
    if (!rc)
        return l;
    tr_lora_free(l);
    return NULL;
}
