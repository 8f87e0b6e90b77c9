/* SPDX-License-Identifier: MIT
 *
 * Which tensors a folder will have: the table of names read from GGUF's side.  What is one
 * tensor there may be several here (experts), and the other way round (fused ones).  Next:
 * export_rows.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/ahead.h>
#include <libtrain/hf/export.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_EXPERT = 1 << 16 };

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for a list of tensors");
}

static int bad(const struct tr__hf_gifts *x, const char *name, const char *what,
               struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' %s", tr_gguf_path(x->g),
                      name, what);
}

static void drop(struct tr__hf_given *v)
{
    free((void *)(uintptr_t)v->name);
    free(v->share);
}

/* The one of this name, new if it is not there. */
static struct tr__hf_given *given_of(struct tr__hf_gifts *x, const char *name)
{
    size_t at = tr__names_find(&x->names, x->given, sizeof *x->given, name);
    if (at != TR__NO_NAME)
        return &x->given[at];
    struct tr__hf_given v = { .name = strdup(name) };
    if (!v.name || tr__grow(&x->given, &x->cap, x->n + 1, sizeof v)) {
        drop(&v);
        return NULL;
    }
    x->given[x->n] = v;
    if (tr__names_add(&x->names, x->given, sizeof v)) {
        drop(&v);
        return NULL;
    }
    return &x->given[x->n++];
}

/* Behind those that are in front of it in the table. */
static int add_share(struct tr__hf_given *v, const struct tr__hf_share *s)
{
    size_t at = v->n;
    if (tr__grow(&v->share, &v->cap, v->n + 1, sizeof *s))
        return -1;
    for (; at > 0 && v->share[at - 1].place.name > s->place.name; at--)
        v->share[at] = v->share[at - 1];
    v->share[at] = *s;
    v->n++;
    return 0;
}

static int add(struct tr__hf_gifts *x, const struct tr__hf_found *f,
               const struct tr__hf_share *s, struct tr_err *err)
{
    char name[TR__HF_NAME_BYTES];
    tr__hf_print_hf(name, f);
    tr__hf_ahead_out(x->arch, x->size, name);
    struct tr__hf_given *v = given_of(x, name);
    if (!v || add_share(v, s))
        return no_memory(err);
    return 0;
}

static struct tr__hf_place place_of(const struct tr__hf_gifts *x,
                                    const struct tr__hf_name *n,
                                    const struct tr_gguf_tensor *t)
{
    struct tr__hf_place p = { .size = x->size, .name = n, .n_gguf = t->n_dim };
    memcpy(p.gguf, t->dim, sizeof p.gguf);
    tr__hf_shape_back(&p);
    return p;
}

static int add_experts(struct tr__hf_gifts *x, struct tr__hf_found *f,
                       struct tr__hf_share *s, struct tr_err *err)
{
    int64_t n = s->from->dim[0], rc = 0;
    if (s->from->n_dim < 2 || n < 1 || n > MAX_EXPERT)
        return bad(x, s->from->name, "is no stack of experts", err);
    s->n /= n;
    for (f->expert = 0; !rc && f->expert < n; f->expert++) {
        s->first = f->expert * s->n;
        rc = add(x, f, s, err);
    }
    return (int)rc;
}

static int add_tensor(struct tr__hf_gifts *x, const struct tr_gguf_tensor *t,
                      struct tr_err *err)
{
    struct tr__hf_found f;
    if (!tr__hf_find_gguf(x->arch, t->name, &f))
        return bad(x, t->name, "has no form of Hugging Face that is known", err);
    if (!f.name->hf)
        return 0; /* config.json has it */
    if (!t->dtype->to_f32)
        return bad(x, t->name, "is of a type that cannot be unpacked", err);
    if (f.layer >= x->size->n_layer + x->size->n_ahead)
        return bad(x, t->name, "is behind the last block", err);
    struct tr__hf_share s = { .from = t, .place = place_of(x, f.name, t),
                              .n = tr_gguf_count(t) / tr_gguf_row(t) };
    return tr__hf_is_stack(f.name) ? add_experts(x, &f, &s, err) : add(x, &f, &s, err);
}

/* ---- shapes ----------------------------------------------------------------------- */

static int ends(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n >= k && !strcmp(name + n - k, suffix);
}

/* Filters of one channel have a dimension that GGUF has not. */
static void widen(struct tr__hf_given *v)
{
    int filter = ends(v->name, ".conv1d.weight") || ends(v->name, ".conv.conv.weight");
    if (v->n_dim != 2 || !filter)
        return;
    v->dim[2] = v->dim[1];
    v->dim[1] = 1;
    v->n_dim = 3;
}

static int moves(const struct tr__hf_given *v)
{
    return v->n > 1 || tr__hf_moves_rows(v->share[0].place.name);
}

/* Rows that move, or are packed in blocks, are as long as there. */
static int same_rows(const struct tr__hf_given *v, const struct tr__hf_share *s)
{
    const struct tr__hf_how *how = s->place.name->how;
    int free_of = s->from->dtype->block == 1 && (!moves(v) || v->n_dim == 1);
    return free_of || (how && how->column && v->n > 1) ||
           tr_gguf_row(s->from) == v->in_columns;
}

static int set_shape(const struct tr__hf_gifts *x, struct tr__hf_given *v,
                     struct tr_err *err)
{
    const struct tr__hf_place *p = &v->share[0].place;
    const struct tr__hf_how *how = p->name->how;
    int64_t all = 1, have = 0;
    v->n_dim = p->n_hf;
    for (int i = 0; i < 4; i++)
        v->dim[i] = i < p->n_hf ? p->hf[i] : 1;
    for (int i = 0; i < v->n_dim; i++)
        if (v->dim[i] < 1 || __builtin_mul_overflow(all, v->dim[i], &all))
            return bad(x, v->share[0].from->name, "has a shape that no folder has", err);
    v->columns = v->n_dim == 1 && moves(v) ? 1 : v->n_dim ? v->dim[v->n_dim - 1] : 1;
    v->rows = all / v->columns;
    int turned = how && how->transposed && v->n_dim > 1;
    v->in_columns = turned ? v->dim[v->n_dim - 2] : v->columns;
    v->in_rows = all / v->in_columns;
    for (size_t i = 0; i < v->n; i++) {
        const struct tr__hf_share *s = &v->share[i];
        have += s->n * tr_gguf_row(s->from);
        if (!same_rows(v, s))
            return bad(x, s->from->name, "has rows of another length", err);
    }
    if (have != all)
        return bad(x, v->share[0].from->name, "is not all of its tensor there", err);
    widen(v);
    return 0;
}

int tr__hf_gifts(struct tr__hf_gifts *x, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < tr_gguf_n_tensor(x->g); i++)
        rc = add_tensor(x, tr_gguf_tensor(x->g, i), err);
    for (size_t i = 0; !rc && i < x->n; i++)
        rc = set_shape(x, &x->given[i], err);
    return rc;
}

void tr__hf_gifts_release(struct tr__hf_gifts *x)
{
    for (size_t i = 0; i < x->n; i++)
        drop(&x->given[i]);
    free(x->given);
    tr__names_release(&x->names);
}
