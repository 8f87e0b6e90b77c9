/* SPDX-License-Identifier: MIT
 *
 * Which tensors a model of given hyper-parameters has, for whoever makes one.
 */
#include <libtrain/model/model.h>

#include <string.h>

/* Is `word` one of the words of the list? */
static int is_in(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' '))
            return 1;
    return 0;
}

static int is_asked_for(const char *also, int64_t layer, enum tr_slot_id id)
{
    char name[TR__TENSOR_NAME_BYTES];
    tr__slot_name(name, layer, id);
    return is_in(also, tr__slots[id].suffix) || is_in(also, name);
}

static int has(const struct tr_config *c, const char *also, int64_t layer,
               enum tr_slot_id id)
{
    const struct tr_slot *slot = &tr__slots[id];
    if (layer >= c->n_layer)
        return id == TR_ATTN_NORM;
    if (layer >= 0 && slot->part && !(slot->part & c->layer[layer].parts))
        return 0;
    if (slot->instead && is_asked_for(also, layer, slot->instead))
        return 0;
    return c->arch->tensor[id] == TR_MUST || is_asked_for(also, layer, id);
}

static void describe(const struct tr_config *c, int64_t layer, enum tr_slot_id id,
                     struct tr_spec *t)
{
    const struct tr_layer *l = layer >= 0 && layer < c->n_layer ? &c->layer[layer] : NULL;
    *t = (struct tr_spec){ .id = id, .layer = layer, .n_dim = tr__slots[id].n_dim,
                           .dim = { 1, 1, 1, 1 }, .n = 1 };
    tr__slot_name(t->name, layer, id);
    tr__slot_shape(id, c, l, t->dim);
    for (int i = 0; i < t->n_dim; i++)
        t->n *= t->dim[i];
}

int tr__each_spec(const struct tr_config *c, const char *also,
                  int (*each)(void *self, const struct tr_spec *t), void *self)
{
    struct tr_spec t;
    for (int64_t layer = -1; layer < c->n_layer + c->n_ahead; layer++) {
        int id = layer < 0 ? 0 : TR_N_GLOBAL, end = layer < 0 ? TR_N_GLOBAL : TR_N_SLOT;
        for (; id < end; id++) {
            if (!has(c, also, layer, (enum tr_slot_id)id))
                continue;
            describe(c, layer, (enum tr_slot_id)id, &t);
            int rc = t.n ? each(self, &t) : 0; /* the keys may say that there is none */
            if (rc)
                return rc;
        }
    }
    return 0;
}
