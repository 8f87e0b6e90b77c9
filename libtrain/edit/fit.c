/* SPDX-License-Identifier: MIT
 *
 * Types for tensors so that the file has at most some size and the errors of all, added, are
 * least.  Of each tensor only the types count that are corners of the lower hull of error
 * over bytes; from the smallest one up, bytes go where they take most error each, which is
 * the best there is but for what the last step leaves over (Fox 1966, "Discrete optimization
 * via marginal analysis").  Next: fit_error.c.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/edit/fit.h>
#include <libtrain/edit/mix.h>
#include <libtrain/imatrix.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tensor {
    struct tr_recipe_entry *entry;
    struct tr__option option[TR__MAX_OPTION];
    int n, at; /* corners of the hull, and the one that is taken */
};

/* From option `to - 1` of a tensor to the next. */
struct step {
    size_t tensor;
    int to;
    int64_t bytes; /* more */
    double gain;   /* error less for each of them */
};

struct fit {
    struct tensor *tensor;
    struct step *step;
    size_t n, n_step;
    int64_t bytes; /* of the whole file, as it is chosen so far */
};

/* ==== options ==== */

static int can_be(const struct tr_gguf_tensor *t, const struct tr_dtype *type, int weighted)
{
    return type != t->dtype && type->to_f32 && (type->from_f32 || type->from_f32_by) &&
           (weighted || (type->from_f32 && !type->needs_weights)) &&
           tr_gguf_row(t) % type->block == 0;
}

static void add_option(struct tensor *x, const struct tr_dtype *type, double error)
{
    int64_t bytes;
    const struct tr_gguf_tensor *t = x->entry->tensor;
    if (x->n < TR__MAX_OPTION && isfinite(error) &&
        !tr_dtype_bytes(type, t->n_dim, t->dim, &bytes, NULL))
        x->option[x->n++] = (struct tr__option){ type, tr__raw_padded(bytes), error };
}

/* Smaller ones first; of one size that with the least error. */
static int by_bytes(const void *a, const void *b)
{
    const struct tr__option *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    if (x->error < y->error || x->error > y->error)
        return x->error < y->error ? -1 : 1;
    return x->type->id < y->type->id ? -1 : x->type->id > y->type->id;
}

static double slope(const struct tr__option *a, const struct tr__option *b)
{
    return (a->error - b->error) / (double)(b->bytes - a->bytes);
}

/* Leaves the corners of the lower hull, from the smallest to that with the least error. */
static void keep_hull(struct tensor *x)
{
    struct tr__option *o = x->option;
    int n = 0;
    qsort(o, (size_t)x->n, sizeof *o, by_bytes);
    for (int i = 0; i < x->n; i++) {
        if (n && (o[i].bytes == o[n - 1].bytes || !(o[i].error < o[n - 1].error)))
            continue;
        while (n > 1 && slope(&o[n - 2], &o[n - 1]) <= slope(&o[n - 1], &o[i]))
            n--;
        o[n++] = o[i];
    }
    x->n = n;
}

static int find_options(struct tensor *x, const struct tr_quantize_args *args,
                        const struct tr__weights *weights, double usual, struct tr_err *err)
{
    const struct tr_gguf_tensor *t = x->entry->tensor;
    const float *weight = tr__weights_of(weights, t, NULL);
    const struct tr_dtype *type;
    struct tr__sample sample = { 0 };
    int fixed = !t->dtype->to_f32 || (t->dtype->block > 1 && !args->allow_requantize);
    int rc = fixed ? 0 : tr__sample_take(&sample, t, weight, usual, err);
    add_option(x, t->dtype, 0);
    for (int i = 0; !rc && !fixed && (type = tr_dtype_at(i)); i++)
        if (can_be(t, type, weight != NULL))
            add_option(x, type, tr__sample_error(&sample, type));
    tr__sample_free(&sample);
    keep_hull(x);
    return rc;
}

/* ==== sizes ==== */

/* Bytes in front of the data, or a few hundred more: what the keys are that are set. */
static int64_t head_bytes(const struct tr_gguf *g, const struct tr_quantize_args *args)
{
    enum { HEADER = 24, NUMBER = 32, OWN = 1024 };
    int64_t bytes = HEADER + OWN;
    for (size_t i = 0; i < tr_gguf_n_kv(g); i++)
        bytes += tr__raw_key_bytes(tr_gguf_kv(g, i));
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        bytes += tr__raw_info_bytes(tr_gguf_tensor(g, i));
    for (size_t i = 0; i < args->n_key; i++) {
        const char *text = args->key[i].string;
        bytes += NUMBER + (int64_t)strlen(args->key[i].key) + (int64_t)(text ? strlen(text) : 0);
    }
    return tr__raw_padded(bytes);
}

