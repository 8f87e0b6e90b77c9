/* SPDX-License-Identifier: MIT
 *
 * An adapter put together pair by pair, of numbers that somebody else has read or computed.
 */
#include <libtrain/lora/lora.h>
#include <libtrain/lora/pair.h>

#include <stdlib.h>

struct tr_lora *tr__lora_make(size_t max_pairs, float alpha, struct tr_err *err)
{
    struct tr_lora *l = tr__lora_alloc(max_pairs, err);
    if (l)
        l->alpha = alpha;
    return l;
}

int tr__lora_take(struct tr_lora *l, const struct tr_model *base, const char *name,
                  int rank, float *a, float *b, struct tr_err *err)
{
    const struct tr_weight *w = tr__weight_find(base, name);
    if (!w || !tr__takes_pair(w->slot)) {
        free(a);
        free(b);
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': an adapter on tensor '%s' is not "
                          "supported", tr_gguf_path(tr_model_gguf(base)), name);
    }
    int rc = tr__lora_add_pair(l, base, w, rank, err);
    struct tr_lora_pair *p = &l->pair[l->n - 1];
    p->a.data = p->read_a = a;
    p->b.data = p->read_b = b;
    return rc;
}
