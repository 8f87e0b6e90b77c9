/* SPDX-License-Identifier: MIT
 *
 * Several models to one, tensor by tensor, in slabs of whole rows that are unpacked from every
 * file.  What is done with the numbers is the method's (method.h), which may first
 * look over the whole tensor.  What a method gives back as it was in one of the files goes
 * out in that file's bytes, since packing what was unpacked does not give the same blocks in
 * every type.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/edit/merge_change.h>
#include <libtrain/edit/method.h>
#include <libtrain/edit/regexes.h>

#include <stdlib.h>
#include <string.h>

enum { SLAB = 1 << 20 };

struct merge {
    const struct tr_merge_models_args *args;
    const struct tr_gguf *base;
    size_t n;           /* files: the base, then the models */
    struct tr__regexes rules;
    struct tr__slab slab;
    float *memory;      /* all of the following */
    float *out;         // (SLAB)
    const float *in[TR_MERGE_MAX_MODEL + 1]; // (n)(SLAB) of the files
    void *state;
    size_t state_bytes;
};

/* The tensor that is being merged. */
struct tensor {
    const struct tr_gguf_tensor *in[TR_MERGE_MAX_MODEL + 1]; // (n) of the files
    const struct tr_dtype *type; /* that is written */
    struct tr__mixing mixing;
    struct tr_merge_change *change; /* or NULL */
    int64_t rows, row;
};

static const struct tr_gguf *file_at(const struct merge *m, size_t i)
{
    return i ? m->args->model[i - 1] : m->base;
}

/* ==== slabs ==== */

static const void *packed_at(const struct tr_gguf_tensor *t, int64_t at)
{
    return (const char *)t->data + at / t->dtype->block * t->dtype->bytes;
}

static int unpack(struct merge *m, const struct tensor *t, int64_t at, int64_t n,
                  struct tr_err *err)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct tr_gguf_tensor *x = t->in[i];
        float *to = m->memory + (int64_t)i * SLAB;
        int bad = tr_convert(x->dtype, packed_at(x, at), &tr_f32, to, n);
        if (bad && !m->args->allow_nonfinite)
            return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' holds a NaN or an infinity "
                              "in rows %lld to %lld (--allow-nonfinite takes it)",
                              tr_gguf_path(file_at(m, i)), x->name, (long long)(at / t->row),
                              (long long)((at + n) / t->row - 1));
    }
    return 0;
}

/* The bytes of the file that has just these numbers in this type, or NULL. */
static const void *as_it_was(const struct merge *m, const struct tensor *t, int64_t at,
                             int64_t n)
{
    for (size_t i = 0; i < m->n; i++)
        if (t->in[i]->dtype == t->type &&
            !memcmp(m->out, m->in[i], (size_t)n * sizeof *m->out))
            return packed_at(t->in[i], at);
    return NULL;
}

/* What the base's numbers became; m->memory's first slab is used up. */
static void measure(struct merge *m, const struct tensor *t, int64_t n)
{
    float *change = m->memory;
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++)
        change[i] = m->out[i] - change[i];
    tr__change_add(t->change, &(struct tr__changed){ n, t->row, change, m->out,
                                                     m->slab.packed, t->type });
}

static int write_slab(struct merge *m, struct tr_gguf_writer *w, const struct tensor *t,
                      int64_t at, int64_t n, struct tr_err *err)
{
    const void *raw = as_it_was(m, t, at, n);
    struct tr__numbers x = { t->in[0], at, n, raw ? t->type : &tr_f32, raw ? raw : m->out,
                             NULL };
    int rc = tr__slab_write(&m->slab, w, &x, t->type, err);
    if (rc)
        return tr_err_prefix(err, "all models together");
    if (t->change)
        measure(m, t, n);
    return 0;
}

static void forget(const struct merge *m, const struct tensor *t)
{
    for (size_t i = 0; i < m->n; i++)
        tr_gguf_forget(file_at(m, i), t->in[i]->data, t->in[i]->bytes);
}

