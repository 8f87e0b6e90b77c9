/* SPDX-License-Identifier: MIT
 *
 * Which type each tensor gets.  The lists are llama-quantize's (llama.cpp,
 * src/llama-quant.cpp), so that a file of ours is its file.  Where rows do not divide into
 * blocks something else is taken, never refused: found out after a training of hours, one
 * odd matrix would cost the whole model.  Next: kept.c,
 * mix.c, quantize.c, merge.c.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/edit/mix.h>
#include <libtrain/edit/regexes.h>
#include <libtrain/recipe.h>

#include <stdlib.h>
#include <string.h>

/* Where rows do not divide into super-blocks, llama-quantize takes a type with blocks of
 * 32 that is no worse. */
static const struct tr_dtype *with_small_blocks(const struct tr_dtype *want)
{
    static const char *const pair[][2] = {
        { "IQ1_S", "IQ4_NL" }, { "IQ1_M", "IQ4_NL" }, { "IQ2_XXS", "IQ4_NL" },
        { "IQ2_XS", "IQ4_NL" }, { "IQ2_S", "IQ4_NL" }, { "IQ3_XXS", "IQ4_NL" },
        { "IQ3_S", "IQ4_NL" }, { "IQ4_XS", "IQ4_NL" }, { "TQ1_0", "Q4_0" },
        { "TQ2_0", "Q4_0" }, { "Q2_0", "Q4_0" }, { "Q2_K", "Q4_0" }, { "Q3_K", "Q4_0" },
        { "Q4_K", "Q5_0" }, { "Q5_K", "Q5_1" }, { "Q6_K", "Q8_0" },
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        if (!strcmp(want->name, pair[i][0]))
            return tr_dtype_by_name(pair[i][1]);
    return want;
}

static const struct tr_dtype *that_fits(const struct tr_dtype *want, int64_t row)
{
    if (row % want->block)
        want = with_small_blocks(want);
    return row % want->block ? &tr_f16 : want;
}

static int check_source(const struct tr_gguf_tensor *t, const struct tr_dtype *to,
                        struct tr_err *err)
{
    if (t->dtype == to || t->dtype->to_f32)
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s' is %s, which cannot be converted",
                      t->name, t->dtype->name);
}

const struct tr_dtype *tr_recipe_type(const struct tr_gguf_tensor *t,
                                      const struct tr_dtype *want, struct tr_err *err)
{
    if (tr__keeps_type(t, ""))
        return t->dtype;
    want = that_fits(want, tr_gguf_row(t));
    return check_source(t, want, err) ? NULL : want;
}

/* ==== all tensors ==== */

int tr__by_block(const char *a, const char *b)
{
    int64_t i = tr_gguf_block(a, NULL), k = tr_gguf_block(b, NULL);
    return i == k ? strcmp(a, b) : i < k ? -1 : 1;
}

