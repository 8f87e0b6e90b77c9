/* SPDX-License-Identifier: MIT
 *
 * An adapter as a file that llama.cpp reads: docs/formats/adapter.md.
 */
#include <libtrain/lora/pair.h>

#include <stdlib.h>

static int write_tensor(struct tr_gguf_writer *g, const struct tr_tensor *t,
                        struct tr_err *err)
{
    return tr_gguf_write(g, t->data, tr_tensor_count(t) * (int64_t)sizeof(float), err);
}

float *tr_lora_folded(const float *b, int64_t n, float factor)
{
    float *v = malloc((size_t)n * sizeof *v);
    for (int64_t i = 0; v && i < n; i++)
        v[i] = b[i] * factor;
    return v;
}

static int write_b(struct tr_gguf_writer *g, const struct tr_lora_pair *p, struct tr_err *err)
{
    struct tr_tensor b = p->b;
    b.data = tr_lora_folded(b.data, tr_tensor_count(&b), p->factor);
    int rc = b.data ? write_tensor(g, &b, err)
                    : tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", b.name);
    free(b.data);
    return rc;
}

int tr_lora_save(const struct tr_lora *l, const struct tr_model *base, const char *path,
                 struct tr_err *err)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->pair[i].rows || l->pair[i].m.name)
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': %s of '%s' were trained, which no "
                              "file of an adapter has: gguf-export writes a model", path,
                              l->pair[i].rows ? "rows" : "magnitudes", l->pair[i].name);
    struct tr_gguf_writer *g = tr_gguf_create(path, err);
    if (!g)
        return err ? err->code : TR_EIO;
    tr_gguf_set_string(g, "general.architecture", tr_model_arch(base));
    tr_gguf_set_string(g, "general.type", "adapter");
    tr_gguf_set_string(g, "adapter.type", "lora");
    tr_gguf_set_base(g, tr_model_gguf(base));
    tr_gguf_set_f32(g, "adapter.lora.alpha", l->alpha);
    for (size_t i = 0; i < l->n; i++) {
        tr_gguf_add_tensor(g, l->pair[i].a.name, &tr_f32, l->pair[i].a.n_dim,
                           l->pair[i].a.dim);
        tr_gguf_add_tensor(g, l->pair[i].b.name, &tr_f32, l->pair[i].b.n_dim,
                           l->pair[i].b.dim);
    }
    int rc = 0;
    for (size_t i = 0; !rc && i < l->n; i++) {
        rc = write_tensor(g, &l->pair[i].a, err);
        if (!rc)
            rc = write_b(g, &l->pair[i], err);
    }
    return tr_gguf_finish(g, rc, err);
}
