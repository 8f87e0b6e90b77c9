/* SPDX-License-Identifier: MIT
 *
 * What several ranks of one run do together outside of a step: begin from the same state,
 * and keep it.
 */
#include <libtrain/comm.h>
#include <libtrain/train/run.h>

#include <stdio.h>
#include <xxhash.h>

/* A rank that trains something else is told by the lines in which it differs. */
static int compare_with_first(const struct tr_trainer *t, struct tr_err *err)
{
    char first[4096] = "";
    snprintf(first, sizeof first, "%s", t->text);
    tr_comm_share(first, sizeof first);
    return tr_comm_agree(tr__compare_runs("what rank 0 trains", first, t->text, err), err);
}

static int64_t value_bytes(const struct tr_params *p, size_t i)
{
    return tr_tensor_count(p->tensor[i]) * p->tensor[i]->dtype->bytes;
}

static uint64_t hash_values(const struct tr_params *p)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < p->n; i++)
        hash = XXH3_64bits_withSeed(p->tensor[i]->data, (size_t)value_bytes(p, i), hash);
    return hash;
}

static void share_beginning(struct tr_lora_pair *p)
{
    tr_comm_share(p->a0.data, tr_tensor_count(&p->a0) * (int64_t)sizeof(float));
    tr_comm_share(p->b0.data, tr_tensor_count(&p->b0) * (int64_t)sizeof(float));
}

/* Moments are zero before the first step, if no rank has made one that it goes back behind. */
static void share_state(struct tr_trainer *t)
{
    struct tr_params *p = &t->params;
    int begun = tr_comm_max(t->step > 0);
    tr_comm_share(&t->step, sizeof t->step);
    tr_comm_share(&t->warmup, sizeof t->warmup);
    tr_comm_share(&t->sample, sizeof t->sample);
    tr_comm_share(&t->past, sizeof t->past);
    tr__stop_share(t);
    if (p->average)
        tr_comm_share(p->average, p->count * (int64_t)sizeof *p->average);
    for (size_t i = 0; t->lora && i < t->lora->n; i++)
        if (t->lora->pair[i].a0.name)
            share_beginning(&t->lora->pair[i]);
    for (size_t i = 0; i < p->n; i++) {
        tr_comm_share(p->tensor[i]->data, value_bytes(p, i));
        for (int j = 0; begun && j < p->optim->n_state; j++)
            tr_comm_share(tr_params_state(p, j, i),
                          tr_params_state_count(p, j, i) * p->optim->state[j].dtype->bytes);
    }
}

int tr_trainer_join(struct tr_trainer *t, struct tr_err *err)
{
    if (tr_comm_size() == 1)
        return 0;
    int rc = compare_with_first(t, err);
    if (!rc)
        share_state(t);
    return rc;
}

int tr_trainer_align(struct tr_trainer *t)
{
    if (tr_comm_size() == 1)
        return 0;
    uint64_t mine = hash_values(&t->params), first = mine;
    tr_comm_share(&first, sizeof first);
    int differs = tr_comm_max(mine != first);
    if (differs)
        share_state(t);
    return differs;
}
