/* SPDX-License-Identifier: MIT
 *
 * A checkpoint without what only training needs.  An adapter is written as its run would write it,
 * f32; a whole model in the types of its base, through the converter of edit/.
 * Bytes: docs/formats/.
 */
#include <libtrain/checkpoint.h>
#include <libtrain/edit/edit.h>
#include <libtrain/export.h>
#include <libtrain/lora.h>
#include <libtrain/merge.h>
#include <libtrain/model/model.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { SLAB = 1 << 20 };

/* 1 if an adapter was trained, 0 if the whole model, or an error. */
static int is_adapter(const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_str method = { "", 0 };
    int found = tr_gguf_string(g, "checkpoint.method", &method, err);
    return found < 0 ? found : tr_str_is(method, "lora");
}

static int check_base(const struct tr_gguf *g, const struct tr_model *base,
                      struct tr_err *err)
{
    uint64_t hash = 0;
    int found = tr_gguf_read_hash(g, "libtrain.base_hash", &hash, err);
    if (found < 0 || hash == tr_model_hash(base))
        return found < 0 ? found : 0;
    return tr_err_set(err, TR_EMISMATCH, "%s: was trained on another base than '%s'",
                      tr_gguf_path(g), tr_gguf_path(tr_model_gguf(base)));
}

/* ==== an adapter ==== */

static int set_adapter_keys(struct tr_gguf_writer *w, const struct tr_gguf *g,
                            const struct tr_model *base, const struct tr_lora *l,
                            struct tr_err *err)
{
    const struct tr_gguf_kv *hash = tr_gguf_find_kv(g, "libtrain.base_hash");
    if (!tr_gguf_find_kv(g, "adapter.lora.alpha"))
        return tr_err_set(err, TR_EFORMAT, "%s: key 'adapter.lora.alpha' is missing",
                          tr_gguf_path(g));
    tr_gguf_set_string(w, "general.architecture", tr_model_arch(base));
    tr_gguf_set_string(w, "general.type", "adapter");
    tr_gguf_set_string(w, "adapter.type", "lora");
    tr_gguf_set_base(w, tr_model_gguf(base));
    tr_lora_declare(l, w);
    if (hash)
        tr_gguf_set_kv(w, hash);
    return 0;
}

static int write_adapter(struct tr_gguf_writer *w, const struct tr_gguf *g,
                         const struct tr_model *base, const struct tr_export_args *args,
                         struct tr_err *err)
{
    const char *chat = args->chat_template;
    struct tr_lora *l = tr_lora_open_checkpoint(g, base, err);
    int rc = l ? set_adapter_keys(w, g, base, l, err) : TR_EFORMAT;
    if (args->name)
        tr_gguf_set_string(w, "general.name", args->name);
    if (chat)
        tr_gguf_set_hash(w, "libtrain.chat_template_hash", XXH3_64bits(chat, strlen(chat)));
    if (!rc)
        rc = tr_lora_write(l, w, err);
    tr_lora_free(l);
    return rc;
}

/* What must be the same for a run to go on is also what says how a model was made: the
 * caller's to free; NULL with an error, or if nobody wants it. */
static char *history_of(const struct tr_gguf *g, const struct tr_export_args *args,
                        struct tr_err *err)
{
    struct tr_str text = { "", 0 };
    int64_t step = 0;
    if (args->no_history || tr_gguf_string(g, "checkpoint.arguments", &text, err) < 0 ||
        tr_gguf_int(g, "checkpoint.step", &step, err) < 0)
        return NULL;
    char *line = malloc(text.len + 64);
    if (!line) {
        tr_err_set(err, TR_ENOMEM, "%s: out of memory for its arguments", tr_gguf_path(g));
        return NULL;
    }
    int n = sprintf(line, "train step=%lld ", (long long)step);
    for (size_t i = 0; i < text.len; i++)
        line[n++] = text.ptr[i] == '\n' ? ' ' : text.ptr[i];
    line[line[n - 1] == ' ' ? n - 1 : n] = '\0';
    return line;
}

/* ==== a whole model ==== */

/* A tensor that was not trained, as it is; a message names the base. */
static int write_untrained(const struct tr__slab *slab, struct tr_gguf_writer *w,
                           const struct tr_gguf *base, const struct tr_gguf_tensor *t,
                           struct tr_err *err)
{
    struct tr__slab of_base = *slab;
    of_base.path = tr_gguf_path(base);
    return tr__slab_copy(&of_base, w, base, t, t->dtype, NULL, err);
}

