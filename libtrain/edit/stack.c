/* SPDX-License-Identifier: MIT
 *
 * A model of blocks of several (those who name it say "frankenmerge"; Kim et al. 2023, "SOLAR
 * 10.7B", go on training such a one): tensors are copied under new numbers, or written in
 * another type.  What stands outside of blocks is the base's, or another model's if a pattern says so.
 * Next: stack_read.c.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/edit/method.h>
#include <libtrain/edit/stack.h>

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLAB = 1 << 20 };

/* The tensors that are written, in their order. */
struct plan {
    size_t n, room;
    struct item {
        const struct tr_gguf *g;
        const struct tr_gguf_tensor *t;
        int64_t block; /* its number now; -1: none */
        const struct tr_dtype *type;
    } *item;
};

static int add(struct plan *p, const struct tr__stack *s, struct item item,
               struct tr_err *err)
{
    if (p->n == p->room) {
        size_t room = 2 * p->room + 64;
        struct item *more = realloc(p->item, room * sizeof *more);
        if (!more)
            return tr_err_set(err, TR_ENOMEM, "out of memory for %zu tensors", room);
        p->item = more;
        p->room = room;
    }
    const struct tr_dtype *want = s->args->recipe.type;
    item.type = want ? tr_recipe_type(item.t, want, err) : item.t->dtype;
    if (!item.type)
        return err->code;
    if (item.type != item.t->dtype && !item.type->from_f32)
        return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s': cannot write type %s",
                          item.t->name, item.type->name);
    p->item[p->n++] = item;
    return 0;
}

/* All tensors of one block of one model, as number `now`. */
static int add_block(struct plan *p, const struct tr__stack *s, int64_t now,
                     struct tr_err *err)
{
    const struct tr_gguf *g = tr__stack_file(s, s->block[now].model);
    size_t before = p->n;
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        if (tr_gguf_block(t->name, NULL) != s->block[now].block)
            continue;
        if (add(p, s, (struct item){ g, t, now, NULL }, err))
            return err->code;
    }
    if (p->n > before)
        return 0;
    return tr_err_set(err, TR_EFORMAT, "'%s' has no tensors of block %lld", tr_gguf_path(g),
                      (long long)s->block[now].block);
}

/* A tensor outside of blocks, of the model that a pattern gives it. */
static int add_other(struct plan *p, const struct tr__stack *s,
                     const struct tr_gguf_tensor *t, struct tr_err *err)
{
    char is[TR_GGUF_SHAPE_BYTES], wanted[TR_GGUF_SHAPE_BYTES];
    int model = 0;
    for (size_t i = 0; i < s->n_pattern; i++)
        if (!fnmatch(s->pattern[i].pattern, t->name, 0))
            model = s->pattern[i].model;
    const struct tr_gguf *g = tr__stack_file(s, model);
    const struct tr_gguf_tensor *own = tr_gguf_find_tensor(g, t->name);
    if (!own)
        return tr_err_set(err, TR_EMISMATCH, "'%s' has no tensor '%s', which '%s' has",
                          tr_gguf_path(g), t->name, tr_gguf_path(s->base));
    if (!tr_gguf_has_shape(own, t->n_dim, t->dim))
        return tr_err_set(err, TR_EMISMATCH, "tensor '%s' is %s in '%s', %s in '%s'", t->name,
                          tr_gguf_shape_text(wanted, t->n_dim, t->dim),
                          tr_gguf_path(s->base),
                          tr_gguf_shape_text(is, own->n_dim, own->dim), tr_gguf_path(g));
    return add(p, s, (struct item){ g, own, -1, NULL }, err);
}

/* What stands in front of the base's first block, the new blocks, and what is behind. */
static int make_plan(struct plan *p, const struct tr__stack *s, struct tr_err *err)
{
    int rc = 0, blocks_done = 0;
    for (size_t i = 0; !rc && i <= tr_gguf_n_tensor(s->base); i++) {
        int at_end = i == tr_gguf_n_tensor(s->base);
        const struct tr_gguf_tensor *t = at_end ? NULL : tr_gguf_tensor(s->base, i);
        int is_block = t && tr_gguf_block(t->name, NULL) >= 0;
        for (int64_t b = 0; !rc && !blocks_done && (is_block || at_end) && b < s->n_block; b++)
            rc = add_block(p, s, b, err);
        blocks_done |= is_block;
        if (!rc && t && !is_block)
            rc = add_other(p, s, t, err);
    }
    return rc;
}

