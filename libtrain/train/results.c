/* SPDX-License-Identifier: MIT
 *
 * What a run gives beside its checkpoint (checkpoint.c): the adapter as others read it, and
 * the gradients of a step, to compare them; and files whose names say the step.
 */
#include <libtrain/checkpoint.h>
#include <libtrain/train/run.h>

#include <stdio.h>
#include <string.h>

int tr_trainer_save_adapter(const struct tr_trainer *t, const char *path,
                            struct tr_err *err)
{
    int rc = tr__check_runs(t, err);
    if (rc)
        return rc;
    if (!t->lora)
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "a run that trains all weights has no adapter to save");
    for (size_t i = 0; i < t->params.n; i++)
        if (tr_gguf_find_tensor(tr_model_gguf(t->m), t->params.tensor[i]->name))
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': '%s' was trained in full, which no "
                              "file of an adapter has: gguf-export writes a model", path,
                              t->params.tensor[i]->name);
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

/* ---- names with the step in them -------------------------------------------------- */

typedef int save_function(const struct tr_trainer *t, const char *path, struct tr_err *err);

/* Save to `name` with `by` in place of every `word`. */
static int save_as(const struct tr_trainer *t, save_function *save, const char *name,
                   const char *word, const char *by, struct tr_err *err)
{
    char path[4096];
    size_t n = 0;
    for (const char *next; (next = strstr(name, word)); name = next + strlen(word)) {
        int part = snprintf(path + n, sizeof path - n, "%.*s%s", (int)(next - name), name, by);
        n += (size_t)part;
        if (n >= sizeof path)
            return tr_err_set(err, TR_EIO, "%s: the name is too long", name);
    }
    if ((size_t)snprintf(path + n, sizeof path - n, "%s", name) >= sizeof path - n)
        return tr_err_set(err, TR_EIO, "%s: the name is too long", name);
    return save(t, path, err);
}

static int save_named(const struct tr_trainer *t, const struct tr_train_hooks *h,
                      save_function *save, const char *name, struct tr_err *err)
{
    char number[24];
    const char *word = h->step_word;
    if (!name)
        return 0;
    if (!word || !*word || !strstr(name, word))
        return save(t, name, err);
    snprintf(number, sizeof number, "%lld", (long long)t->step);
    int rc = save_as(t, save, name, word, number, err);
    if (!rc && h->latest_word)
        rc = save_as(t, save, name, word, h->latest_word, err);
    return rc;
}

int tr__write_named(const struct tr_trainer *t, const struct tr_train_hooks *h,
                    struct tr_err *err)
{
    int rc = save_named(t, h, tr_trainer_save_adapter, h->lora_out, err);
    return rc ? rc : save_named(t, h, tr_trainer_save, h->checkpoint_out, err);
}
