/* SPDX-License-Identifier: MIT
 *
 * From the tensors of a file to the weights of a model.  Each tensor is asked where it
 * belongs; what belongs nowhere is either known to be without effect, or refused: a model
 * that is computed without one of its parts gives wrong numbers and no error.  (llama.cpp
 * counts the tensors and refuses a file with one too many.)  Names and shapes: tensors.c.
 */
#include <libtrain/model/model.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tr_weight *tr__weight(const struct tr_model *m, int64_t layer, enum tr_slot_id id)
{
    if (id < TR_N_GLOBAL)
        return &m->weight[id];
    return &m->weight[TR_N_GLOBAL + layer * TR_N_BLOCK + (id - TR_N_GLOBAL)];
}

int tr__is_tied(const struct tr_model *m)
{
    return !tr__weight(m, 0, TR_OUTPUT)->t.data;
}

int tr__takes_pair(const struct tr_slot *slot)
{
    return slot->linear || slot->named;
}

struct tr_weight *tr__weight_find(const struct tr_model *m, const char *name)
{
    int64_t layer;
    enum tr_slot_id id = tr__slot_find(&m->config, name, &layer);
    if (id == TR_N_SLOT || layer >= m->config.n_layer)
        return NULL;
    struct tr_weight *w = tr__weight(m, layer, id);
    return w->t.data ? w : NULL;
}

static int check_tensor(const struct tr_gguf *g, const struct tr_gguf_tensor *t,
                        const struct tr_slot *slot, const int64_t *dim, struct tr_err *err)
{
    int n_dim = slot->n_dim;
    char is[TR_GGUF_SHAPE_BYTES], wanted[TR_GGUF_SHAPE_BYTES];
    const char *path = tr_gguf_path(g);
    if (!tr_gguf_has_shape(t, n_dim, dim))
        return tr_err_set(err, TR_EFORMAT, "%s: tensor '%s' is %s, wanted %s", path, t->name,
                          tr_gguf_shape_text(is, t->n_dim, t->dim),
                          tr_gguf_shape_text(wanted, n_dim, dim));
    if (!t->dtype->to_f32)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "%s: tensor '%s' has type %s, which cannot be unpacked", path,
                          t->name, t->dtype->name);
    if ((n_dim == 1 || slot->f32) && t->dtype != &tr_f32)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "%s: tensor '%s' has type %s; %s must be F32", path, t->name,
                          t->dtype->name, n_dim == 1 ? "norms and biases" : "it");
    return 0;
}

/* ---- what the decoder has no place for --------------------------------------------- */

/* Parts of models in GGUF that are not in a block, by the beginning of their names. */
static const char *const parts[] = {
    "token_embd", "token_types", "position_embd", "output", "rope_freqs", "rope_factors",
    "cls", "per_layer_", "altup_", "dense_", "conv1d", "posnet.", "convnext.", "nextn.",
    "enc.", "dec.", "v.", "a.", "mm.",
};

static int begins_with(const char *name, const char *beginning)
{
    return !strncmp(name, beginning, strlen(beginning));
}

/* In a block everything is taken for a part of the computation. */
static int has_effect(const char *name)
{
    const char *rest;
    if (tr_gguf_block(name, &rest) >= 0) /* frequencies that follow from the base of rope */
        return !begins_with(rest, "attn_rot_embd");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (begins_with(name, parts[i]))
            return 1;
    return 0;
}

/* Keys and values of a block that reads those of another: llama.cpp has no use for them. */
static int is_spare(const struct tr_model *m, int64_t layer, enum tr_slot_id id)
{
    return id != TR_N_SLOT && layer >= 0 && tr__slots[id].part == TR_PART_KV &&
           m->arch->tensor[id] != TR_NEVER && m->config.layer[layer].kv_of != layer;
}

static int leave_out(struct tr_model *m, const char *name, int spare, struct tr_err *err)
{
    if (!spare && has_effect(name))
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "%s: tensor '%s' is not supported in architecture '%s', and without "
                          "it the model would be another", tr_gguf_path(m->g), name,
                          m->arch->name);
    m->unused_tensor[m->n_unused_tensor++] = name;
    return 0;
}

static int list_unknown_keys(struct tr_model *m, struct tr_err *err)
{
    size_t n = tr_gguf_n_kv(m->g);
    m->unused_key = calloc(n + 1, sizeof *m->unused_key);
    if (!m->unused_key)
        return tr_err_set(err, TR_ENOMEM, "%s: out of memory for %zu keys",
                          tr_gguf_path(m->g), n);
    for (size_t i = 0; i < n; i++)
        if (tr__key_unknown(m->arch, tr_gguf_kv(m->g, i)->key))
            m->unused_key[m->n_unused_key++] = tr_gguf_kv(m->g, i)->key;
    return 0;
}

