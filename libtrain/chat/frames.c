/* SPDX-License-Identifier: MIT
 *
 * Variables while a template runs.  The parser has given each a slot (scopes.c), so that
 * reading one is following a few pointers.  Next: eval_basic.c.
 */
#include <libtrain/chat/tree.h>

void tr__enter_again(struct tr__run *r, const struct tr__scope *s, struct tr__frame *f)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct tr__variable *v = &s->variable[i];
        const struct tr__frame *from = f;
        f->slot[i] = (struct tr__val){ 0 };
        if (v->load == TR__LOAD_GLOBAL)
            f->slot[i] = r->global[v->from];
        if (v->load != TR__LOAD_OUTER)
            continue;
        for (uint32_t k = 0; k < v->up; k++)
            from = from->outer;
        f->slot[i] = from->slot[v->from];
    }
}

struct tr__frame *tr__enter(struct tr__run *r, const struct tr__scope *s,
                            struct tr__frame *outer)
{
    struct tr__frame *f = tr__alloc(r, 1, sizeof *f + s->n * sizeof *f->slot);
    if (f) {
        f->outer = outer;
        tr__enter_again(r, s, f);
    }
    return f;
}

int tr__exec_body(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    for (size_t i = 0; i < n->n_item; i++) {
        int rc = tr__execute(r, f, n->item[i]);
        if (rc)
            return rc;
    }
    return TR__GO_ON;
}

static struct tr__val *variable(struct tr__frame *f, const struct tr__node *n)
{
    for (uint32_t k = 0; k < n->up; k++)
        f = f->outer;
    return &f->slot[n->slot];
}

int tr__eval_name(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                  struct tr__val *out)
{
    (void)r;
    *out = *variable(f, n);
    if (out->kind == TR__MISSING)
        *out = tr__undefined(NULL, n->value.as.s, n->value.n);
    return 0;
}

static int assign_attribute(struct tr__run *r, struct tr__frame *f,
                            const struct tr__node *target, const struct tr__val *v)
{
    struct tr__val space;
    r->line = target->line;
    if (tr__eval_name(r, f, target->a, &space))
        return r->err->code;
    if (space.kind == TR__UNDEFINED)
        return tr__raise_undefined(r, &space);
    if (space.kind != TR__NAMESPACE)
        return tr__raise(r, "an attribute of what is no namespace cannot be set");
    return tr__namespace_set(r, (struct tr__space *)space.as.any, &target->value, v);
}

static int assign_items(struct tr__run *r, struct tr__frame *f,
                        const struct tr__node *target,
                        const struct tr__val *v)
{
    struct tr__val list;
    r->line = target->line;
    if (tr__items(r, v, &list))
        return r->err->code;
    if (list.n != target->n_item)
        return tr__raise(r, "%zu values for %zu names", list.n, target->n_item);
    for (size_t i = 0; i < list.n; i++)
        if (tr__assign(r, f, target->item[i], &list.as.item[i]))
            return r->err->code;
    return 0;
}

int tr__assign(struct tr__run *r, struct tr__frame *f, const struct tr__node *target,
               const struct tr__val *v)
{
    if (target->a)
        return assign_attribute(r, f, target, v);
    if (target->eval != tr__eval_name)
        return assign_items(r, f, target, v);
    *variable(f, target) = *v;
    return 0;
}
