/* SPDX-License-Identifier: MIT
 *
 * Base and adapter together, as a model: what no adapter's file can say becomes weights.
 * A pair adds s B A to its matrix; magnitudes m make of that, row by row,
 * m (W + s B A) / |W + s B A| (DoRA: Liu et al. 2024, equation 5, where the norm is that of
 * the weights of one output); a whole tensor stands in place of the base's.  One tensor is
 * in memory at a time, in slabs of rows.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/hf/peft.h>
#include <libtrain/hf/plan.h>
#include <libtrain/hf/vocab.h>
#include <libtrain/matmul/matmul.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLAB = 1 << 22 };

struct merge {
    const struct tr_peft *p;
    struct tr__slab slab;
    float *sum; // (SLAB)
    float alpha;
};

/* ---- rows of one tensor ----------------------------------------------------------- */

/* What a change needs beside its numbers. */
struct work {
    const struct tr__peft_change *c;
    struct tr__peft_pair pair;
    float *magnitude; // (n_out), or NULL
    struct tr__hf_made whole;       /* where that is; its name is NULL if it is nowhere */
    const struct tr__hf_tensor *at; /* in the folder */
    int64_t n_row, row;
};

static float *read_all(const struct tr_peft *p, const struct tr__hf_tensor *t,
                       struct tr_err *err)
{
    float *v = malloc((size_t)(t->count ? t->count : 1) * sizeof *v);
    void *raw = malloc((size_t)(t->count ? t->count : 1) * t->dtype->bytes);
    int rc = v && raw ? tr__hf_read(p->folder, t, 0, t->count, raw, err) :
             tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", t->name);
    if (!rc)
        t->dtype->to_f32(raw, v, t->count);
    free(raw);
    if (!rc)
        return v;
    free(v);
    return NULL;
}

/* Magnitudes are one for each output, in the folder's order. */
static int read_magnitudes(struct merge *m, struct work *w, struct tr_err *err)
{
    const struct tr__peft_link *l = w->c->link;
    const struct tr__hf_tensor *t = l->module->part[TR__PEFT_MAGNITUDE];
    if (!t)
        return 0;
    if (w->c->of->n_dim != 2 || tr__peft_is_table(w->c) || w->c->n_link != 1 ||
        t->count != w->n_row)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': DoRA of '%s' cannot be merged: it "
                          "is not one magnitude for each output of a matrix", m->p->path,
                          l->module->name);
    float *v = read_all(m->p, t, err);
    w->magnitude = v ? malloc((size_t)w->n_row * sizeof *v) : NULL;
    struct tr__hf_place p = { .size = &m->p->size, .name = l->found.name, .n_hf = 2,
                              .hf = { w->n_row, w->row, 1, 1 } };
    for (int64_t r = 0; w->magnitude && r < w->n_row; r++)
        w->magnitude[r] = v[tr__hf_row(&p, r)];
    free(v);
    return w->magnitude ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", t->name);
}

static int prepare(struct merge *m, struct work *w, struct tr_err *err)
{
    const struct tr__peft_change *c = w->c;
    w->row = tr_gguf_row(&c->is);
    w->n_row = tr_gguf_count(&c->is) / w->row;
    int rc = c->n_link ? tr__peft_pair(m->p, c, m->alpha, &w->pair, err) : 0;
    if (!rc && c->n_link)
        rc = read_magnitudes(m, w, err);
    if (rc || !c->whole)
        return rc;
    w->at = c->whole->t;
    w->whole = (struct tr__hf_made){
        .name = c->name, .n_from = 1, .from = &w->at,
        .place = { .size = &m->p->size, .name = c->whole_found.name,
                   .n_hf = w->at->n_dim } };
    memcpy(w->whole.place.hf, w->at->dim, sizeof w->whole.place.hf);
    tr__hf_shape(&w->whole.place);
    return 0;
}

static void release(struct work *w)
{
    free(w->pair.a);
    free(w->pair.b);
    free(w->magnitude);
}

/* Rows r0 … of what is to be changed, in f32. */
static int fetch(const struct merge *m, const struct work *w, int64_t r0, int64_t n,
                 struct tr_err *err)
{
    const struct tr_gguf_tensor *t = w->c->of;
    if (!w->whole.name) {
        t->dtype->to_f32((const char *)t->data + r0 * w->row / t->dtype->block *
                         t->dtype->bytes, m->sum, n * w->row);
        return 0;
    }
    int64_t each = w->row / tr__hf_columns(&w->whole); /* a vector may be rows of one */
    const struct tr_dtype *type = tr__hf_fetch_type(&w->whole);
    void *to = type == &tr_f32 ? (void *)m->sum : m->slab.packed;
    int rc = tr__hf_fetch(m->p->folder, &w->whole, r0 * each, n * each, to, err);
    if (!rc && type != &tr_f32)
        type->to_f32(to, m->sum, n * w->row);
    return rc;
}