int tr__by_part(const struct tr_gguf_tensor *a, const struct tr_gguf_tensor *b)
{
    if (a->part != b->part)
        return a->part < b->part ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int by_block(const void *a, const void *b)
{
    return tr__by_block((*(struct tr_recipe_entry *const *)a)->tensor->name,
                        (*(struct tr_recipe_entry *const *)b)->tensor->name);
}

static int by_part(const void *a, const void *b)
{
    return tr__by_part((*(struct tr_recipe_entry *const *)a)->tensor,
                       (*(struct tr_recipe_entry *const *)b)->tensor);
}

/* What is found out once for all tensors. */
struct plan {
    const struct tr_recipe_args *args;
    const struct tr_recipe *recipe;
    char arch[64];
    struct tr__regexes names; /* of args->rule */
    struct tr__mix_walk walk;
};

static int plan_begin(struct plan *p, const struct tr_recipe *r, const struct tr_gguf *g,
                      const struct tr_recipe_args *args, struct tr_err *err)
{
    *p = (struct plan){ .args = args, .recipe = r };
    tr__arch_name(p->arch, sizeof p->arch, g);
    if (args->mix)
        tr__mix_begin(&p->walk, args->mix, g, args->weighted);
    return tr__regexes_init(&p->names, args->n_rule ? &args->rule->pattern : NULL,
                          args->n_rule, sizeof *args->rule, err);
}

static int is_of_layers(const char *name)
{
    return !strcmp(name, "per_layer_token_embd.weight");
}

/* The type that is asked for by name, or by what the tensor is; NULL: none is. */
static const struct tr_dtype *named(const struct plan *p, const struct tr_gguf_tensor *t)
{
    const struct tr_recipe_args *args = p->args;
    enum tr__kind kind = tr__kind_of(t->name);
    int64_t i = tr__regexes_find(&p->names, t->name);
    int by_rule = i >= 0 && is_of_layers(t->name);
    if (args->embd && kind == TR__KIND_TOKENS && !by_rule)
        return args->embd;
    if (args->output && kind == TR__KIND_OUTPUT)
        return args->output;
    return i >= 0 ? args->rule[i].type : NULL;
}

/* That of the tensor of this name in the file that is to be followed. */
static const struct tr_dtype *followed(const struct plan *p, const struct tr_gguf_tensor *t,
                                       struct tr_err *err)
{
    const struct tr_gguf_tensor *same = tr_gguf_find_tensor(p->args->like, t->name);
    if (!same && !p->recipe->type)
        tr_err_set(err, TR_EMISMATCH, "tensor '%s' is not in '%s', so a type is needed for "
                   "those that are not (-t)", t->name, tr_gguf_path(p->args->like));
    return same ? same->dtype : NULL;
}

/* What is asked for, before anything is done about rows that do not fit; NULL: an error. */
static const struct tr_dtype *wanted(struct plan *p, struct tr_recipe_entry *e,
                                     struct tr_err *err)
{
    const struct tr_recipe_args *args = p->args;
    const struct tr_gguf_tensor *t = e->tensor;
    const struct tr_dtype *type = NULL;
    if (tr__keeps_type(t, p->arch) ||
        (args->leave_output && tr__kind_of(t->name) == TR__KIND_OUTPUT))
        return t->dtype;
    if ((type = named(p, t)) || (args->like && (type = followed(p, t, err))))
        return type;
    e->is_free = !p->recipe->type;
    if (e->is_free)
        return args->like ? NULL : t->dtype;
    if (!args->mix || args->pure)
        return p->recipe->type;
    if (args->output && p->walk.tied && tr__kind_of(t->name) == TR__KIND_TOKENS)
        return args->output;
    return tr__mix_next(&p->walk, t);
}

/* Q2_K is well without weights but in Q2_K_S, where nothing is better. */
static int is_coarse(const struct tr_dtype *type, const char *name, const char *recipe)
{
    enum tr__kind kind = tr__kind_of(name);
    if (!type->from_f32 && type->from_f32_by)
        return 1;
    if (kind == TR__KIND_OUTPUT || kind == TR__KIND_TOKENS)
        return 0;
    return type->needs_weights ||
           (recipe && !strcmp(recipe, "Q2_K_S") && !strcmp(type->name, "Q2_K"));
}

static int fill(struct tr_recipe_entry *e, const struct tr_dtype *want, const char *recipe,
                struct tr_err *err)
{
    const struct tr_gguf_tensor *t = e->tensor;
    if (!want)
        return -1;
    e->wanted = want;
    e->type = want == t->dtype ? want : that_fits(want, tr_gguf_row(t));
    e->instead = e->type != want;
    if (check_source(t, e->type, err))
        return -1;
    e->coarse = e->type != t->dtype && is_coarse(e->type, t->name, recipe);
    return tr_dtype_bytes(e->type, t->n_dim, t->dim, &e->bytes, err);
}

static int note_idle(struct tr_recipe *r, const struct tr__regexes *names,
                     struct tr_err *err)
{
    r->idle = calloc(names->n + 1, sizeof *r->idle);
    if (!r->idle)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu rules", names->n);
    for (size_t i = 0; i < names->n; i++)
        r->idle[i] = tr__regexes_idle(names, i);
    return 0;
}

static int fill_all(struct tr_recipe *r, const struct tr_gguf *g,
                    const struct tr_recipe_args *args, struct tr_err *err)
{
    struct plan p;
    struct tr_recipe_entry **order = malloc((r->n + 1) * sizeof *order);
    int rc = 0;
    if (!order)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a list of %zu tensors", r->n);
    for (size_t i = 0; i < r->n; i++) {
        r->entry[i].tensor = tr_gguf_tensor(g, i);
        order[i] = &r->entry[i];
    }
    qsort(order, r->n, sizeof *order, args->by_part ? by_part : by_block);
    rc = plan_begin(&p, r, g, args, err);
    for (size_t i = 0; !rc && i < r->n; i++)
        rc = fill(order[i], wanted(&p, order[i], err), r->name, err);
    if (!rc)
        rc = tr__regexes_error(&p.names, err);
    if (!rc)
        rc = note_idle(r, &p.names, err);
    tr__regexes_release(&p.names);
    free(order);
    return rc;
}

static void set_name(struct tr_recipe *r, const struct tr_recipe_args *args)
{
    const struct tr_mix *mix = args->mix;
    int64_t number = -1;
    r->type = mix ? tr_dtype_by_name(mix->type) : args->type;
    r->name = mix ? mix->name : r->type ? r->type->name : NULL;
    r->file_type = mix ? mix->file_type : r->type ? r->type->file_type : -1;
    if (args->like && tr_gguf_int(args->like, "general.file_type", &number, NULL) == 1)
        r->file_type = number >= 0 && number <= INT32_MAX ? (int32_t)number : -1;
}

struct tr_recipe *tr_recipe_new(const struct tr_gguf *g, const struct tr_recipe_args *args,
                                struct tr_err *err)
{
    size_t n = tr_gguf_n_tensor(g);
    struct tr_recipe *r = calloc(1, sizeof *r);
    if (r)
        r->entry = calloc(n + 1, sizeof *r->entry);
    if (!r || !r->entry) {
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a list of %zu tensors",
                   tr_gguf_path(g), n);
        tr_recipe_free(r);
        return NULL;
    }
    r->n = n;
    set_name(r, args);
    if (fill_all(r, g, args, err)) {
        tr_err_prefix(err, "'%s'", tr_gguf_path(g));
        tr_recipe_free(r);
        return NULL;
    }
    return r;
}