/* The weight of a column of which the matrix says nothing: that of others, on average. */
static double usual_weight(const struct tr__weights *w)
{
    double sum = 0, n = 0;
    const struct tr_imatrix_entry *e;
    for (size_t i = 0; w->n && (e = tr_imatrix_at(w->im, i)); i++)
        for (int64_t j = 0; j < e->n_mat * e->row; j++, n++)
            sum += (double)e->mean[j];
    return sum > 0 ? sum / n : 1;
}

/* ==== choosing ==== */

/* What takes most error per byte first; then in the order of the file. */
static int by_gain(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    if (x->gain > y->gain || x->gain < y->gain)
        return x->gain > y->gain ? -1 : 1;
    if (x->tensor != y->tensor)
        return x->tensor < y->tensor ? -1 : 1;
    return x->to < y->to ? -1 : x->to > y->to;
}

static int list_steps(struct fit *f, struct tr_err *err)
{
    size_t most = 0;
    for (size_t i = 0; i < f->n; i++)
        most += (size_t)f->tensor[i].n;
    f->step = malloc((most + 1) * sizeof *f->step);
    if (!f->step)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu choices", most);
    for (size_t i = 0; i < f->n; i++)
        for (int to = 1; to < f->tensor[i].n; to++) {
            const struct tr__option *o = &f->tensor[i].option[to - 1];
            f->step[f->n_step++] = (struct step){ i, to, o[1].bytes - o[0].bytes,
                                                  slope(&o[0], &o[1]) };
        }
    qsort(f->step, f->n_step, sizeof *f->step, by_gain);
    return 0;
}

/* A tensor that has no room for its next step stays where it is; others may have. */
static void take_steps(struct fit *f, int64_t most)
{
    for (size_t i = 0; i < f->n_step; i++) {
        const struct step *s = &f->step[i];
        struct tensor *x = &f->tensor[s->tensor];
        if (x->at != s->to - 1 || f->bytes + s->bytes > most)
            continue;
        x->at = s->to;
        f->bytes += s->bytes;
    }
}

static int set_types(const struct fit *f, struct tr_recipe *r, struct tr_err *err)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct tensor *x = &f->tensor[i];
        struct tr_recipe_entry *e = x->entry;
        e->type = e->wanted = x->option[x->at].type;
        if (tr_dtype_bytes(e->type, e->tensor->n_dim, e->tensor->dim, &e->bytes, err))
            return -1;
    }
    tr__recipe_name(r);
    return 0;
}

static int choose(struct fit *f, const struct tr_gguf *g, int64_t most, struct tr_err *err)
{
    if (f->bytes > most)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s' cannot be smaller than %lld bytes in "
                          "the types that are allowed", tr_gguf_path(g),
                          (long long)f->bytes);
    int rc = list_steps(f, err);
    if (!rc)
        take_steps(f, most);
    return rc;
}

/* The options of all tensors that are free; f->bytes is the least that the file can have. */
static int find_all(struct fit *f, const struct tr_gguf *g,
                    const struct tr_quantize_args *args, struct tr_recipe *r,
                    struct tr_err *err)
{
    struct tr__weights weights;
    int rc = tr__weights_begin(&weights, &args->weights, err);
    double usual = usual_weight(&weights);
    f->tensor = calloc(r->n + 1, sizeof *f->tensor);
    f->bytes = head_bytes(g, args);
    if (!rc && !f->tensor)
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for %zu tensors", r->n);
    for (size_t i = 0; !rc && i < r->n; i++) {
        struct tr_recipe_entry *e = &r->entry[i];
        if (!e->is_free) {
            f->bytes += tr__raw_padded(e->bytes);
            continue;
        }
        struct tensor *x = &f->tensor[f->n++];
        x->entry = e;
        rc = find_options(x, args, &weights, usual, err);
        f->bytes += x->option[0].bytes;
        tr_gguf_forget(g, e->tensor->data, e->tensor->bytes);
    }
    tr__weights_end(&weights);
    return rc;
}

int tr_quantize_fit(const struct tr_gguf *g, const struct tr_quantize_args *args,
                    int64_t bytes, struct tr_recipe *r, struct tr_err *err)
{
    struct fit f = { 0 };
    int rc = find_all(&f, g, args, r, err);
    if (!rc)
        rc = choose(&f, g, bytes, err);
    if (!rc)
        rc = set_types(&f, r, err);
    free(f.tensor);
    free(f.step);
    return rc;
}
