/* SPDX-License-Identifier: MIT
 *
 * What a run gives beside its checkpoint (checkpoint.c): the adapter as others read it, and
 * the gradients of a step, to compare them.
 */
#include <libtrain/checkpoint.h>
#include <libtrain/train/run.h>

int tr_trainer_save_adapter(const struct tr_trainer *t, const char *path,
                            struct tr_err *err)
{
    int rc = tr__check_runs(t, err);
    if (rc)
        return rc;
    if (!t->lora)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "a run that trains all weights has no adapter to save");
    return tr_lora_save(t->lora, t->m, path, err);
}

int tr_trainer_dump_grads(const struct tr_trainer *t, const char *path, struct tr_err *err)
{
    const struct tr_params *p = &t->params;
    int rc = tr__check_runs(t, err);
    if (rc)
        return rc;
    if (p->grads_in_step)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "after a fused step there are no gradients to write");
    struct tr_gguf_writer *g = tr_gguf_create(path, err);
    if (!g)
        return err ? err->code : TR_EIO;
    tr_gguf_set_string(g, "general.architecture", tr_model_arch(t->m));
    tr_gguf_set_string(g, "general.type", "gradients");
    for (size_t i = 0; i < p->n; i++)
        tr_gguf_add_tensor(g, p->tensor[i]->name, &tr_f32, p->tensor[i]->n_dim,
                           p->tensor[i]->dim);
    for (size_t i = 0; !rc && i < p->n; i++)
        rc = tr_gguf_write(g, p->tensor[i]->grad,
                           tr_tensor_count(p->tensor[i]) * (int64_t)sizeof(float), err);
    return tr_gguf_finish(g, rc, err);
}
