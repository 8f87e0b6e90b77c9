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

void tr__packer_put(struct tr_packer *p, const struct tr__window *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t next = w->token[i + 1];
        float weight = w->weight ? w->weight[i + 1] : 1;
        int counts = i >= w->n_seen && !(next & TR_TOKEN_MASKED) && weight != 0;
        p->token[p->seq.n] = (int32_t)TR_TOKEN_ID(w->token[i]);
        p->target[p->seq.n] = counts ? (int32_t)next : -1;
        p->weight[p->seq.n] = weight;
        p->group[p->seq.n] = w->group;
        p->pos[p->seq.n++] = (int32_t)i;
    }
}

int tr__packer_flush(struct tr_packer *p, struct tr_err *err)
{
    int rc = p->seq.n ? tr_pack_write(p->w, &p->seq, err) : 0;

    p->seq.n = 0;
    return rc;
}
