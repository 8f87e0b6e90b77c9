/* SPDX-License-Identifier: MIT
 *
 * Inputs and outputs of weights, for whoever wants to see them.  A tape that only counts has no numbers,
 * and one that has failed has none that mean anything.  Next: project.c.
 */
#include <libtrain/model/decoder.h>

void tr_model_watch(struct tr_model *m, const struct tr_watch *w)
{
    m->watch = *w;
}

static int is_there(const struct tr__decoder *d, const struct tr_tensor *x)
{
    return !d->unseen && x->data && !tr_tape_error(d->tp, NULL);
}

void tr__see(const struct tr__decoder *d, const struct tr_tensor *x, enum tr_slot_id id,
             const struct tr_routing *r, enum tr__seen rows)
{
    char name[TR__TENSOR_NAME_BYTES];
    struct tr_inputs in = { .weight = name, .x = x, .n_mat = 1, .per_row = 1 };
    if (!d->m->watch.at || !is_there(d, x))
        return;
    if (rows != TR__ALL_ROWS) {
        tr_routing_rows(r, &in.first, &in.place);
        in.n_mat = r->n_expert;
        in.per_row = tr_tensor_cols(r->weight);
    }
    if (rows == TR__ROWS_OF_EXPERTS)
        in.place = NULL;
    tr__slot_name(name, d->layer, id);
    d->m->watch.at(d->m->watch.ctx, &in);
}

void tr__see_result(const struct tr__decoder *d, const struct tr_tensor *y,
                    const struct tr_tensor *add, enum tr_slot_id id)
{
    char name[TR__TENSOR_NAME_BYTES];
    if (!d->m->watch.after || !is_there(d, y))
        return;
    tr__slot_name(name, d->layer, id);
    d->m->watch.after(d->m->watch.ctx, &(struct tr_outputs){ name, y, add });
}
