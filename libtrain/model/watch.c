/* SPDX-License-Identifier: MIT
 *
 * Inputs of weights, for whoever wants to see them.  A tape that only counts has no numbers,
 * and one that has failed has none that mean anything.  Next: project.c.
 */
#include <libtrain/model/decoder.h>

void tr_model_watch(struct tr_model *m, const struct tr_watch *w)
{
    m->watch = *w;
}

void tr__see(const struct tr__decoder *d, const struct tr_tensor *x, enum tr_slot_id id,
             const struct tr_routing *r, enum tr__seen rows)
{
    char name[TR__TENSOR_NAME_BYTES];
    struct tr_inputs in = { .weight = name, .x = x, .n_mat = 1, .per_row = 1 };
    if (!d->m->watch.at || d->unseen || !x->data || tr_tape_error(d->tp, NULL))
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