/* sum (n, row) += scale * b a; of a table, whose pair stands the other way, a b^T. */
static void add_pair(const struct merge *m, const struct work *w, int64_t r0, int64_t n)
{
    int64_t rank = w->c->rank;
    float scale = m->alpha / (float)rank;
    if (tr__peft_is_table(w->c)) {
        tr__gemm_f32(&(struct tr__gemm){ 0, 1, n, w->row, rank, rank, rank, w->row, scale,
                                         1 }, w->pair.a + r0 * rank, w->pair.b, m->sum);
        return;
    }
    int64_t n_out = w->c->is.dim[w->c->is.n_dim - 2];
    float *to = m->sum;
    while (n > 0) { /* the rows may be those of several experts */
        int64_t left = n_out - r0 % n_out, k = n < left ? n : left;
        tr__gemm_f32(&(struct tr__gemm){ 0, 0, k, w->row, rank, rank, w->row, w->row, scale,
                                         1 }, w->pair.b + r0 * rank,
                     w->pair.a + r0 / n_out * rank * w->row, to);
        r0 += k;
        n -= k;
        to += k * w->row;
    }
}

static void scale_rows(const struct merge *m, const struct work *w, int64_t r0, int64_t n)
{
    for (int64_t r = 0; r < n; r++) {
        float *x = m->sum + r * w->row;
        double square = 0;
        for (int64_t i = 0; i < w->row; i++)
            square += (double)x[i] * (double)x[i];
        float factor = (float)((double)w->magnitude[r0 + r] / sqrt(square));
        for (int64_t i = 0; i < w->row; i++)
            x[i] *= factor;
    }
}

static int write_rows(struct merge *m, const struct work *w, struct tr_gguf_writer *to,
                      const struct tr_dtype *type, struct tr_err *err)
{
    int64_t step = SLAB / w->row;
    for (int64_t r0 = 0; r0 < w->n_row; r0 += step) {
        int64_t n = w->n_row - r0 < step ? w->n_row - r0 : step;
        if (fetch(m, w, r0, n, err))
            return err ? err->code : TR_EIO;
        if (w->c->n_link)
            add_pair(m, w, r0, n);
        if (w->magnitude)
            scale_rows(m, w, r0, n);
        struct tr__numbers x = { &w->c->is, r0 * w->row, n * w->row, &tr_f32, m->sum,
                                 NULL };
        if (tr__slab_write(&m->slab, to, &x, type, err))
            return tr_err_prefix(err, "base and adapter together");
    }
    tr_gguf_forget(m->p->g, w->c->of->data, w->c->of->bytes);
    return 0;
}

static int write_change(struct merge *m, const struct tr__peft_change *c,
                        struct tr_gguf_writer *to, const struct tr_dtype *type,
                        struct tr_err *err)
{
    struct work w = { .c = c };
    if (!type->from_f32 || tr_gguf_row(c->of) > SLAB)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' cannot be written as "
                          "%s: choose another type with -t", m->p->path, c->name,
                          type->name);
    int rc = prepare(m, &w, err);
    if (!rc)
        rc = write_rows(m, &w, to, type, err);
    release(&w);
    return rc;
}

/* ---- the file --------------------------------------------------------------------- */

static const struct tr__peft_change *change_at(const struct tr_peft *p, size_t at)
{
    for (size_t i = 0; i < p->n_change; i++)
        if (p->change[i].at == at)
            return &p->change[i];
    return NULL;
}

/* The entry of the tensor that a new output is made of. */
static const struct tr_recipe_entry *table_of(const struct tr_recipe *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->entry[i].tensor->name, "token_embd.weight"))
            return &r->entry[i];
    return NULL;
}

static int write_output(struct merge *m, struct tr_gguf_writer *w,
                        const struct tr_recipe *r, struct tr_err *err)
{
    const struct tr_recipe_entry *e = table_of(r);
    const struct tr__peft_change *c = change_at(m->p, tr_gguf_n_tensor(m->p->g));
    return c ? write_change(m, c, w, e->type, err) :
           tr__slab_copy(&m->slab, w, m->p->g, e->tensor, e->type, NULL, err);
}

