/* SPDX-License-Identifier: MIT
 *
 * A model is an open GGUF with a meaning: opening checks what the file is, what it says of
 * itself (config.c, keys.c) and what it holds (weights.c), in this order, so that the first
 * thing that is wrong is also the first that a reader would want to know.  What runs it is
 * decoder.c.
 */
#include <libtrain/model/model.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int find_arch(struct tr_model *m, struct tr_err *err)
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
    return 0;
}

static int read_config(struct tr_model *m, struct tr_err *err)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(m->g, "token_embd.weight");
    if (!t)
        return tr_err_set(err, TR_EFORMAT, "%s: tensor 'token_embd.weight' is missing",
                          tr_gguf_path(m->g));
    return tr__config_read(m->g, m->arch, t->n_dim > 1 ? t->dim[t->n_dim - 2] : 1,
                           &m->config, err);
}

/* Fill m, whose g is set. */
static int load(struct tr_model *m, struct tr_err *err)
{
    int rc;
    if ((rc = tr_gguf_expect_model(m->g, err)) || (rc = find_arch(m, err)) ||
        (rc = tr__keys_check(m->g, m->arch, err)) || (rc = read_config(m, err)) ||
        (rc = check_vocabulary(m->g, &m->config, err)))
        return rc;
    m->n_weight = TR_N_GLOBAL + (size_t)m->config.n_layer * TR_N_BLOCK;
    m->weight = calloc(m->n_weight, sizeof *m->weight);
    m->balance_loss = calloc((size_t)m->config.n_layer, sizeof *m->balance_loss);
    if (!m->weight || !m->balance_loss)
        return tr_err_set(err, TR_ENOMEM, "%s: out of memory for %zu weights",
                          tr_gguf_path(m->g), m->n_weight);
    rc = tr__bind(m, err);
    return rc ? rc : tr__rope_init(m, err);
}

static void unload(struct tr_model *m)
{
    for (size_t i = 0; m->weight && i < m->n_weight; i++)
        while (m->weight[i].delta) {
            struct tr_delta *d = m->weight[i].delta;
            m->weight[i].delta = d->next;
            free(d);
        }
    tr__rope_free(m);
    tr__config_free(&m->config);
    free(m->weight);
    free(m->balance_loss);
    free(m->unused_tensor);
    free(m->unused_key);
}

struct tr_model *tr_model_open(const char *path, struct tr_err *err)
{
    struct tr_model *m = calloc(1, sizeof *m);
    if (!m) {
        tr_err_set(err, TR_ENOMEM, "%s: out of memory for a model", path);
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
    return i < m->n_unused_tensor ? m->unused_tensor[i] : NULL;
}

const char *tr_model_unused_key(const struct tr_model *m, size_t i)
{
    return i < m->n_unused_key ? m->unused_key[i] : NULL;
}

const struct tr_config *tr_model_config(const struct tr_model *m)
{
    return &m->config;
}

const char *tr_layer_kind(const struct tr_layer *l)
{
    return l->mixer->name;
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
    for (size_t i = 0; i < m->n_weight; i++) {
        const struct tr_slot *slot = m->weight[i].slot;
        m->weight[i].t.products = slot && slot->router ? NULL : p->products;
    }
    m->attention_bf16 = p->attention_bf16;
}

uint64_t tr_model_hash(const struct tr_model *m)
{
    return tr_gguf_hash(m->g);
}