/* Each pattern is one for a tensor at least. */
static int check_patterns(const struct tr__stack *s, struct tr_err *err)
{
    for (size_t i = 0; i < s->n_pattern; i++) {
        size_t k = 0, n = tr_gguf_n_tensor(s->base);
        while (k < n && (tr_gguf_block(tr_gguf_tensor(s->base, k)->name, NULL) >= 0 ||
                         fnmatch(s->pattern[i].pattern, tr_gguf_tensor(s->base, k)->name, 0)))
            k++;
        if (k == n)
            return tr_err_set(err, TR_EINVAL, "layers: '%s' is the name of no tensor outside of "
                              "blocks", s->pattern[i].pattern);
    }
    return 0;
}

static int prepare(struct tr__stack *s, struct plan *p, struct tr_err *err)
{
    int rc = tr__stack_read(s, err);
    for (size_t i = 0; !rc && i < s->args->n; i++)
        rc = tr__same_family(s->base, s->args->model[i], err);
    if (!rc && s->args->recipe.mix)
        rc = tr_err_set(err, TR_EINVAL, "passthrough writes one type, not the mixture %s: "
                        "quantize what comes of it", s->args->recipe.mix->name);
    if (!rc)
        rc = tr__stack_check_keys(s, err);
    if (!rc)
        rc = check_patterns(s, err);
    return rc ? rc : make_plan(p, s, err);
}

static void declare(const struct plan *p, struct tr_gguf_writer *w)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct item *x = &p->item[i];
        const char *rest = x->t->name;
        char name[96];
        tr_gguf_block(x->t->name, &rest);
        snprintf(name, sizeof name, "blk.%lld.%s", (long long)x->block, rest);
        tr_gguf_add_tensor(w, x->block < 0 ? x->t->name : name, x->type, x->t->n_dim,
                           x->t->dim);
    }
}

static int write_tensors(const struct tr__stack *s, const struct plan *p,
                         struct tr_gguf_writer *w, struct tr_err *err)
{
    struct tr__slab slab;
    enum tr__nonfinite nonfinite = s->args->allow_nonfinite ? TR__ALLOW : TR__MAY_ALLOW;
    int rc = tr__slab_init(&slab, tr_gguf_path(s->base), SLAB, nonfinite, err);
    for (size_t i = 0; !rc && i < p->n; i++) {
        slab.path = tr_gguf_path(p->item[i].g);
        rc = tr__slab_copy(&slab, w, p->item[i].g, p->item[i].t, p->item[i].type, NULL, err);
    }
    tr__slab_release(&slab);
    return rc;
}

static int write_model(const struct tr__stack *s, const struct plan *p, const char *path,
                       struct tr_err *err)
{
    const struct tr_dtype *type = s->args->recipe.type;
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return err->code;
    tr_gguf_set_all(w, s->base);
    tr__merge_lineage(w, s->base, s->args);
    if (type && type->file_type >= 0)
        tr_gguf_set_u32(w, "general.file_type", (uint32_t)type->file_type);
    tr_gguf_add_history(w, s->base, s->args->history);
    int rc = tr__stack_set_keys(s, w, err);
    declare(p, w);
    tr_gguf_watch(w, &s->args->progress);
    if (!rc)
        rc = write_tensors(s, p, w, err);
    return tr_gguf_finish(w, rc, err);
}

static int stack(const struct tr_gguf *base, const struct tr_merge_models_args *args,
                 const char *path, struct tr_err *err)
{
    struct tr__stack s = { .base = base, .args = args };
    struct plan p = { 0 };
    int rc = prepare(&s, &p, err);
    if (!rc && path)
        rc = write_model(&s, &p, path, err);
    free(p.item);
    tr__stack_release(&s);
    return rc;
}

static int check(const struct tr_gguf *base, const struct tr_merge_models_args *args,
                 struct tr_err *err)
{
    return stack(base, args, NULL, err);
}

const struct tr_merge_method tr__method_passthrough = {
    .name = "passthrough", .help = "blocks of several models, one behind the other",
    .takes = "layers", .most = TR_MERGE_MAX_MODEL, .check = check, .write = stack,
};