static int write_all(struct merge *m, struct tr_gguf_writer *w, const struct tr_recipe *r,
                     struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < r->n; i++) {
        const struct tr_recipe_entry *e = &r->entry[i];
        size_t at = (size_t)(e->tensor - tr_gguf_tensor(m->p->g, 0));
        const struct tr__peft_change *c = change_at(m->p, at);
        rc = c && (c->n_link || c->whole) ? write_change(m, c, w, e->type, err) :
             tr__slab_copy(&m->slab, w, m->p->g, e->tensor, e->type, NULL, err);
    }
    return rc || !m->p->untie ? rc : write_output(m, w, r, err);
}

static void declare(const struct merge *m, const struct tr_recipe *r,
                    struct tr_gguf_writer *w)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_gguf_tensor *t = r->entry[i].tensor;
        const struct tr__peft_change *c =
            change_at(m->p, (size_t)(t - tr_gguf_tensor(m->p->g, 0)));
        t = c ? &c->is : t;
        tr_gguf_add_tensor(w, t->name, r->entry[i].type, t->n_dim, t->dim);
    }
    const struct tr__peft_change *c = change_at(m->p, tr_gguf_n_tensor(m->p->g));
    const struct tr_recipe_entry *e = table_of(r);
    if (m->p->untie)
        tr_gguf_add_tensor(w, "output.weight", e->type, e->tensor->n_dim,
                           c ? c->is.dim : e->tensor->dim);
}

/* Tables with more rows are of more tokens: those that the folder's tokenizer has. */
static int set_vocabulary(const struct tr_peft *p, struct tr_gguf_writer *w,
                          struct tr_err *err)
{
    char key[128], pre[64] = "";
    struct tr_str s = { "", 0 };
    struct tr__hf_vocab_options o = { .arch = p->arch->name, .rows = p->rows };
    snprintf(key, sizeof key, "%s.vocab_size", p->arch->name);
    if (tr_gguf_find_kv(p->g, key))
        tr_gguf_set_u32(w, key, (uint32_t)p->rows);
    if (!tr_gguf_find_kv(p->g, "tokenizer.ggml.tokens"))
        return 0;
    if (tr_gguf_string(p->g, "tokenizer.ggml.pre", &s, NULL) == 1 && s.len < sizeof pre) {
        memcpy(pre, s.ptr, s.len);
        o.pre = pre;
    }
    if (!tr__hf_vocab_set(w, p->path, &o, NULL, err))
        return 0;
    return tr_err_prefix(err, "the tables have %lld rows for the tokens of the folder's "
                         "tokenizer", (long long)p->rows);
}

static int write_model(struct merge *m, const struct tr_peft_merge_args *args,
                       const struct tr_recipe *r, const char *path, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return err ? err->code : TR_EIO;
    tr_gguf_set_all(w, m->p->g);
    tr_gguf_set_fine_tuned(w, m->p->g, args->name);
    tr_gguf_add_history(w, m->p->g, args->history);
    if (r->type && r->file_type >= 0)
        tr_gguf_set_u32(w, "general.file_type", (uint32_t)r->file_type);
    declare(m, r, w);
    tr_gguf_watch(w, &args->progress);
    int rc = m->p->rows ? set_vocabulary(m->p, w, err) : 0;
    return tr_gguf_finish(w, rc ? rc : write_all(m, w, r, err), err);
}

int tr_peft_merge(const struct tr_peft *p, const struct tr_peft_merge_args *args,
                  const char *path, struct tr_err *err)
{
    struct merge m = { .p = p, .sum = malloc(SLAB * sizeof *m.sum),
                       .alpha = tr__peft_file_alpha(p) };
    struct tr_recipe *r = tr_recipe_new(p->g, &args->recipe, err);
    int rc = r ? tr_recipe_check(r, 0, err) : TR_EUNSUPPORTED;
    if (!rc)
        rc = tr__gemm_ready(err);
    if (!rc && !m.sum)
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for rows of '%s'", path);
    if (!rc)
        rc = tr__slab_init(&m.slab, p->path, SLAB, TR__REFUSE, err);
    if (!rc)
        rc = write_model(&m, args, r, path, err);
    tr__slab_release(&m.slab);
    tr_recipe_free(r);
    free(m.sum);
    return rc;
}
