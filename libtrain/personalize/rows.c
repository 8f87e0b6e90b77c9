/* SPDX-License-Identifier: MIT
 *
 * Models on some sequences of a pack, several at a time: weights are unpacked and sums added up once
 * for all of them.
 */
#include <libtrain/base/base.h>
#include <libtrain/personalize/personal.h>

#include <stdlib.h>
#include <string.h>

enum { BATCH = 512 }; /* rows, or one sequence */

struct gathered {
    int64_t n;
    int32_t *token, *target, *pos; // (most)
    float *weight;                 // (most)
};

int64_t tr__rows_most(const struct tr__rows *rows)
{
    int64_t ctx = tr_pack_info(rows->pack)->ctx;
    return ctx > BATCH ? ctx : BATCH;
}

static int begin(struct gathered *g, int64_t most, struct tr_err *err)
{
    size_t n = (size_t)most;
    *g = (struct gathered){ 0, malloc(n * sizeof *g->token), malloc(n * sizeof *g->target),
                            malloc(n * sizeof *g->pos), malloc(n * sizeof *g->weight) };
    return g->token && g->target && g->pos && g->weight
               ? 0
               : tr_err_set(err, TR_ENOMEM, "out of memory for sequences");
}

static void release(struct gathered *g)
{
    free(g->token);
    free(g->target);
    free(g->pos);
    free(g->weight);
}

static void append(struct gathered *g, const struct tr_pack_seq *s)
{
    size_t bytes = (size_t)s->n * sizeof *s->token;
    memcpy(g->token + g->n, s->token, bytes);
    memcpy(g->target + g->n, s->target, bytes);
    memcpy(g->pos + g->n, s->pos, bytes);
    for (int32_t i = 0; i < s->n; i++)
        g->weight[g->n + i] = s->weight ? s->weight[i] : 1;
    g->n += s->n;
}

/* Sequences from *i on, as many as there is room for. */
static int gather(struct gathered *g, const struct tr__rows *rows, uint64_t *i,
                  struct tr_err *err)
{
    int64_t ctx = tr_pack_info(rows->pack)->ctx, most = tr__rows_most(rows);
    for (g->n = 0; *i < rows->to && g->n + ctx <= most; ++*i) {
        struct tr_pack_seq s;
        int rc = tr_pack_read(rows->pack, *i, &s, err);
        if (rc)
            return rc;
        append(g, &s);
    }
    return 0;
}

int tr__rows_each(const struct tr__rows *rows, tr__on_batch *on, void *ctx, struct tr_err *err)
{
    struct gathered g;
    int rc = begin(&g, tr__rows_most(rows), err);
    for (uint64_t i = rows->from; !rc && i < rows->to;) {
        if ((rc = gather(&g, rows, &i, err)))
            break;
        struct tr_batch batch = { g.n, g.token, g.target, g.pos, g.weight };
        rc = on(ctx, &batch, err);
    }
    release(&g);
    return rc;
}

/* ---- what is done with them -------------------------------------------------------- */

int tr__rows_forward(struct tr_eval *e, const struct tr_batch *batch, struct tr_err *err)
{
    struct tr_batch only = *batch;
    int32_t *none = malloc((size_t)batch->n * sizeof *none);
    if (!none)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a batch");
    for (int64_t i = 0; i < batch->n; i++)
        none[i] = -1;
    only.target = none;
    int rc = tr_eval_batch(e, &only, NULL, NULL, NULL, err);
    free(none);
    return rc;
}

struct mean {
    struct tr_eval *e;
    double sum, weight;
};

static int add_loss(void *ctx, const struct tr_batch *batch, struct tr_err *err)
{
    struct mean *m = ctx;
    m->weight += tr__batch_weight(batch);
    return tr_eval_batch(m->e, batch, &m->sum, NULL, NULL, err);
}

int tr__rows_loss(struct tr_eval *e, const struct tr__rows *rows, double *loss,
                  struct tr_err *err)
{
    struct mean m = { .e = e };
    int rc = tr__rows_each(rows, add_loss, &m, err);
    *loss = m.weight > 0 ? m.sum / m.weight : 0;
    if (!rc && !(m.weight > 0))
        rc = tr_err_set(err, TR_EFORMAT, "'%s': no held-out position counts",
                        tr_pack_path(rows->pack));
    return rc;
}
