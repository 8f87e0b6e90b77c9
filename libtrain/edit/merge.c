/* SPDX-License-Identifier: MIT
 *
 * Adapters into the weights of their base: one tensor at a time, in slabs of rows: unpacked
 * to f32, the adapters' products added, packed again.  What was lost in packing is measured
 * on the way, since an adapter may change less than a type of four bits can say.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/edit/merge_change.h>
#include <libtrain/matmul/matmul.h>
#include <libtrain/merge.h>
#include <libtrain/model/model.h>

#include <stdlib.h>
#include <string.h>

enum { SLAB = 1 << 22 };

struct merge {
    const struct tr_merge_args *args;
    const struct tr_model *base;
    const struct tr_gguf *g; /* its file */
    struct tr__slab slab;
    float *sum, *change; // (SLAB) what is to be written, and what of it is new
    struct tr_merge_stats stats;
};

static int is_touched(const struct tr_merge_args *args, const char *name)
{
    for (size_t i = 0; i < args->n; i++)
        if (tr_lora_has(args->lora[i], name))
            return 1;
    return 0;
}

/* What is touched is written anew, row by row. */
static int check_touched(const struct tr_recipe_entry *e, const char *path,
                         struct tr_err *err)
{
    const struct tr_gguf_tensor *t = e->tensor;
    if (!e->type->from_f32)
        return tr_err_set(err, TR_EUNSUPPORTED, "%s: tensor '%s' is %s, a type that cannot "
                          "be written: choose one with -t", path, t->name, e->type->name);
    if (tr_gguf_row(t) > SLAB)
        return tr_err_set(err, TR_EUNSUPPORTED, "%s: tensor '%s': rows of %lld numbers",
                          path, t->name, (long long)tr_gguf_row(t));
    return 0;
}

/* Of the experts whose last matrices these are, one each; NULL: they have none.  They
 * multiply what the base gives and not what adapters add (model/project.c). */
static const struct tr_tensor *factors_of(const struct tr_model *base, const char *name)
{
    const struct tr_weight *w = tr__weight_find(base, name);
    if (!w || w->slot != &tr__slots[TR_DOWN_EXPERTS])
        return NULL;
    w = tr__weight(base, tr_gguf_block(name, NULL), TR_EXPERT_FACTOR);
    return w->t.data ? &w->t : NULL;
}

/* Whatever is added to the matrix of an expert whose factor is 0, nothing comes of it. */
static int check_factors(const struct tr_model *base, const char *name, struct tr_err *err)
{
    const struct tr_tensor *f = factors_of(base, name);
    for (int64_t e = 0; f && e < tr_tensor_count(f); e++)
        if (((const float *)f->data)[e] == 0)
            return tr_err_set(err, TR_EUNSUPPORTED, "%s: tensor '%s': the factor of expert "
                              "%lld is 0, so what an adapter adds to it cannot be merged",
                              tr_gguf_path(tr_model_gguf(base)), f->name, (long long)e);
    return 0;
}

struct tr_recipe *tr_merge_recipe(const struct tr_model *base,
                                  const struct tr_merge_args *args, struct tr_err *err)
{
    const struct tr_gguf *g = tr_model_gguf(base);
    struct tr_recipe *r = tr_recipe_new(g, &args->recipe, err);
    if (r && tr_recipe_check(r, 0, err)) {
        tr_recipe_free(r);
        return NULL;
    }
    for (size_t i = 0; r && i < r->n; i++)
        if (is_touched(args, r->entry[i].tensor->name) &&
            (check_touched(&r->entry[i], tr_gguf_path(g), err) ||
             check_factors(base, r->entry[i].tensor->name, err))) {
            tr_recipe_free(r);
            return NULL;
        }
    return r;
}

static void divide_by_factors(struct merge *m, const struct tr_gguf_tensor *t, int64_t r0,
                              int64_t rows)
{
    const struct tr_tensor *f = factors_of(m->base, t->name);
    int64_t k = tr_gguf_row(t);
    for (int64_t r = 0; f && r < rows; r++) {
        int64_t expert = (r0 + r) / t->dim[1];
        for (int64_t j = 0; j < k; j++)
            m->change[r * k + j] /= ((const float *)f->data)[expert];
    }
}

/* m->change = what the adapters add to these rows. */
static void compute_change(struct merge *m, const struct tr_gguf_tensor *t, int64_t r0,
                           int64_t rows)
{
    memset(m->change, 0, (size_t)(rows * tr_gguf_row(t)) * sizeof *m->change);
    for (size_t i = 0; i < m->args->n; i++)
        tr_lora_add_to(m->args->lora[i], t->name, m->args->scale[i], r0, rows, m->change);
    divide_by_factors(m, t, r0, rows);
}

/* m->sum = these rows of base and adapters. */
static void compute_sum(struct merge *m, const struct tr_gguf_tensor *t, int64_t r0,
                        int64_t rows)
{
    int64_t n = rows * tr_gguf_row(t);
    int64_t first = r0 * tr_gguf_row(t) / t->dtype->block * t->dtype->bytes;
    t->dtype->to_f32((const char *)t->data + first, m->sum, n);
    compute_change(m, t, r0, rows);
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++)
        m->sum[i] += m->change[i];
    for (size_t i = 0; i < m->args->n; i++)
        tr_lora_size(m->args->lora[i], t->name, r0, rows, m->sum);
}

