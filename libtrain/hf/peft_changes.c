/* SPDX-License-Identifier: MIT
 *
 * What an adapter's folder does to its base, tensor by tensor of GGUF: which pairs hang on
 * it, or what stands in its place; and whether an adapter's file can say so.  Next:
 * peft_pair.c for the numbers, peft_merge.c for what goes into a model.
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/peft.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct finder {
    struct tr_peft *p;
    size_t cap;
    struct tr__names names; /* of the changes */
};

static int no_memory(const struct tr_peft *p, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", p->path);
}

/* ---- the tensor of the base ------------------------------------------------------- */

/* Which one it is; the number of all for an output of its own where the table is that too;
 * more: there is none. */
static size_t place_of(const struct tr_peft *p, const char *name)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(p->g, name);
    if (t)
        return (size_t)(t - tr_gguf_tensor(p->g, 0));
    return tr_gguf_n_tensor(p->g) + (strcmp(name, "output.weight") != 0);
}

/* The change of the tensor that was found, a new one if there is none yet. */
static struct tr__peft_change *change_of(struct finder *x, const struct tr__hf_found *f,
                                         size_t at)
{
    struct tr_peft *p = x->p;
    char name[TR__HF_NAME_BYTES];
    tr__hf_print_gguf(name, f);
    size_t i = tr__names_find(&x->names, p->change, sizeof *p->change, name);
    if (i != TR__NO_NAME)
        return &p->change[i];
    struct tr__peft_change c = { .at = at };
    if (tr__grow(&p->change, &x->cap, p->n_change + 1, sizeof c) ||
        !(c.name = strdup(name)))
        return NULL;
    c.of = tr_gguf_find_tensor(p->g, at < tr_gguf_n_tensor(p->g) ? name :
                               "token_embd.weight");
    c.is = *c.of;
    c.is.name = c.name;
    c.is.data = NULL;
    p->change[p->n_change++] = c;
    return tr__names_add(&x->names, p->change, sizeof c) ? NULL :
           &p->change[p->n_change - 1];
}

/* The first pair of names whose tensor the base has: 1; *at is where. */
static int find(const struct tr_peft *p, const char *hf, int next, struct tr__hf_found *f,
                size_t *at)
{
    int found = next ? tr__hf_next_hf(p->arch, hf, f) : tr__hf_find_hf(p->arch, hf, f);
    for (; found; found = tr__hf_next_hf(p->arch, hf, f)) {
        char name[TR__HF_NAME_BYTES];
        if (!f->name->gguf)
            continue;
        tr__hf_print_gguf(name, f);
        *at = place_of(p, name);
        if (*at <= tr_gguf_n_tensor(p->g))
            return 1;
    }
    return 0;
}

static int not_there(const struct tr_peft *p, const char *what, const char *name,
                     struct tr_err *err)
{
    return tr_err_set(err, TR_EMISMATCH, "'%s': %s '%s' is none of the base, '%s' (%s)",
                      p->path, what, name, tr_gguf_path(p->g), p->arch->name);
}

/* ---- pairs ------------------------------------------------------------------------ */

int tr__peft_is_table(const struct tr__peft_change *c)
{
    return c->n_link && (c->link[0].module->part[TR__PEFT_TABLE_A] ||
                         !strcmp(c->name, "token_embd.weight"));
}

static int64_t rank_of(const struct tr_peft *p, const struct tr__peft_module *m)
{
    const struct tr__hf_tensor *a = m->part[TR__PEFT_A];
    if (m->part[TR__PEFT_TABLE_A])
        return m->part[TR__PEFT_TABLE_A]->dim[0];
    return a->n_dim == 3 || !p->mlx ? a->dim[a->n_dim == 3] : a->dim[1];
}

