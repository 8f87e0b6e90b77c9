/* SPDX-License-Identifier: MIT
 *
 * The importance matrix of a quantisation.  A matrix knows every tensor that text has gone
 * through; which of them it is used for is the user's to say.  Next: quantize.c.
 */
#include <libtrain/edit/mix.h>
#include <libtrain/edit/weights.h>
#include <libtrain/imatrix.h>

#include <stdio.h>
#include <string.h>

static int is_used(const struct tr__weights *w, const char *name)
{
    if (w->has_only && tr__regexes_find(&w->only, name) < 0)
        return 0;
    return tr__regexes_find(&w->except, name) < 0;
}

int tr__weights_begin(struct tr__weights *w, const struct tr_quantize_weights *args,
                      struct tr_err *err)
{
    const struct tr_imatrix_entry *e;
    *w = (struct tr__weights){ .im = args->imatrix, .has_only = args->n_only > 0 };
    int rc = tr__regexes_init(&w->only, args->only, args->n_only, sizeof *args->only, err);
    if (!rc)
        rc = tr__regexes_init(&w->except, args->except, args->n_except, sizeof *args->except,
                            err);
    for (size_t i = 0; !rc && w->im && (e = tr_imatrix_at(w->im, i)); i++)
        w->n += (size_t)is_used(w, e->name);
    if (!rc)
        rc = tr__regexes_error(&w->only, err);
    return rc ? rc : tr__regexes_error(&w->except, err);
}

/* Entries for tensors of g, used or not. */
static size_t n_of(const struct tr_gguf *g, const struct tr_imatrix *im)
{
    const struct tr_imatrix_entry *e;
    size_t n = 0;
    for (size_t i = 0; (e = tr_imatrix_at(im, i)); i++)
        n += tr_gguf_find_tensor(g, e->name) != NULL;
    return n;
}

int tr_quantize_weights_odd(const struct tr_gguf *g, const struct tr_quantize_weights *args,
                            char *line, size_t size, struct tr_err *err)
{
    struct tr__weights w;
    int rc = tr__weights_begin(&w, args, err);
    const char *idle = rc ? NULL : tr__regexes_idle(&w.only, 0);
    if (!rc && !idle)
        idle = tr__regexes_idle(&w.except, 0);
    const char *path = w.im ? tr_imatrix_info(w.im)->path : "";
    if (!rc && w.im && !n_of(g, w.im))
        rc = snprintf(line, size, "'%s' has weights for no tensor of '%s': it is of another "
                      "model, and nothing is weighted", path, tr_gguf_path(g)) > 0;
    else if (!rc && idle)
        rc = snprintf(line, size, "'%s' matches no entry of '%s'", idle, path) > 0;
    tr__weights_end(&w);
    return rc;
}

void tr__weights_end(struct tr__weights *w)
{
    tr__regexes_release(&w->only);
    tr__regexes_release(&w->except);
}

/* All dimensions above those of a matrix count: a tensor may have four. */
static int64_t n_matrix(const struct tr_gguf_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dim - 2; i++)
        n *= t->dim[i];
    return n;
}

const float *tr__weights_of(const struct tr__weights *w, const struct tr_gguf_tensor *t,
                            struct tr_err *err)
{
    int64_t n_mat = n_matrix(t);
    if (!w->n || !is_used(w, t->name))
        return NULL;
    /* Rows of a table of tokens are looked up, not multiplied. */
    int is_table = tr__kind_of(t->name) == TR__KIND_TOKENS;
    return tr_imatrix_find(w->im, t->name, tr_gguf_row(t), n_mat, is_table ? NULL : err);
}

/* llama.cpp has room for so many bytes of a value, with the 0 behind them. */
enum { VALUE = 128 };

static void set_string(struct tr_gguf_writer *to, const char *key, const char *text)
{
    char value[VALUE];
    snprintf(value, sizeof value, "%s", text);
    tr_gguf_unset(to, key);
    tr_gguf_set_string(to, key, value);
}

static void set_u32(struct tr_gguf_writer *to, const char *key, uint32_t value)
{
    tr_gguf_unset(to, key);
    tr_gguf_set_u32(to, key, value);
}

void tr__weights_keys(const struct tr__weights *w, struct tr_gguf_writer *to)
{
    if (!w->n)
        return;
    const struct tr_imatrix_info *info = tr_imatrix_info(w->im);
    set_string(to, "quantize.imatrix.file", info->path);
    if (info->n_dataset)
        set_string(to, "quantize.imatrix.dataset", info->dataset[0]);
    set_u32(to, "quantize.imatrix.entries_count", (uint32_t)w->n);
    if (info->n_chunk > 0)
        set_u32(to, "quantize.imatrix.chunks_count", (uint32_t)info->n_chunk);
}
