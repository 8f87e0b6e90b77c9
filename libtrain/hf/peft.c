/* SPDX-License-Identifier: MIT
 *
 * A folder with an adapter, opened for a base, and written as an adapter of GGUF.  The
 * scale of most pairs is the file's; B carries what other pairs have beside it, since
 * llama.cpp knows one alpha for all.  Next: peft_config.c, peft_names.c, peft_changes.c.
 */
#include <libtrain/hf/peft.h>
#include <libtrain/lora/lora.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- opening ---------------------------------------------------------------------- */

static const struct {
    const char *name;
    int mlx;
} files[] = {
    { "adapter_model.safetensors", 0 },
    { "adapter_model.bin", 0 },
    { "adapters.safetensors", 1 },
};

static int open_folder(struct tr_peft *p, struct tr_err *err)
{
    size_t size = strlen(p->path) + 40;
    char *path = malloc(size);
    struct stat st;
    if (!path)
        return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", p->path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, size, "%s/%s", p->path, files[i].name);
        if (lstat(path, &st))
            continue;
        p->mlx = files[i].mlx;
        p->folder = tr__hf_open(path, err);
        free(path);
        return p->folder ? 0 : TR_EFORMAT;
    }
    free(path);
    if (stat(p->path, &st))
        return tr_err_sys(err, "cannot open '%s'", p->path);
    return tr_err_set(err, TR_EFORMAT, "'%s' is no folder with an adapter: there is none "
                      "of %s, %s, %s", p->path, files[0].name, files[1].name,
                      files[2].name);
}

static int open_all(struct tr_peft *p, struct tr_err *err)
{
    if (!p->path)
        return tr_err_set(err, TR_ENOMEM, "out of memory for an adapter");
    if (!(p->arch = tr__hf_of_gguf(p->g, err)))
        return TR_EUNSUPPORTED;
    int rc = tr__hf_sizes_of_gguf(p->g, &p->size, err);
    if (!rc)
        rc = open_folder(p, err);
    if (!rc)
        rc = tr__peft_config_read(&p->config, p->path, p->mlx, err);
    if (rc)
        return rc;
    p->names.folder = p->folder;
    rc = tr__peft_sort(&p->names, p->mlx, err);
    return rc ? rc : tr__peft_find_changes(p, err);
}

struct tr_peft *tr_peft_open(const char *folder, const struct tr_model *base,
                             struct tr_err *err)
{
    struct tr_peft *p = calloc(1, sizeof *p);
    if (!p) {
        tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", folder);
        return NULL;
    }
    p->path = strdup(folder);
    p->base = base;
    p->g = tr_model_gguf(base);
    if (!open_all(p, err))
        return p;
    tr_peft_close(p);
    return NULL;
}

void tr_peft_close(struct tr_peft *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_change; i++) {
        free((void *)(uintptr_t)p->change[i].name);
        free(p->change[i].link);
    }
    free(p->change);
    tr__peft_names_release(&p->names);
    tr__peft_config_release(&p->config);
    tr__hf_close(p->folder);
    free(p->path);
    free(p);
}

size_t tr_peft_n_pair(const struct tr_peft *p)
{
    return p->n_pair;
}

size_t tr_peft_n_whole(const struct tr_peft *p)
{
    return p->n_whole;
}

const char *tr_peft_beyond(const struct tr_peft *p)
{
    return *p->beyond ? p->beyond : NULL;
}

/* ---- writing ---------------------------------------------------------------------- */

float tr__peft_file_alpha(const struct tr_peft *p)
{
    const struct tr__peft_config *c = &p->config;
    double alpha = c->root ? c->alpha * sqrt((double)c->rank) : c->alpha;
    return alpha > 0 && isfinite((float)alpha) ? (float)alpha : 1;
}

static int take_pairs(const struct tr_peft *p, struct tr_lora *l, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < p->n_change; i++) {
        const struct tr__peft_change *c = &p->change[i];
        struct tr__peft_pair pair;
        if (!c->n_link)
            continue;
        rc = tr__peft_pair(p, c, l->alpha, &pair, err);
        if (!rc)
            rc = tr__lora_take(l, p->base, c->name, (int)c->rank, pair.a, pair.b, err);
    }
    return rc;
}

int tr_peft_write(const struct tr_peft *p, const char *path, struct tr_err *err)
{
    if (*p->beyond)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s' has %s, which an adapter in GGUF "
                          "cannot hold", p->path, p->beyond);
    struct tr_lora *l = tr__lora_make(p->n_pair, tr__peft_file_alpha(p), err);
    int rc = l ? take_pairs(p, l, err) : TR_ENOMEM;
    if (!rc)
        rc = tr_lora_save(l, p->base, path, err);
    tr_lora_free(l);
    return rc;
}