/* One tensor of the base, as it was trained if it was. */
static int write_weight(struct tr__slab *slab, struct tr_gguf_writer *w,
                        const struct tr_gguf *g, const struct tr_gguf *base,
                        const struct tr_gguf_tensor *of_base, struct tr_err *err)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(g, of_base->name);
    if (!t)
        return write_untrained(slab, w, base, of_base, err);
    if (!t->dtype->to_f32 || t->dtype->block > 1 || !of_base->dtype->from_f32 ||
        tr_gguf_count(t) != tr_gguf_count(of_base))
        return tr_err_set(err, TR_EMISMATCH, "%s: tensor '%s' does not fit the base",
                          tr_gguf_path(g), t->name);
    return tr__slab_copy(slab, w, g, t, of_base->dtype, NULL, err);
}

static int write_model(struct tr_gguf_writer *w, const struct tr_gguf *g,
                       const struct tr_model *base, const struct tr_export_args *args,
                       struct tr_err *err)
{
    const struct tr_gguf *b = tr_model_gguf(base);
    struct tr__slab slab;
    int rc = tr__slab_init(&slab, tr_gguf_path(g), SLAB, TR__REFUSE, err);
    tr_gguf_set_all(w, b);
    tr_gguf_set_fine_tuned(w, b, args->name);
    if (args->chat_template)
        tr_gguf_set_string(w, "tokenizer.chat_template", args->chat_template);
    char *line = rc ? NULL : history_of(g, args, err);
    if (!rc && !line && !args->no_history)
        rc = TR_EFORMAT;
    tr_gguf_add_history(w, b, line);
    free(line);
    for (size_t i = 0; i < tr_gguf_n_tensor(b); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(b, i);
        tr_gguf_add_tensor(w, t->name, t->dtype, t->n_dim, t->dim);
    }
    for (size_t i = 0; !rc && i < tr_gguf_n_tensor(b); i++)
        rc = write_weight(&slab, w, g, b, tr_gguf_tensor(b, i), err);
    tr__slab_release(&slab);
    return rc;
}

/* ==== an adapter with rows of tokens, magnitudes or whole weights ==== */

static int is_for_a_model(const struct tr_gguf *g, const struct tr_gguf *base)
{
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        if (tr_lora_is_rows(tr_gguf_tensor(g, i)->name) ||
            tr_lora_is_magnitudes(tr_gguf_tensor(g, i)->name) ||
            tr_gguf_find_tensor(base, tr_gguf_tensor(g, i)->name))
            return 1;
    return 0;
}

/* Only a model has a place for them, so it is merged. */
static int merge(const struct tr_gguf *g, const struct tr_model *base,
                      const struct tr_export_args *args, const char *path, struct tr_err *err)
{
    float scale = 1;
    struct tr_merge_stats stats;
    struct tr_lora *l = tr_lora_open_checkpoint(g, base, err);
    char *line = l ? history_of(g, args, err) : NULL;
    struct tr_merge_args how = { .n = 1, .lora = &l, .instead = g, .scale = &scale, .name = args->name,
                                   .chat_template = args->chat_template, .history = line,
                                   .progress = args->progress };
    int wrong = !l || (!line && !args->no_history);
    struct tr_recipe *recipe = wrong ? NULL : tr_merge_recipe(base, &how, err);
    int rc = recipe ? tr_merge(base, recipe, &how, path, &stats, err) : TR_EFORMAT;
    tr_recipe_free(recipe);
    tr_lora_free(l);
    free(line);
    return rc;
}

int tr_export(const struct tr_gguf *checkpoint, const struct tr_model *base,
              const struct tr_export_args *args, const char *path, struct tr_err *err)
{
    int adapter, rc;
    if ((rc = tr_checkpoint_check(checkpoint, err)) ||
        (rc = tr_gguf_check(checkpoint, err)) || (rc = check_base(checkpoint, base, err)))
        return rc;
    if ((adapter = is_adapter(checkpoint, err)) < 0)
        return adapter;
    if (adapter && is_for_a_model(checkpoint, tr_model_gguf(base)))
        return merge(checkpoint, base, args, path, err);
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return err ? err->code : TR_EIO;
    tr_gguf_watch(w, &args->progress);
    rc = adapter ? write_adapter(w, checkpoint, base, args, err)
                 : write_model(w, checkpoint, base, args, err);
    return tr_gguf_finish(w, rc, err);
}
