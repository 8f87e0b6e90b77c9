/* SPDX-License-Identifier: MIT
 *
 * Methods of dicts, lists and tuples; those that change them are hidden (methods.def).
 * Next: methods.c.
 */
#include <libtrain/chat/args.h>
#include <libtrain/chat/methods.h>

int tr__dict_get(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int rc;
    if (c->arg[0].kind == TR__LIST || c->arg[0].kind == TR__DICT)
        return tr__raise(r, "%s cannot be a key", tr__type(r, &c->arg[0])->name);
    rc = tr__type(r, &c->self)->item(r, &c->self, &c->arg[0], out);
    if (rc == 0)
        *out = tr__given(c, 1) ? c->arg[1] : tr__none();
    return rc < 0 ? rc : 0;
}

int tr__dict_items(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    (void)r;
    *out = c->self;
    out->kind = TR__ITEMS;
    return 0;
}

int tr__dict_keys(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    (void)r;
    *out = c->self;
    out->kind = TR__KEYS;
    return 0;
}

int tr__dict_values(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    (void)r;
    *out = c->self;
    out->kind = TR__VALUES;
    return 0;
}

int tr__dict_copy(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    (void)r;
    *out = c->self;
    return 0;
}

int tr__list_copy(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    (void)r;
    *out = c->self;
    return 0;
}

static int position(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t n = (int64_t)c->self.n, from, to;
    if (tr__int_arg(r, c, 1, 0, &from) || tr__int_arg(r, c, 2, n, &to) ||
        tr__steps(r, c->self.n))
        return r->err->code;
    from += from < 0 ? n : 0;
    to += to < 0 ? n : 0;
    for (from = from < 0 ? 0 : from; from < to && from < n; from++) {
        int same = tr__equal(r, &c->self.as.item[from], &c->arg[0]);
        *out = tr__int(from);
        if (same)
            return same < 0 ? same : 0;
    }
    return tr__raise(r, "'index': there is no such item");
}

static int count(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    *out = tr__int(0);
    for (size_t i = 0; i < c->self.n; i++) {
        int same = tr__equal(r, &c->self.as.item[i], &c->arg[0]);
        if (same < 0)
            return same;
        out->as.i += same;
    }
    return tr__steps(r, c->self.n);
}

int tr__list_index(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return position(r, c, out);
}

int tr__list_count(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return count(r, c, out);
}

int tr__tuple_index(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return position(r, c, out);
}

int tr__tuple_count(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return count(r, c, out);
}