static int add_link(struct finder *x, const struct tr__peft_module *m,
                    const struct tr__hf_found *f, size_t at, struct tr_err *err)
{
    struct tr__peft_change *c = change_of(x, f, at);
    size_t bytes = c ? (c->n_link + 1) * sizeof *c->link : 0;
    struct tr__peft_link *more = c ? realloc(c->link, bytes) : NULL;
    if (!more)
        return no_memory(x->p, err);
    int64_t rank = rank_of(x->p, m);
    c->link = more;
    for (size_t i = 0; i < c->n_link; i++)
        if (more[i].found.expert == f->expert)
            return tr_err_set(err, TR_EFORMAT, "'%s': modules '%s' and '%s' are the same "
                              "tensor, '%s'", x->p->path, more[i].module->name, m->name,
                              c->name);
    if (c->n_link && rank != c->rank)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': modules '%s' and '%s' are of ranks "
                          "%lld and %lld, and one tensor in GGUF", x->p->path,
                          more[0].module->name, m->name, (long long)c->rank,
                          (long long)rank);
    c->rank = rank;
    more[c->n_link] = (struct tr__peft_link){ .module = m, .found = *f };
    return tr__peft_alpha(&x->p->config, m->name, rank, &more[c->n_link++].alpha, err);
}

/* "….experts.0.gate_proj.weight" of MLX's "….switch_mlp.gate_proj". */
static void name_of_weight(const struct tr__peft_module *m, char *to, size_t size)
{
    static const char stack[] = "switch_mlp.";
    const char *at = strstr(m->name, stack);
    if (at)
        snprintf(to, size, "%.*sexperts.0.%s.weight", (int)(at - m->name), m->name,
                 at + sizeof stack - 1);
    else
        snprintf(to, size, "%s.weight", m->name);
}

static int add_module(struct finder *x, const struct tr__peft_module *m, struct tr_err *err)
{
    char name[TR__HF_NAME_BYTES];
    struct tr__hf_found f;
    size_t at;
    int rc = 0, any = 0;
    name_of_weight(m, name, sizeof name);
    for (; !rc && find(x->p, name, any, &f, &at); any = 1)
        rc = add_link(x, m, &f, at, err);
    if (!rc && !any)
        rc = not_there(x->p, "module", m->name, err);
    if (!rc && x->p->config.dora && !m->part[TR__PEFT_MAGNITUDE])
        rc = tr_err_set(err, TR_EFORMAT, "'%s': module '%s' has no magnitudes, which DoRA "
                        "has", x->p->path, m->name);
    return rc;
}

/* ---- whole tensors ---------------------------------------------------------------- */

/* Tables may have got more rows, for new tokens: then they all have. */
static int take_rows(struct tr_peft *p, struct tr__peft_change *c,
                     const struct tr__hf_place *place)
{
    int table = !strcmp(c->name, "token_embd.weight") || !strcmp(c->name, "output.weight");
    if (!table || place->n_gguf != 2 || c->of->n_dim != 2 ||
        place->gguf[1] != c->of->dim[1] || place->gguf[0] <= c->of->dim[0] ||
        (p->rows && p->rows != place->gguf[0]))
        return -1;
    c->is.dim[0] = p->rows = place->gguf[0];
    return 0;
}

static int add_whole(struct finder *x, const struct tr__peft_whole *w, struct tr_err *err)
{
    struct tr__hf_found f;
    size_t at;
    if (!find(x->p, w->name, 0, &f, &at))
        return not_there(x->p, "tensor", w->name, err);
    if (f.expert >= 0)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is one of a stack of "
                          "experts, which cannot be replaced one by one", x->p->path,
                          w->name);
    struct tr__hf_place p = { .size = &x->p->size, .name = f.name, .n_hf = w->t->n_dim };
    memcpy(p.hf, w->t->dim, sizeof p.hf);
    if (p.n_hf > 0 && p.n_hf <= 4)
        tr__hf_shape(&p);
    struct tr__peft_change *c = change_of(x, &f, at);
    if (!c)
        return no_memory(x->p, err);
    int same = p.n_hf > 0 && p.n_hf <= 4 && tr_gguf_has_shape(c->of, p.n_gguf, p.gguf);
    if (!same && (p.n_hf != 2 || take_rows(x->p, c, &p)))
        return tr_err_set(err, TR_EMISMATCH, "'%s': tensor '%s' has not the shape of the "
                          "base's '%s'", x->p->path, w->name, c->of->name);
    if (!w->is_base || !same) {
        c->whole = w;
        c->whole_found = f;
        x->p->n_whole++;
    }
    return 0;
}