/* ---- what it has a place for ------------------------------------------------------- */

/* Does the architecture have this tensor in this block (-1: in none)? */
static int has_place(const struct tr_model *m, int64_t layer, enum tr_slot_id id)
{
    if (id == TR_N_SLOT || m->arch->tensor[id] == TR_NEVER)
        return 0;
    return !tr__slots[id].part ||
           tr__slots[id].part & m->config.layer[layer < 0 ? 0 : layer].parts;
}

static int is_ahead(const struct tr_config *c, int64_t layer)
{
    return layer >= c->n_layer && layer < c->n_layer + c->n_ahead;
}

static int bind_tensor(struct tr_model *m, const struct tr_gguf_tensor *t,
                       struct tr_err *err)
{
    int64_t layer, dim[TR_MAX_DIM] = { 0 };
    enum tr_slot_id id = tr__slot_find(&m->config, t->name, &layer);
    if (is_ahead(&m->config, layer))
        return 0;
    if (layer >= m->config.n_layer) /* a contradiction, not an extra */
        return tr_err_set(err, TR_EFORMAT,
                          "%s: tensor '%s' lies beyond the %lld blocks of the model",
                          tr_gguf_path(m->g), t->name, (long long)m->config.n_layer);
    if (!has_place(m, layer, id))
        return leave_out(m, t->name, is_spare(m, layer, id), err);
    const struct tr_slot *slot = &tr__slots[id];
    tr__slot_shape(id, &m->config, layer < 0 ? NULL : &m->config.layer[layer], dim);
    int rc = check_tensor(m->g, t, slot, dim, err);
    if (rc)
        return rc;
    /* The map is read-only and so is every use of a weight that is not trainable. */
    struct tr_weight *w = tr__weight(m, layer, id);
    w->t = tr_tensor_make(t->name, t->dtype, slot->n_dim, dim, (void *)(uintptr_t)t->data);
    if (slot->vector)
        w->t = tr_tensor_make(t->name, t->dtype, 1, (int64_t[]){ tr_tensor_count(&w->t) },
                              w->t.data);
    w->slot = slot;
    return 0;
}

static int is_there(const struct tr_model *m, int64_t layer, enum tr_slot_id id)
{
    return id && tr__weight(m, layer, id)->t.data;
}

/* Does what is there, or not there, in a slot go with the rest? */
static int check_slot(const struct tr_model *m, int64_t layer, enum tr_slot_id id,
                      struct tr_err *err)
{
    const struct tr_slot *slot = &tr__slots[id];
    int there = tr__weight(m, layer, id)->t.data != NULL;
    int replaced = is_there(m, layer, slot->instead);
    const char *problem = NULL;
    char name[TR__TENSOR_NAME_BYTES], other[TR__TENSOR_NAME_BYTES] = "";
    if (!there && !replaced && m->arch->tensor[id] == TR_MUST && has_place(m, layer, id))
        problem = "is missing";
    else if (there && replaced)
        problem = "has no place beside";
    else if (there && slot->with && !is_there(m, layer, slot->with))
        problem = "has no use without";
    if (!problem)
        return 0;
    tr__slot_name(name, layer, id);
    if (there)
        tr__slot_name(other, layer, replaced ? slot->instead : slot->with);
    return tr_err_set(err, TR_EFORMAT, "%s: tensor '%s' %s%s%s%s", tr_gguf_path(m->g), name,
                      problem, there ? " '" : "", other, there ? "'" : "");
}

static int check_slots(const struct tr_model *m, struct tr_err *err)
{
    for (int id = 0; id < TR_N_SLOT; id++) {
        int64_t n = id < TR_N_GLOBAL ? 1 : m->config.n_layer;
        for (int64_t layer = 0; layer < n; layer++) {
            int rc = check_slot(m, layer, (enum tr_slot_id)id, err);
            if (rc)
                return rc;
        }
    }
    return 0;
}

int tr__bind(struct tr_model *m, struct tr_err *err)
{
    size_t n = tr_gguf_n_tensor(m->g);
    m->unused_tensor = calloc(n + 1, sizeof *m->unused_tensor);
    if (!m->unused_tensor)
        return tr_err_set(err, TR_ENOMEM, "%s: out of memory for %zu tensors",
                          tr_gguf_path(m->g), n);
    for (size_t i = 0; i < n; i++) {
        int rc = bind_tensor(m, tr_gguf_tensor(m->g, i), err);
        if (rc)
            return rc;
    }
    int rc = check_slots(m, err);
    return rc ? rc : list_unknown_keys(m, err);
}
