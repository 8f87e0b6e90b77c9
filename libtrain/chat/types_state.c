/* SPDX-License-Identifier: MIT
 *
 * Values that change: namespaces, `loop`, and generators, which are Python's: what map and
 * select give can be gone through once, has no length and is true even if nothing is in
 * it.  Templates that were written against Jinja may rely on that without knowing.  Next:
 * frames.c.
 */
#include <libtrain/chat/state.h>
#include <libtrain/chat/text.h>

#include <string.h>

int tr__generator(struct tr__run *r, const struct tr__call *c,
                  int (*make)(struct tr__run *r, const struct tr__generator *g,
                              struct tr__val *list),
                  struct tr__val *out)
{
    struct tr__generator *g = tr__alloc(r, 1, sizeof *g);
    struct tr__call *call = g ? tr__alloc(r, 1, sizeof *call) : NULL;
    if (!call)
        return r->err->code;
    *call = *c;
    *g = (struct tr__generator){ .make = make, .call = call };
    *out = (struct tr__val){ .kind = TR__GENERATOR, .as.any = g };
    return 0;
}

static int next_made(struct tr__run *r, struct tr__iter *it, struct tr__val *out)
{
    struct tr__generator *g = (struct tr__generator *)it->of.as.any;
    if (!g->made) {
        g->made = 1;
        if (g->make(r, g, &g->list))
            return r->err->code;
    }
    if (g->at >= g->list.n)
        return 0;
    *out = g->list.as.item[g->at++];
    return 1;
}

static int of_space(struct tr__run *r, const struct tr__val *v, const struct tr__val *name,
                    struct tr__val *out)
{
    const struct tr__space *s = v->as.any;
    struct tr__val dict = { .kind = TR__DICT, .n = s->n, .as.pair = s->pair };
    if (tr__steps(r, s->n / 8))
        return TR_EFORMAT;
    return tr__lookup(&dict, name->as.s, name->n, out);
}

static void print_space(struct tr__build *b, const struct tr__val *v, int repr)
{
    const struct tr__space *s = v->as.any;
    struct tr__val dict = { .kind = TR__DICT, .n = s->n, .as.pair = s->pair };
    (void)repr;
    tr__put_ours(b, "<Namespace ");
    if (b->r->depth++ < TR_CHAT_MAX_DEPTH) /* it may hold itself */
        tr__put_repr(b, &dict);
    else
        tr__build_fail(b, tr__raise(b->r, "a namespace that holds itself"));
    b->r->depth--;
    tr__put_ours(b, ">");
}

int tr__loop_next(struct tr__loop *loop, struct tr__val *out)
{
    struct tr__run *r = loop->r;
    const struct tr__node *n = loop->n;
    for (;;) {
        struct tr__val yes;
        int rc = tr__next(r, &loop->it, out);
        if (rc <= 0 || !n->c)
            return rc;
        tr__enter_again(r, n->scope2, loop->test);
        if (tr__assign(r, loop->test, n->a, out) || tr__evaluate(r, loop->test, n->c, &yes))
            return r->err->code;
        if (tr__truth(r, &yes))
            return 1;
    }
}

/* Looks ahead: 1 and `after`, 0 at the end, or a negative code. */
static int peek(struct tr__loop *loop)
{
    if (loop->after.kind == TR__MISSING && !loop->ended) {
        struct tr__val item;
        int rc = tr__loop_next(loop, &item);
        if (rc < 0)
            return rc;
        loop->ended = rc == 0;
        if (rc)
            loop->after = item;
    }
    return loop->after.kind != TR__MISSING;
}

static int first(struct tr__loop *l, struct tr__val *out)
{
    *out = tr__bool(l->index0 == 0);
    return 1;
}

static int last(struct tr__loop *l, struct tr__val *out)
{
    int more = peek(l);
    *out = tr__bool(more == 0);
    return more < 0 ? more : 1;
}

static int index0(struct tr__loop *l, struct tr__val *out)
{
    *out = tr__int(l->index0);
    return 1;
}

static int index1(struct tr__loop *l, struct tr__val *out)
{
    *out = tr__int(l->index0 + 1);
    return 1;
}

static int previous(struct tr__loop *l, struct tr__val *out)
{
    *out = l->index0 > 0 ? l->before : tr__undefined(NULL, "loop.previtem", 13);
    return 1;
}

static int next(struct tr__loop *l, struct tr__val *out)
{
    int more = peek(l);
    *out = more > 0 ? l->after : tr__undefined(NULL, "loop.nextitem", 13);
    return more < 0 ? more : 1;
}

static int length(struct tr__loop *l, struct tr__val *out)
{
    const struct tr__val *of = &l->it.of;
    if (l->n->c || !tr__type(l->r, of)->sized)
        return tr__raise(l->r, "the length of a loop with a condition, or over a "
                               "generator, is not supported");
    *out = tr__int((int64_t)(tr__is_str(of) ? tr__char_count(of->as.s, of->n) : of->n));
    return 1;
}

static int from_end(struct tr__loop *l, struct tr__val *out)
{
    int rc = length(l, out);
    out->as.i -= l->index0;
    return rc;
}

static int from_end0(struct tr__loop *l, struct tr__val *out)
{
    int rc = length(l, out);
    out->as.i -= l->index0 + 1;
    return rc;
}

static int depth(struct tr__loop *l, struct tr__val *out)
{
    (void)l;
    *out = tr__int(1);
    return 1;
}

static int depth0(struct tr__loop *l, struct tr__val *out)
{
    (void)l;
    *out = tr__int(0);
    return 1;
}

static const struct {
    const char *name;
    int (*get)(struct tr__loop *l, struct tr__val *out);
} attributes[] = {
    { "first", first }, { "last", last }, { "index0", index0 }, { "index", index1 },
    { "previtem", previous }, { "nextitem", next }, { "length", length },
    { "revindex", from_end }, { "revindex0", from_end0 }, { "depth", depth },
    { "depth0", depth0 }
};

static int of_loop(struct tr__run *r, const struct tr__val *v, const struct tr__val *name,
                   struct tr__val *out)
{
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (strlen(attributes[i].name) == name->n &&
            memcmp(attributes[i].name, name->as.s, name->n) == 0)
            return attributes[i].get((struct tr__loop *)v->as.any, out);
    if (name->n && *name->as.s == '_')
        return 0;
    return tr__raise(r, "loop.%.*s is not supported", (int)(name->n < 80 ? name->n : 80),
                     name->as.s);
}

const struct tr__type tr__type_generator = { .name = "a generator", .next = next_made };
const struct tr__type tr__type_namespace = {
    .name = "a namespace", .attribute = of_space, .print = print_space
};
const struct tr__type tr__type_loop = { .name = "a loop", .attribute = of_loop };