/* ---- what an adapter's file cannot say -------------------------------------------- */

static void set_beyond(struct tr_peft *p, const char *what, const char *name)
{
    if (!*p->beyond)
        snprintf(p->beyond, sizeof p->beyond, "%s '%.120s'", what, name);
}

static int is_tied(const struct tr_peft *p)
{
    return !tr_gguf_find_tensor(p->g, "output.weight");
}

static struct tr__peft_change *named(const struct tr_peft *p, const char *name)
{
    for (size_t i = 0; i < p->n_change; i++)
        if (!strcmp(p->change[i].name, name))
            return &p->change[i];
    return NULL;
}

/* All tables have as many rows. */
static int check_rows(const struct tr_peft *p, struct tr_err *err)
{
    static const char *const table[] = { "token_embd.weight", "output.weight" };
    for (int i = 0; p->rows && i < 2; i++) {
        const struct tr__peft_change *c = named(p, table[i]);
        if (i && !c && p->config.tied)
            continue;
        if (!c || c->is.dim[0] != p->rows)
            return tr_err_set(err, TR_EMISMATCH, "'%s' has tables of %lld rows, which '%s' "
                              "of the base has not, and none in its place", p->path,
                              (long long)p->rows, table[i]);
    }
    return 0;
}

/* A table that is the output too is saved under both names. */
static void keep_tied(struct tr_peft *p)
{
    struct tr__peft_change *table = named(p, "token_embd.weight");
    struct tr__peft_change *head = named(p, "output.weight");
    if (!is_tied(p) || !table || !head || !table->whole || !head->whole || table->n_link ||
        head->n_link || !tr__peft_is_same(p->folder, table->whole->t, head->whole->t))
        return;
    free((void *)(uintptr_t)head->name);
    memmove(head, head + 1, (size_t)(p->change + p->n_change - head - 1) * sizeof *head);
    p->n_change--;
    p->n_whole--;
    p->config.tied = 1;
}

static void look(struct tr_peft *p, const struct tr__peft_change *c)
{
    int is_table = !strcmp(c->name, "token_embd.weight");
    if (!c->n_link && !c->whole)
        return;
    p->n_pair += c->n_link > 0;
    for (size_t i = 0; i < c->n_link; i++)
        if (c->link[i].module->part[TR__PEFT_MAGNITUDE])
            set_beyond(p, "DoRA, the magnitudes of", c->link[i].module->name);
    if (c->whole && c->is.dim[0] != c->of->dim[0])
        set_beyond(p, "a table with more rows than the base's,", c->whole->name);
    else if (c->whole)
        set_beyond(p, "a tensor that was trained whole,", c->whole->name);
    if (is_tied(p) && (c->at == tr_gguf_n_tensor(p->g) || (is_table && !p->config.tied))) {
        p->untie = 1;
        set_beyond(p, "a token table or an output that are no longer the same tensor,",
                   c->name);
    }
}

static int by_place(const void *a, const void *b)
{
    const struct tr__peft_change *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_expert(const void *a, const void *b)
{
    const struct tr__peft_link *x = a, *y = b;
    return (x->found.expert > y->found.expert) - (x->found.expert < y->found.expert);
}

int tr__peft_find_changes(struct tr_peft *p, struct tr_err *err)
{
    struct finder x = { .p = p };
    int rc = 0;
    for (size_t i = 0; !rc && i < p->names.n_module; i++)
        rc = add_module(&x, &p->names.module[i], err);
    for (size_t i = 0; !rc && i < p->names.n_whole; i++)
        rc = add_whole(&x, &p->names.whole[i], err);
    tr__names_release(&x.names);
    if (rc)
        return rc;
    keep_tied(p);
    if ((rc = check_rows(p, err)))
        return rc;
    if (p->n_change)
        qsort(p->change, p->n_change, sizeof *p->change, by_place);
    for (size_t i = 0; i < p->n_change; i++) {
        struct tr__peft_change *c = &p->change[i];
        if (c->n_link)
            qsort(c->link, c->n_link, sizeof *c->link, by_expert);
        look(p, c);
    }
    return 0;
}
