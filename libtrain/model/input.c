/* SPDX-License-Identifier: MIT
 *
 * Inputs of every block beside the residual stream: each token has, for each block, a few
 * numbers of a table and a few that are projected from its embedding.  They are made for
 * all blocks at once and shared on the tape; a block gates its columns by its own result
 * and projects them back.
 */
#include <libtrain/model/decoder.h>

#include <math.h>

struct tr_tensor *tr__make_inputs(const struct tr__decoder *d, struct tr_tensor *x)
{
    const struct tr_config *c = &d->m->config;
    struct tr_tensor *y = tr_linear(
        d->tp, x, tr__tensor(d, TR_INPUTS_PROJ),
        &(struct tr_linear){ .scale = 1 / sqrtf((float)c->n_embd) });
    y = tr__norm(d, y, TR_INPUTS_NORM, TR_N_SLOT);
    struct tr_tensor *own =
        tr_embedding(d->tp, tr__tensor(d, TR_INPUTS_EMBD), d->batch->token, NULL, NULL,
                     d->batch->n, sqrtf((float)c->n_input));
    return tr_tape_share(d->tp, tr_scale(d->tp, tr_add(d->tp, y, own), sqrtf(0.5f)));
}

struct tr_tensor *tr__input(struct tr__decoder *d, struct tr_tensor *x,
                            struct tr_tensor *add)
{
    int64_t n = d->m->config.n_input;
    struct tr_tensor *gate = tr__project(d, x, TR_INPUT_GATE, TR_N_SLOT, NULL);
    struct tr_tensor *own = tr_columns(d->tp, d->inputs, d->layer * n, n);
    gate = d->m->arch->activation(d->tp, gate, own);
    return tr__project(d, gate, TR_INPUT_PROJ, TR_N_SLOT, add);
}