/* All slabs of a tensor: for one of the method's looks, or (w) to be written. */
static int walk(struct merge *m, struct tr_gguf_writer *w, const struct tensor *t, int pass,
                struct tr_err *err)
{
    const struct tr_merge_method *method = m->args->method;
    int64_t step = SLAB / t->row * t->row, all = t->rows * t->row;
    for (int64_t at = 0; at < all; at += step) {
        int64_t n = all - at < step ? all - at : step;
        struct tr__mixed x = { at, n, m->in[0], m->in + 1, m->out };
        int rc = unpack(m, t, at, n, err);
        if (!rc && !w)
            method->look(&t->mixing, pass, &x);
        if (!rc && w) {
            method->combine(&t->mixing, &x);
            rc = write_slab(m, w, t, at, n, err);
        }
        if (rc)
            return rc;
    }
    forget(m, t);
    if (!w)
        method->settle(&t->mixing, pass);
    return 0;
}

/* ==== tensors ==== */

static const double *weights_of(const struct merge *m, const char *name)
{
    int64_t i = tr__regexes_find(&m->rules, name);
    return i < 0 ? m->args->weight : m->args->rule[i].weight;
}

static struct tensor tensor_of(const struct merge *m, const struct tr_recipe *recipe,
                               size_t i)
{
    const struct tr_recipe_entry *e = &recipe->entry[i];
    const struct tr_merge_models_args *a = m->args;
    struct tensor t = { .type = e->type, .row = tr_gguf_row(e->tensor) };
    t.in[0] = e->tensor;
    for (size_t k = 0; k < a->n; k++)
        t.in[k + 1] = tr_gguf_find_tensor(a->model[k], e->tensor->name);
    t.rows = tr_gguf_count(e->tensor) / t.row;
    t.change = a->change ? &a->change[i] : NULL;
    t.mixing = (struct tr__mixing){
        a, e->tensor->name, tr_gguf_count(e->tensor), weights_of(m, e->tensor->name),
        a->normalize < 0 ? a->method->normalize : a->normalize, m->state
    };
    return t;
}

/* Of numbers that are no weights only copies can be made. */
static int is_same_in_all(const struct merge *m, const struct tensor *t)
{
    for (size_t i = 1; i < m->n; i++)
        if (t->in[i]->dtype != t->in[0]->dtype ||
            memcmp(t->in[i]->data, t->in[0]->data, (size_t)t->in[0]->bytes) != 0)
            return 0;
    return 1;
}

static int cannot(const struct tr_gguf_tensor *x, const struct tr_dtype *type,
                  const struct tr_gguf *g, struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is %s, a type that cannot be "
                      "merged, or written: choose one with -t", tr_gguf_path(g), x->name,
                      type->name);
}

static int write_tensor(struct merge *m, struct tr_gguf_writer *w, const struct tensor *t,
                        struct tr_err *err)
{
    int rc = 0;
    int is_fixed = !t->type->from_f32;
    for (size_t i = 0; i < m->n; i++)
        is_fixed |= !t->in[i]->dtype->to_f32;
    if (is_fixed && t->in[0]->dtype == t->type && is_same_in_all(m, t))
        return tr__raw_copy(w, m->base, t->in[0], err);
    if (is_fixed)
        return cannot(t->in[0], t->type, m->base, err);
    if (t->row > SLAB)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s': rows of %lld numbers",
                          tr_gguf_path(m->base), t->in[0]->name, (long long)t->row);
    if (m->state)
        memset(m->state, 0, m->state_bytes);
    for (int pass = 0; !rc && pass < m->args->method->passes; pass++)
        rc = walk(m, NULL, t, pass, err);
    return rc ? rc : walk(m, w, t, 0, err);
}

