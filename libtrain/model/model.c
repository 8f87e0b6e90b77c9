/* SPDX-License-Identifier: MIT */
#include <libtrain/model/model.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { N_BLOCK_SLOT = TR_N_SLOT - TR_N_GLOBAL };

struct tr_weight *tr__weight(const struct tr_model *m, int64_t layer, enum tr_slot_id id)
{
    if (id < TR_N_GLOBAL)
        return &m->weight[id];
    return &m->weight[TR_N_GLOBAL + layer * N_BLOCK_SLOT + (id - TR_N_GLOBAL)];
}

struct tr_weight *tr__weight_find(const struct tr_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_weight; i++)
        if (m->weight[i].t.data && !strcmp(m->weight[i].t.name, name))
            return &m->weight[i];
    return NULL;
}

static void slot_name(char *name, size_t size, int64_t layer, enum tr_slot_id id)
{
    if (id < TR_N_GLOBAL)
        snprintf(name, size, "%s", tr__slots[id].suffix);
    else
        snprintf(name, size, "blk.%lld.%s", (long long)layer, tr__slots[id].suffix);
}

static int check_shape(const struct tr_gguf *g, const struct tr_config *c,
                       const struct tr_gguf_tensor *t, const struct tr_slot *slot,
                       struct tr_err *err)
{
    int64_t rows = slot->dim[0](c), cols = slot->n_dim == 2 ? slot->dim[1](c) : 1;
    int fits = t->n_dim == slot->n_dim && t->dim[0] == rows &&
               (slot->n_dim == 1 || t->dim[1] == cols);
    if (!fits)
        return tr_err_set(err, TR_EFORMAT,
                          "%s: tensor '%s' is (%lld, %lld) with %d dimensions, wanted "
                          "(%lld, %lld) with %d",
                          tr_gguf_path(g), t->name, (long long)t->dim[0],
                          (long long)t->dim[1], t->n_dim, (long long)rows, (long long)cols,
                          slot->n_dim);
    if (!t->dtype->to_f32)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "%s: tensor '%s' has type %s, which cannot be unpacked",
                          tr_gguf_path(g), t->name, t->dtype->name);
    if (slot->n_dim == 1 && t->dtype != &tr_f32)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "%s: tensor '%s' has type %s; norms and biases must be F32",
                          tr_gguf_path(g), t->name, t->dtype->name);
    return 0;
}

static int bind(struct tr_model *m, int64_t layer, enum tr_slot_id id, int required,
                struct tr_err *err)
{
    char name[80];
    slot_name(name, sizeof name, layer, id);
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(m->g, name);
    if (!t && required)
        return tr_err_set(err, TR_EFORMAT, "%s: tensor '%s' is missing",
                          tr_gguf_path(m->g), name);
    if (!t)
        return 0;
    if (check_shape(m->g, &m->config, t, &tr__slots[id], err))
        return err ? err->code : TR_EFORMAT;
    /* The map is read-only and so is every use of a weight that is not trainable. */
    struct tr_weight *w = tr__weight(m, layer, id);
    w->t = tr_tensor_make(t->name, t->dtype, t->n_dim, t->dim, (void *)(uintptr_t)t->data);
    w->slot = &tr__slots[id];
    return 0;
}

