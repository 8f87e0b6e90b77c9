/* SPDX-License-Identifier: MIT
 *
 * An adapter as a file that llama.cpp reads: docs/formats/adapter.md.
 */
#include <libtrain/lora/pair.h>

static int write_tensor(struct tr_gguf_writer *g, const struct tr_tensor *t,
                        struct tr_err *err)
{
    return tr_gguf_write(g, t->data, tr_tensor_count(t) * (int64_t)sizeof(float), err);
}

int tr_lora_save(const struct tr_lora *l, const struct tr_model *base, const char *path,
                 struct tr_err *err)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->pair[i].rows)
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': rows of '%s' were trained, which no "
                              "file of an adapter has: gguf-export writes a model", path,
                              l->pair[i].name);
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
            rc = write_tensor(g, &l->pair[i].b, err);
    }
    return tr_gguf_finish(g, rc, err);
}
