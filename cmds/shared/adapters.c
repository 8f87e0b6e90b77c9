/* SPDX-License-Identifier: MIT
 *
 * Models and adapters as commands open them: what is odd in a file is said, and what must
 * not be together is refused before any work.  Next: libtrain/lora.h.
 */
#include "adapters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a model's file holds and nobody reads: how much, and the first of it. */
static void warn_unused(const struct tr_model *m, const char *what,
                        const char *(*unused)(const struct tr_model *m, size_t i))
{
    size_t n = 0;
    while (unused(m, n))
        n++;
    if (n)
        cmd_warn("%s: %zu %s not known and left out, the first is '%s'",
                 tr_gguf_path(tr_model_gguf(m)), n, what, unused(m, 0));
}

static void warn_ahead(const struct tr_model *m)
{
    const struct tr_config *c = tr_model_config(m);
    if (c->n_ahead)
        cmd_warn("%s: blocks from %lld on only predict further ahead and are neither run "
                 "nor trained",
                 tr_gguf_path(tr_model_gguf(m)), (long long)c->n_layer);
}

struct tr_model *cmd_open_model(const char *path, struct tr_err *err)
{
    struct tr_model *m = tr_model_open(path, err);
    if (!m)
        return NULL;
    const char *text;
    for (size_t i = 0; (text = tr_gguf_warning(tr_model_gguf(m), i)); i++)
        cmd_warn("%s", text);
    warn_ahead(m);
    warn_unused(m, "tensors are", tr_model_unused_tensor);
    warn_unused(m, "keys of its architecture are", tr_model_unused_key);
    return m;
}

enum { MAX_SCALE = 10000 };

const char *cmd_cut_number(char *text)
{
    char *colon = strrchr(text, ':'), *end;
    if (!colon || !colon[1] || !isfinite(strtod(colon + 1, &end)) || *end)
        return NULL;
    *colon = '\0';
    return colon + 1;
}

/* What follows from a check of the base: `other` what it returned, `same` what it said. */
static int judge(int other, int same, const char *path, int force, const struct tr_err *why,
                 struct tr_err *err)
{
    if (other && !force)
        return tr_err_set(err, other, "'%s': %s; --force takes it all the same", path,
                          why->text);
    if (other)
        cmd_warn("'%s': %s", path, why->text);
    else if (!same)
        cmd_say("'%s' was trained on another file of this model", path);
    return 0;
}

int cmd_check_file(const char *path, const struct tr_gguf *base, int force, struct tr_err *err)
{
    struct tr_err why = { 0 };
    int same = 0;
    struct tr_gguf *g = tr_gguf_open(path, err);
    if (!g)
        return err->code;
    int rc = tr_lora_check_file(g, base, &same, &why);
    tr_gguf_close(g);
    return judge(rc, same, path, force, &why, err);
}

/* Is the adapter for this model?  An older one, of which nothing but the file that it was
 * trained on is known, is refused only where that matters most, if `strict`. */
static int check_base(struct tr_lora *l, const char *path, const struct tr_model *base,
                      int strict, int force, struct tr_err *err)
{
    struct tr_err why = { 0 };
    int same, other = tr_lora_check_base(l, base, &same, &why), old = l->base_sketch[0] == 0;
    int rc = judge(other, same, path, force || (!strict && old), &why, err);
    if (!rc && other)
        l->base_hash = 0; /* or attaching would refuse it */
    return rc;
}

static struct tr_lora *open_checked(const char *path, const struct tr_model *base, int strict,
                                    int force, struct tr_err *err)
{
    struct tr_lora *l = tr_lora_open(path, base, err);
    if (l && l->warning)
        cmd_warn("%s: %s", path, l->warning);
    if (!l || !check_base(l, path, base, strict, force, err))
        return l;
    tr_lora_free(l);
    return NULL;
}

struct tr_lora *cmd_open_adapter(const char *path, const struct tr_model *base, int force,
                                 struct tr_err *err)
{
    return open_checked(path, base, 1, force, err);
}

static int open_one(struct cmd_adapters *a, const char *text, const struct tr_model *base,
                    int strict, int force, struct tr_err *err)
{
    char *path = strdup(text);
    if (!path)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its name", text);
    const char *scale = cmd_cut_number(path);
    a->scale[a->n] = scale ? strtof(scale, NULL) : 1;
    if (fabsf(a->scale[a->n]) > MAX_SCALE)
        tr_err_set(err, TR_EINVAL, "adapter '%s': its scale must be from -%d to %d", text,
                   MAX_SCALE, MAX_SCALE);
    else if ((a->lora[a->n] = open_checked(path, base, strict, force, err)))
        a->n++;
    free(path);
    return err->code;
}

static int open_all(struct cmd_adapters *a, const struct cmd_list *list,
                    const struct tr_model *base, int strict, int force, struct tr_err *err)
{
    a->lora = calloc(list->n + 1, sizeof *a->lora);
    a->scale = calloc(list->n + 1, sizeof *a->scale);
    if (!a->lora || !a->scale)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu adapters", list->n);
    for (size_t i = 0; i < list->n; i++)
        if (open_one(a, list->item[i], base, strict, force, err))
            return err->code;
    return 0;
}

int cmd_adapters_open(struct cmd_adapters *a, const struct cmd_list *list,
                      const struct tr_model *base, int force, struct tr_err *err)
{
    return open_all(a, list, base, 1, force, err);
}

int cmd_adapters_attach(struct cmd_adapters *a, const struct cmd_list *list,
                        struct tr_model *m, int force, struct tr_err *err)
{
    int rc = open_all(a, list, m, 0, force, err);
    for (size_t i = 0; !rc && i < a->n; i++)
        rc = tr_lora_attach(a->lora[i], m, a->scale[i], err);
    return rc;
}

void cmd_adapters_release(struct cmd_adapters *a)
{
    for (size_t i = 0; i < a->n; i++)
        tr_lora_free(a->lora[i]);
    free(a->lora);
    free(a->scale);
}