static int bind_list(struct tr_model *m, const enum tr_slot_id *list, int required,
                     struct tr_err *err)
{
    for (; *list != TR_N_SLOT; list++) {
        int64_t n = *list < TR_N_GLOBAL ? 1 : m->config.n_layer;
        for (int64_t layer = 0; layer < n; layer++) {
            int rc = bind(m, layer, *list, required, err);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int list_unused(struct tr_model *m, struct tr_err *err)
{
    size_t n = tr_gguf_n_tensor(m->g);
    m->unused = calloc(n + 1, sizeof *m->unused);
    if (!m->unused)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        const char *name = tr_gguf_tensor(m->g, i)->name;
        /* more blocks than block_count says are a contradiction, not an extra */
        if (tr_gguf_block(name, NULL) >= m->config.n_layer)
            return tr_err_set(err, TR_EFORMAT,
                              "%s: tensor '%s' lies beyond the %lld blocks of the model",
                              tr_gguf_path(m->g), name, (long long)m->config.n_layer);
        if (!tr__weight_find(m, name))
            m->unused[m->n_unused++] = name;
    }
    return 0;
}

/* Fewer tokens in the vocabulary than rows in the table is common (padding); more is not. */
static int check_vocabulary(const struct tr_gguf *g, const struct tr_config *c,
                            struct tr_err *err)
{
    const struct tr_gguf_kv *tokens = NULL;
    int found = tr_gguf_array(g, "tokenizer.ggml.tokens", TR_GGUF_STRING, &tokens, err);
    if (found < 0)
        return found;
    if (found && tokens->count > (uint64_t)c->n_vocab)
        return tr_err_set(err, TR_EFORMAT,
                          "%s: %llu tokens in the vocabulary, %lld rows in "
                          "'token_embd.weight'",
                          tr_gguf_path(g), (unsigned long long)tokens->count,
                          (long long)c->n_vocab);
    return 0;
}

/* Fill m, whose g is set. */
static int load(struct tr_model *m, struct tr_err *err)
{
    struct tr_str name = { "", 0 };
    const char *path = tr_gguf_path(m->g);
    int rc = tr_gguf_string(m->g, "general.architecture", &name, err);
    if (rc < 0)
        return rc;
    if (!rc)
        return tr_err_set(err, TR_EFORMAT, "%s: key 'general.architecture' is missing", path);
    m->arch = tr__arch_find(name);
    if (!m->arch)
        return tr_err_set(err, TR_EUNSUPPORTED, "%s: architecture '%.*s' is not supported",
                          path, (int)(name.len < 64 ? name.len : 64), name.ptr);
    if (!tr_gguf_n_tensor(m->g))
        return tr_err_set(err, TR_EFORMAT, "%s: no tensors", path);
    if ((rc = tr__config_read(m->g, m->arch, &m->config, err)) ||
        (rc = check_vocabulary(m->g, &m->config, err)))
        return rc;
    m->n_weight = TR_N_GLOBAL + (size_t)m->config.n_layer * N_BLOCK_SLOT;
    m->weight = calloc(m->n_weight, sizeof *m->weight);
    if (!m->weight)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    if ((rc = bind_list(m, m->arch->required, 1, err)) ||
        (rc = bind_list(m, m->arch->optional, 0, err)))
        return rc;
    struct tr_weight *factors = tr__weight(m, 0, TR_ROPE_FREQS);
    m->config.rope.factors = factors->t.data;
    return list_unused(m, err);
}

static void unload(struct tr_model *m)
{
    for (size_t i = 0; m->weight && i < m->n_weight; i++)
        while (m->weight[i].delta) {
            struct tr_delta *d = m->weight[i].delta;
            m->weight[i].delta = d->next;
            free(d);
        }
    free(m->weight);
    free(m->unused);
}

struct tr_model *tr_model_open(const char *path, struct tr_err *err)
{
    struct tr_model *m = calloc(1, sizeof *m);
    if (!m) {
        tr_err_set(err, TR_ENOMEM, "out of memory");
        return NULL;
    }
    m->g = tr_gguf_open(path, err);
    if (!m->g || load(m, err)) {
        tr_model_close(m);
        return NULL;
    }
    return m;
}

void tr_model_close(struct tr_model *m)
{
    if (!m)
        return;
    unload(m);
    tr_gguf_close(m->g);
    free(m);
}

int tr_model_check(const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_model m = { .g = (struct tr_gguf *)(uintptr_t)g };
    int rc = load(&m, err);
    unload(&m);
    return rc;
}

const char *tr_model_unused_tensor(const struct tr_model *m, size_t i)
{
    return i < m->n_unused ? m->unused[i] : NULL;
}

const struct tr_config *tr_model_config(const struct tr_model *m)
{
    return &m->config;
}

const char *tr_model_arch(const struct tr_model *m)
{
    return m->arch->name;
}

const struct tr_gguf *tr_model_gguf(const struct tr_model *m)
{
    return m->g;
}

int64_t tr_model_mapped_bytes(const struct tr_model *m)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < tr_gguf_n_tensor(m->g); i++)
        bytes += tr_gguf_tensor(m->g, i)->bytes;
    return bytes;
}

void tr_model_set_precision(struct tr_model *m, const struct tr_precision *p)
{
    for (size_t i = 0; i < m->n_weight; i++)
        m->weight[i].t.products = p->products;
    m->attention_bf16 = p->attention_bf16;
}

uint64_t tr_model_hash(const struct tr_model *m)
{
    enum { SAMPLE = 1 << 14 }; /* bytes from either end: a whole pass would read the file */
    uint64_t h = XXH64(m->arch->name, strlen(m->arch->name), 0);
    for (size_t i = 0; i < tr_gguf_n_tensor(m->g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(m->g, i);
        size_t bytes = (size_t)t->bytes, part = bytes < SAMPLE ? bytes : SAMPLE;
        h = XXH64(t->name, strlen(t->name), h);
        h = XXH64(t->dim, sizeof t->dim, h + t->dtype->id);
        h = XXH64(t->data, part, h);
        h = XXH64((const char *)t->data + bytes - part, part, h);
    }
    return h ? h : 1;
}

void tr__hash_write(struct tr_gguf_writer *w, const char *key, uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    tr_gguf_set_string(w, key, text);
}

int tr__hash_read(const struct tr_gguf *g, const char *key, uint64_t *hash,
                  struct tr_err *err)
{
    struct tr_str s;
    char text[17], *end;
    int found = tr_gguf_string(g, key, &s, err);
    if (found <= 0)
        return found;
    snprintf(text, sizeof text, "%.*s", (int)(s.len < 16 ? s.len : 16), s.ptr);
    *hash = strtoull(text, &end, 16);
    if (s.len != 16 || strspn(text, "0123456789abcdef") != 16 || *end)
        return tr_err_set(err, TR_EFORMAT, "%s: '%s' is not a hash", tr_gguf_path(g), key);
    return 1;
}