static int write_all(struct merge *m, struct tr_gguf_writer *w,
                     const struct tr_recipe *recipe, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < recipe->n; i++) {
        struct tensor t = tensor_of(m, recipe, i);
        rc = tr__regexes_error(&m->rules, err);
        if (!rc)
            rc = write_tensor(m, w, &t, err);
    }
    return rc;
}

/* ==== the file ==== */

static int write_model(struct merge *m, const struct tr_recipe *recipe, const char *path,
                       struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return err ? err->code : TR_EIO;
    tr_gguf_set_all(w, m->base);
    tr__merge_lineage(w, m->base, m->args);
    tr_gguf_add_history(w, m->base, m->args->history);
    if (recipe->type && recipe->file_type >= 0)
        tr_gguf_set_u32(w, "general.file_type", (uint32_t)recipe->file_type);
    tr__recipe_declare(recipe, w);
    tr_gguf_watch(w, &m->args->progress);
    return tr_gguf_finish(w, write_all(m, w, recipe, err), err);
}

static int start(struct merge *m, struct tr_err *err)
{
    const struct tr_merge_models_args *a = m->args;
    enum tr__nonfinite nonfinite = a->allow_nonfinite ? TR__ALLOW : TR__MAY_ALLOW;
    m->state_bytes = a->method->state_bytes ? a->method->state_bytes(a->n) : 0;
    m->state = m->state_bytes ? malloc(m->state_bytes) : NULL;
    m->memory = malloc((m->n + 1) * SLAB * sizeof *m->memory);
    if (!m->memory || (m->state_bytes && !m->state))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %d numbers of %zu models",
                          tr_gguf_path(m->base), SLAB, m->n);
    for (size_t i = 0; i < m->n; i++)
        m->in[i] = m->memory + i * SLAB;
    m->out = m->memory + m->n * SLAB;
    return tr__slab_init(&m->slab, tr_gguf_path(m->base), SLAB, nonfinite, err);
}

/* Patterns, each for a tensor at least. */
static int read_rules(struct merge *m, struct tr_err *err)
{
    const struct tr_merge_models_args *a = m->args;
    int rc = tr__regexes_init(&m->rules, a->rule ? &a->rule->pattern : NULL, a->n_rule,
                              sizeof *a->rule, err);
    for (size_t i = 0; !rc && a->n_rule && i < tr_gguf_n_tensor(m->base); i++)
        (void)!tr__regexes_find(&m->rules, tr_gguf_tensor(m->base, i)->name);
    if (!rc)
        rc = tr__regexes_error(&m->rules, err);
    const char *idle = rc ? NULL : tr__regexes_idle(&m->rules, 0);
    if (idle)
        rc = tr_err_set(err, TR_EINVAL, "weights for '%s': no tensor of '%s' has such a name, or "
                        "an earlier pattern has them all", idle, tr_gguf_path(m->base));
    return rc;
}

struct tr_recipe *tr_merge_models_recipe(const struct tr_gguf *base,
                                         const struct tr_merge_models_args *args,
                                         struct tr_err *err)
{
    struct tr_recipe *r = tr_recipe_new(base, &args->recipe, err);
    if (r && tr_recipe_check(r, 0, err)) {
        tr_recipe_free(r);
        return NULL;
    }
    return r;
}

int tr_merge_models(const struct tr_gguf *base, const struct tr_recipe *recipe,
                    const struct tr_merge_models_args *args, const char *path,
                    struct tr_err *err)
{
    struct merge m = { .args = args, .base = base, .n = args->n + 1 };
    int rc = tr_merge_models_check(base, args, err);
    if (rc)
        return rc;
    if (args->method->write)
        return args->method->write(base, args, path, err);
    rc = read_rules(&m, err);
    if (!rc)
        rc = start(&m, err);
    if (!rc)
        rc = write_model(&m, recipe, path, err);
    tr__slab_release(&m.slab);
    tr__regexes_release(&m.rules);
    free(m.memory);
    free(m.state);
    return rc;
}