void tr__recipe_name(struct tr_recipe *r)
{
    const struct tr_dtype *type;
    int64_t most = 0;
    for (int i = 0; (type = tr_dtype_at(i)); i++) {
        int64_t bytes = 0;
        for (size_t k = 0; k < r->n; k++)
            bytes += r->entry[k].type == type ? r->entry[k].bytes : 0;
        if (bytes > most) {
            most = bytes;
            r->type = type;
            r->name = type->name;
            r->file_type = type->file_type;
        }
    }
}

void tr_recipe_free(struct tr_recipe *r)
{
    if (r) {
        free(r->entry);
        free((void *)r->idle);
    }
    free(r);
}

size_t tr_recipe_n_instead(const struct tr_recipe *r, const struct tr_dtype *wanted_type,
                           const struct tr_dtype *type)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_recipe_entry *e = &r->entry[i];
        n += e->instead && e->type == type && (!wanted_type || e->wanted == wanted_type);
    }
    return n;
}

static int check_entry(const struct tr_recipe_entry *e, int weighted, struct tr_err *err)
{
    if (e->type != e->tensor->dtype && !e->type->from_f32 && !e->type->from_f32_by)
        return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s': cannot write type %s",
                          e->tensor->name, e->type->name);
    if (e->coarse && !weighted)
        return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s' in %s would be of no use "
                          "without an importance matrix (quantize --imatrix)",
                          e->tensor->name, e->type->name);
    return 0;
}

int tr_recipe_check(const struct tr_recipe *r, int weighted, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < r->n; i++)
        rc = check_entry(&r->entry[i], weighted, err);
    return rc;
}

void tr__recipe_declare(const struct tr_recipe *r, struct tr_gguf_writer *w)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_gguf_tensor *t = r->entry[i].tensor;
        tr_gguf_add_tensor(w, t->name, r->entry[i].type, t->n_dim, t->dim);
    }
}
