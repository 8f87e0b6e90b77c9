/* SPDX-License-Identifier: MIT
 *
 * Items, attributes and calls of values of any type.  `x.y` and `x['y']` differ only in
 * whether a method or a key is looked for first, as in Jinja's sandbox, which also hides
 * what would change a list or a dict and all that begins with two underscores.  Next:
 * types_plain.c.
 */
#include <libtrain/chat/text.h>

#include <string.h>

static int hidden(const struct tr__val *name)
{
    return name->n > 1 && name->as.s[0] == '_' && name->as.s[1] == '_';
}

/* A method of v, bound to it. */
static int method(struct tr__run *r, const struct tr__val *v, const struct tr__val *name,
                  struct tr__val *out)
{
    const char *family = tr__type(r, v)->methods;
    const struct tr__callable *c =
        family ? r->method(family, name->as.s, name->n) : NULL;
    struct tr__val *self;
    if (!c)
        return 0;
    if (!c->params) {
        *out = tr__undefined(tr__type(r, v), name->as.s, name->n);
        return 1;
    }
    if (!c->call)
        return tr__raise(r, "'%s' of %s is not supported", c->name, tr__type(r, v)->name);
    self = tr__alloc(r, 1, sizeof *self);
    if (!self)
        return r->err->code;
    *self = *v;
    *out = (struct tr__val){ .kind = TR__FUNCTION, .as.any = c, .more = self };
    return 1;
}

static int attribute(struct tr__run *r, const struct tr__val *v, const struct tr__val *name,
                     struct tr__val *out)
{
    const struct tr__type *type = tr__type(r, v);
    if (v->kind == TR__UNDEFINED)
        return tr__raise_undefined(r, v);
    if (hidden(name)) {
        *out = tr__undefined(type, name->as.s, name->n);
        return 1;
    }
    return type->attribute ? type->attribute(r, v, name, out) : method(r, v, name, out);
}

static int item(struct tr__run *r, const struct tr__val *v, const struct tr__val *key,
                struct tr__val *out)
{
    const struct tr__type *type = tr__type(r, v);
    if (v->kind == TR__UNDEFINED)
        return tr__raise_undefined(r, v);
    return type->item ? type->item(r, v, key, out) : 0;
}

static int nothing(struct tr__run *r, const struct tr__val *v, const struct tr__val *key,
                   struct tr__val *out)
{
    struct tr__val text;
    if (tr__to_str(r, key, &text))
        return r->err->code;
    *out = tr__undefined(tr__type(r, v), text.as.s, text.n);
    return 0;
}

int tr__get_item(struct tr__run *r, const struct tr__val *v, const struct tr__val *key,
                 struct tr__val *out)
{
    int rc = item(r, v, key, out);
    if (rc == 0 && tr__is_str(key))
        rc = attribute(r, v, key, out);
    return rc ? (rc > 0 ? 0 : rc) : nothing(r, v, key, out);
}

int tr__get_attribute(struct tr__run *r, const struct tr__val *v,
                      const struct tr__val *name,
                      struct tr__val *out)
{
    int rc = attribute(r, v, name, out);
    if (rc == 0)
        rc = item(r, v, name, out);
    return rc ? (rc > 0 ? 0 : rc) : nothing(r, v, name, out);
}

int tr__call_value(struct tr__run *r, const struct tr__val *f, const struct tr__args *args,
                   struct tr__val *out)
{
    const struct tr__type *type = tr__type(r, f);
    if (f->kind == TR__UNDEFINED)
        return tr__raise_undefined(r, f);
    if (!type->call)
        return tr__raise(r, "%s cannot be called", type->name);
    return type->call(r, f, args, out);
}

int tr__space_set(struct tr__run *r, struct tr__space *s, const struct tr__val *name,
                  const struct tr__val *v)
{
    if (tr__steps(r, s->n / 8))
        return r->err->code;
    for (size_t i = 0; i < s->n; i++)
        if (tr__equal(r, &s->pair[i].key, name) == 1) {
            s->pair[i].value = *v;
            return 0;
        }
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4;
        struct tr__pair *more = tr__alloc(r, cap, sizeof *more);
        if (!more)
            return r->err->code;
        if (s->n)
            memcpy(more, s->pair, s->n * sizeof *more);
        s->pair = more;
        s->cap = cap;
    }
    s->pair[s->n++] = (struct tr__pair){ *name, *v };
    return 0;
}

int tr__namespace_set(struct tr__run *r, struct tr__space *s, const struct tr__val *name,
                      const struct tr__val *v)
{
    if (name->n && *name->as.s == '_' && tr__is_str(name))
        return tr__raise(r, "a namespace takes no name that begins with '_'");
    return tr__space_set(r, s, name, v);
}
