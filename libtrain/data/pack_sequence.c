/* SPDX-License-Identifier: MIT
 *
 * The sequence that a packer is filling: windows come one behind the other, and positions
 * begin anew with each.  Who comes next is a fit's business (pack_fit_order.c).
 */
#include <libtrain/data/packer.h>

uint32_t tr__packer_room(const struct tr_packer *p)
{
    return p->ctx - (uint32_t)p->seq.n;
}

/* Tokens [from, to) of a window. */
static void put(struct tr_packer *p, const struct tr__window *w, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i + 1 < to; i++) {
        uint32_t next = w->token[i + 1];
        float weight = w->weight ? w->weight[i + 1] : 1;
        int counts = i >= w->n_seen && !(next & TR_TOKEN_MASKED) && weight != 0;
        p->token[p->seq.n] = (int32_t)TR_TOKEN_ID(w->token[i]);
        p->target[p->seq.n] = counts ? (int32_t)next : -1;
        p->weight[p->seq.n] = weight;
        p->group[p->seq.n] = w->group;
        p->pos[p->seq.n++] = (int32_t)(i - from);
    }
}

void tr__packer_put(struct tr_packer *p, const struct tr__window *w)
{
    uint32_t n = tr__window_tokens(w);

    put(p, w, 0, w->rival ? w->rival : n);
    if (w->rival)
        put(p, w, w->rival, n);
}

int tr__packer_flush(struct tr_packer *p, struct tr_err *err)
{
    int rc = p->seq.n ? tr_pack_write(p->w, &p->seq, err) : 0;

    p->seq.n = 0;
    return rc;
}
