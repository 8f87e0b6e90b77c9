/* SPDX-License-Identifier: MIT
 *
 * An adapter as a file that llama.cpp reads: docs/formats/adapter.md.
 */
#include <libtrain/lora/pair.h>

#include <stdlib.h>

/* The pair with the shapes that it has in a file. */
static struct tr_lora_pair in_file(const struct tr_lora_pair *p)
{
    struct tr_lora_pair f = *p;
    if (p->a0.name)
        tr__lora_set_rank(&f, 2 * p->rank);
    return f;
}

void tr_lora_declare(const struct tr_lora *l, struct tr_gguf_writer *g)
{
    float twice = tr_lora_apart_bytes(l) ? 2 : 1; /* as the ranks are */
    tr_gguf_set_f32(g, "adapter.lora.alpha", twice * l->alpha);
    for (size_t i = 0; i < l->n; i++) {
        struct tr_lora_pair f = in_file(&l->pair[i]);
        tr_gguf_add_tensor(g, f.a.name, &tr_f32, f.a.n_dim, f.a.dim);
        tr_gguf_add_tensor(g, f.b.name, &tr_f32, f.b.n_dim, f.b.dim);
    }
}

/* Of n rows of x, `by` times each, and behind it, if it has a name, the same of x0. */
static int write_rows(struct tr_gguf_writer *g, const struct tr_tensor *x, float by,
                      const struct tr_tensor *x0, float by0, int64_t n, struct tr_err *err)
{
    int64_t width = tr_tensor_count(x) / n, both = x0->name ? 2 * width : width;
    float *v = malloc((size_t)(n * both) * sizeof *v);
    if (!v)
        return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", x->name);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++) {
            v[i * both + j] = by * ((const float *)x->data)[i * width + j];
            if (x0->name)
                v[i * both + width + j] = by0 * ((const float *)x0->data)[i * width + j];
        }
    int rc = tr_gguf_write(g, v, n * both * (int64_t)sizeof *v, err);
    free(v);
    return rc;
}

int tr_lora_write(const struct tr_lora *l, struct tr_gguf_writer *g, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < l->n; i++) {
        const struct tr_lora_pair *p = &l->pair[i];
        int64_t n_matrix = p->a.n_dim > 2 ? p->a.dim[0] : 1;
        rc = write_rows(g, &p->a, 1, &p->a0, 1, n_matrix, err);
        if (!rc)
            rc = write_rows(g, &p->b, p->factor, &p->b0, -p->factor,
                            tr_tensor_count(&p->b) / p->rank, err);
    }
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
    tr_lora_declare(l, g);
    return tr_gguf_finish(g, tr_lora_write(l, g, err), err);
}
