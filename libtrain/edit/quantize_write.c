/* SPDX-License-Identifier: MIT
 *
 * The writing of a model in other types, in one file or in as many as it is in: keys, then
 * slab after slab.  Next: slab.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/edit/edit.h>
#include <libtrain/edit/quantizing.h>
#include <libtrain/split.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SLAB = 1 << 20 }; /* numbers */

static void set_key(struct tr_gguf_writer *w, const struct tr_quantize_key *k)
{
    tr_gguf_unset(w, k->key);
    if (k->type == TR_GGUF_STRING)
        tr_gguf_set_string(w, k->key, k->string);
    else if (k->type == TR_GGUF_BOOL)
        tr_gguf_set_bool(w, k->key, k->boolean);
    else if (k->type == TR_GGUF_F32)
        tr_gguf_set_f32(w, k->key, k->f32);
    else
        tr_gguf_set_u32(w, k->key, k->u32);
}

/* Keys as llama-quantize leaves them: those that it sets go to the end. */
static void set_keys(const struct tr__quantizing *q, struct tr_gguf_writer *w)
{
    static const char *const dropped[] = {
        "split.no", "split.count", "split.tensors.count", "general.quantization_version",
        "general.file_type",
    };
    tr_gguf_set_all(w, q->g);
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        tr_gguf_unset(w, dropped[i]);
    tr_gguf_set_u32(w, "general.quantization_version", 2);
    if (q->recipe->file_type >= 0)
        tr_gguf_set_u32(w, "general.file_type", (uint32_t)q->recipe->file_type);
    for (size_t i = 0; i < q->args->n_key; i++)
        set_key(w, &q->args->key[i]);
    tr__weights_keys(q->weights, w);
    tr_gguf_add_history(w, q->g, q->args->history);
}

static void set_error(struct tr_quantize_error *to, const struct tr__loss *loss)
{
    double n = loss->n ? (double)loss->n : 1;
    *to = (struct tr_quantize_error){ loss->square / n, loss->power / n, loss->clipped };
}

/* llama-quantize drops slowest dimensions of 1. */
static void declare(struct tr_gguf_writer *w, const struct tr_recipe_entry *e)
{
    const struct tr_gguf_tensor *t = e->tensor;
    int skip = 0;
    while (skip < t->n_dim - 1 && t->dim[skip] == 1)
        skip++;
    tr_gguf_add_tensor(w, t->name, e->type, t->n_dim - skip, t->dim + skip);
}

/* Entries first … end - 1 of the recipe, which are all tensors of w. */
static int write_tensors(const struct tr__quantizing *q, struct tr_gguf_writer *w,
                         size_t first, size_t end, struct tr_err *err)
{
    struct tr__slab slab;
    enum tr__nonfinite nonfinite = q->args->allow_nonfinite ? TR__ALLOW : TR__MAY_ALLOW;
    int rc = tr__slab_init(&slab, tr_gguf_path(q->g), SLAB, nonfinite, err);
    for (size_t i = first; i < end; i++)
        declare(w, &q->recipe->entry[i]);
    for (size_t i = first; !rc && i < end; i++) {
        const struct tr_recipe_entry *e = &q->recipe->entry[i];
        struct tr__loss loss = { 0 };
        slab.loss = q->args->error ? &loss : NULL;
        rc = tr__slab_copy(&slab, w, q->g, e->tensor, e->type,
                           tr__weights_of(q->weights, e->tensor, NULL), err);
        if (q->args->error)
            set_error(&q->args->error[i], &loss);
    }
    tr__slab_release(&slab);
    return rc;
}

int tr__quantize_file(const struct tr__quantizing *q, const char *path, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return err ? err->code : TR_EIO;
    set_keys(q, w);
    tr_gguf_watch(w, &q->args->progress);
    return tr_gguf_finish(w, write_tensors(q, w, 0, q->recipe->n, err), err);
}

/* ==== parts ==== */

/* Progress of one part as a piece of all. */
struct whole {
    const struct tr_progress *told;
    int64_t before, total;
};

static void tell_whole(void *self, int64_t done, int64_t total)
{
    const struct whole *w = self;
    (void)total;
    tr__tell(w->told, w->before + done, w->total);
}

static int write_part(const struct tr__quantizing *q, struct tr_parts *p, size_t i,
                      size_t *first, struct whole *whole, struct tr_err *err)
{
    size_t end = *first, n = tr_gguf_n_part(q->g);
    int64_t bytes = 0;
    struct tr_gguf_writer *w = tr_parts_next(p, err);
    if (!w)
        return err ? err->code : TR_EIO;
    for (; end < q->recipe->n && q->recipe->entry[end].tensor->part == (int)i; end++)
        bytes += q->recipe->entry[end].bytes;
    if (!i)
        set_keys(q, w);
    if (n > 1)
        tr_parts_set_keys(p, 0);
    struct tr_progress piece = { tell_whole, whole };
    tr_gguf_watch(w, &piece);
    int rc = write_tensors(q, w, *first, end, err);
    *first = end;
    whole->before += bytes;
    return rc;
}

/* No part that is written is one that is read. */
static int check_part(const struct tr_gguf *g, const char *prefix, size_t i,
                      struct tr_err *err)
{
    char path[PATH_MAX];
    size_t n = tr_gguf_n_part(g);
    if (tr_gguf_part_name(path, sizeof path, prefix, (int64_t)i, (int64_t)n))
        return tr_err_set(err, TR_EIO, "'%s': the name is too long", prefix);
    return tr_parts_check(g, path, err);
}

static int write_parts(const struct tr__quantizing *q, const char *prefix,
                       struct tr_err *err)
{
    size_t n = tr_gguf_n_part(q->g), first = 0;
    struct whole whole = { &q->args->progress, 0, 0 };
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i++)
        rc = check_part(q->g, prefix, i, err);
    for (size_t i = 0; i < q->recipe->n; i++)
        whole.total += q->recipe->entry[i].bytes;
    struct tr_parts *p = rc ? NULL : tr_parts_new(prefix, (int64_t)n,
                                                  (int64_t)q->recipe->n, err);
    if (!p)
        return rc ? rc : TR_ENOMEM;
    for (size_t i = 0; !rc && i < n; i++)
        rc = write_part(q, p, i, &first, &whole, err);
    return tr_parts_finish(p, rc, err);
}

int tr__quantize_parts(const struct tr__quantizing *q, const char *path, struct tr_err *err)
{
    static const char suffix[] = ".gguf";
    size_t n = strlen(path), k = strlen(suffix);
    if (n > k && !strcmp(path + n - k, suffix))
        n -= k;
    char *prefix = strndup(path, n);
    if (!prefix)
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its parts", path);
    int rc = write_parts(q, prefix, err);
    free(prefix);
    return rc;
}