/* Rows from r0 on that no adapter changes, if they keep their type: they keep their bytes. */
static int64_t same_rows(const struct merge *m, const struct tr_gguf_tensor *t,
                         const struct tr_dtype *type, int64_t r0, int64_t most)
{
    int64_t same = type == t->dtype ? most : 0;
    for (size_t i = 0; i < m->args->n; i++) {
        int64_t n = tr_lora_same_rows(m->args->lora[i], t->name, r0);
        same = n < same ? n : same;
    }
    return same;
}

static int write_same(struct merge *m, struct tr_gguf_writer *w,
                      const struct tr_gguf_tensor *t, int64_t r0, int64_t rows,
                      struct tr_err *err)
{
    int64_t bytes = tr_gguf_row(t) / t->dtype->block * t->dtype->bytes;
    const char *from = (const char *)t->data + r0 * bytes;
    int rc = tr_gguf_write(w, from, rows * bytes, err);
    tr_gguf_forget(m->g, from, rows * bytes);
    return rc;
}

static int write_touched(struct merge *m, struct tr_gguf_writer *w,
                         const struct tr_gguf_tensor *t, const struct tr_dtype *type,
                         struct tr_merge_change *c, struct tr_err *err)
{
    int64_t k = tr_gguf_row(t), step = SLAB / k, n_row = tr_gguf_count(t) / k;
    for (int64_t r0 = 0, rows; r0 < n_row; r0 += rows) {
        rows = n_row - r0 < step ? n_row - r0 : step;
        int64_t same = same_rows(m, t, type, r0, rows);
        if (same && write_same(m, w, t, r0, same, err))
            return -1;
        if (same) {
            rows = same;
            continue;
        }
        compute_sum(m, t, r0, rows);
        struct tr__numbers x = { t, r0 * k, rows * k, &tr_f32, m->sum, NULL };
        if (tr__slab_write(&m->slab, w, &x, type, err)) {
            tr_err_prefix(err, "base and adapters together");
            return -1;
        }
        tr__change_add(c, &(struct tr__changed){ rows * k, k, m->change, m->sum,
                                                 m->slab.packed, type });
    }
    tr_gguf_forget(m->g, t->data, t->bytes);
    m->stats.n_touched++;
    m->stats.n_drowned += c->change < c->lost;
    return 0;
}

/* What no adapter changes: the base's, or what stands for it. */
static int write_whole(struct merge *m, struct tr_gguf_writer *w,
                       const struct tr_recipe_entry *e, struct tr_err *err)
{
    const struct tr_gguf *g = m->args->instead;
    const struct tr_gguf_tensor *t = g ? tr_gguf_find_tensor(g, e->tensor->name) : NULL;
    if (!t)
        return tr__slab_copy(&m->slab, w, m->g, e->tensor, e->type, NULL, err);
    if (tr_gguf_count(t) != tr_gguf_count(e->tensor) || !e->type->from_f32)
        return tr_err_set(err, TR_EMISMATCH, "%s: tensor '%s' does not fit the base",
                          tr_gguf_path(g), t->name);
    return tr__slab_copy(&m->slab, w, g, t, e->type, NULL, err);
}

static int write_all(struct merge *m, struct tr_gguf_writer *w,
                     const struct tr_recipe *recipe, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < recipe->n; i++) {
        const struct tr_recipe_entry *e = &recipe->entry[i];
        struct tr_merge_change own = { 0 };
        struct tr_merge_change *c = m->args->change ? &m->args->change[i] : &own;
        rc = is_touched(m->args, e->tensor->name)
                 ? write_touched(m, w, e->tensor, e->type, c, err)
                 : write_whole(m, w, e, err);
    }
    return rc;
}

static int write_model(struct merge *m, const struct tr_recipe *recipe, const char *path,
                       struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return err ? err->code : TR_EIO;
    tr_gguf_set_all(w, m->g);
    tr_gguf_set_fine_tuned(w, m->g, m->args->name);
    tr_gguf_add_history(w, m->g, m->args->history);
    if (m->args->chat_template)
        tr_gguf_set_string(w, "tokenizer.chat_template", m->args->chat_template);
    if (recipe->type && recipe->file_type >= 0)
        tr_gguf_set_u32(w, "general.file_type", (uint32_t)recipe->file_type);
    tr__recipe_declare(recipe, w);
    tr_gguf_watch(w, &m->args->progress);
    return tr_gguf_finish(w, write_all(m, w, recipe, err), err);
}

int tr_merge(const struct tr_model *base, const struct tr_recipe *recipe,
             const struct tr_merge_args *args, const char *path,
             struct tr_merge_stats *stats, struct tr_err *err)
{
    struct merge m = { .args = args, .base = base, .g = tr_model_gguf(base) };
    enum tr__nonfinite nonfinite = args->allow_nonfinite ? TR__ALLOW : TR__MAY_ALLOW;
    int rc = args->allow_nonfinite ? 0 : tr_gguf_check(m.g, err);
    if (!rc)
        rc = tr__gemm_ready(err);
    m.sum = malloc(SLAB * sizeof *m.sum);
    m.change = malloc(SLAB * sizeof *m.change);
    if (!rc && (!m.sum || !m.change))
        rc = tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %d numbers of a tensor",
                        tr_gguf_path(m.g), SLAB);
    if (!rc)
        rc = tr__slab_init(&m.slab, tr_gguf_path(m.g), SLAB, nonfinite, err);
    if (!rc)
        rc = write_model(&m, recipe, path, err);
    tr__slab_release(&m.slab);
    free(m.sum);
    free(m.change);
    *stats = m.stats;
    return rc;
}
