/* SPDX-License-Identifier: MIT
 *
 * A model on some sequences of a pack.
 */
#include <libtrain/personalize/personal.h>

#include <stdlib.h>

int tr__rows_batch(const struct tr__rows *rows, uint64_t i, int32_t *target,
                   struct tr_batch *batch, struct tr_err *err)
{
    struct tr_pack_seq s;
    int rc = tr_pack_read(rows->pack, i, &s, err);
    if (rc)
        return rc;
    for (int32_t j = 0; target && j < s.n; j++)
        target[j] = -1;
    *batch = (struct tr_batch){ s.n, s.token, target ? target : s.target, s.pos, s.weight };
    return 0;
}

int tr__rows_run(struct tr_eval *e, const struct tr__rows *rows, void (*next)(void *ctx),
                 void *ctx, struct tr_err *err)
{
    int rc = 0;
    int32_t *target = malloc(tr_pack_info(rows->pack)->ctx * sizeof *target);
    if (!target)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a sequence");
    for (uint64_t i = rows->from; !rc && i < rows->to; i++) {
        struct tr_batch batch;
        rc = tr__rows_batch(rows, i, target, &batch, err);
        if (!rc && next)
            next(ctx);
        if (!rc)
            rc = tr_eval_batch(e, &batch, NULL, NULL, NULL, err);
    }
    free(target);
    return rc;
}

int tr__rows_loss(struct tr_eval *e, const struct tr__rows *rows, double *loss,
                  struct tr_err *err)
{
    double sum = 0, weight = 0;
    int rc = 0;
    for (uint64_t i = rows->from; !rc && i < rows->to; i++) {
        struct tr_batch batch;
        if ((rc = tr__rows_batch(rows, i, NULL, &batch, err)))
            break;
        weight += tr__batch_weight(&batch);
        rc = tr_eval_batch(e, &batch, &sum, NULL, NULL, err);
    }
    *loss = weight > 0 ? sum / weight : 0;
    if (!rc && !(weight > 0))
        rc = tr_err_set(err, TR_EFORMAT, "'%s': no held-out position counts",
                        tr_pack_path(rows->pack));
    return rc;
}
