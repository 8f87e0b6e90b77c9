/* SPDX-License-Identifier: MIT
 *
 * {% macro name(a, b=1) %} … {% endmacro %}.  A macro sees the variables of where it
 * stands in the text, as they are when it is called, and gives a string.  Next:
 * statement_generation.c.
 */
#include <libtrain/chat/capture.h>
#include <libtrain/chat/parser.h>

#include <string.h>

/* A macro value: its node, and the frame that it was made in. */
static const struct tr__keyword *parameters(const struct tr__node *n)
{
    return n->named;
}

static const struct tr__val *given(const struct tr__args *args, size_t i,
                                   const struct tr__keyword *param, size_t *used)
{
    if (i < args->n)
        return &args->at[i];
    for (size_t k = 0; k < args->n_named; k++)
        if (args->named[k].n == param->n &&
            memcmp(args->named[k].name, param->name, param->n) == 0) {
            ++*used;
            return &args->named[k].value;
        }
    return NULL;
}

/* Defaults are computed by each call, from left to right. */
static int bind(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                const struct tr__args *args)
{
    size_t used = 0;
    for (size_t i = 0; i < n->n_named; i++) {
        const struct tr__keyword *param = &parameters(n)[i];
        const struct tr__val *v = given(args, i, param, &used);
        if (v)
            f->slot[i] = *v;
    }
    if (args->n > n->n_named || used < args->n_named)
        return tr__raise(r, "macro '%.*s' does not take these arguments", (int)n->value.n,
                         n->value.as.s);
    for (size_t i = 0; i < n->n_named; i++) {
        const struct tr__keyword *param = &parameters(n)[i];
        if (f->slot[i].kind != TR__MISSING)
            continue;
        if (!param->value)
            f->slot[i] = tr__undefined(NULL, param->name, param->n);
        else if (tr__evaluate(r, f, param->value, &f->slot[i]))
            return r->err->code;
    }
    return 0;
}

static int call(struct tr__run *r, const struct tr__val *v, const struct tr__args *args,
                struct tr__val *out)
{
    const struct tr__node *n = v->as.any;
    struct tr__frame *f = tr__enter(r, n->scope, (struct tr__frame *)v->more);
    uint32_t line = r->line;
    int rc;
    if (!f || bind(r, f, n, args))
        return r->err->code;
    rc = tr__exec_captured(r, f, n->c, out);
    r->line = line;
    return rc;
}

static int run_macro(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    struct tr__val v = { .kind = TR__MACRO, .as.any = n, .more = f };
    return tr__assign(r, f, n->a, &v);
}

static int parameter(struct tr__parser *p, struct tr__node *macro,
                     const struct tr__keyword *before)
{
    const struct tr__lex *t = tr__expect_name(p);
    struct tr__keyword *k = &macro->named[macro->n_named];
    if (!t)
        return -1;
    *k = (struct tr__keyword){ t->s, t->n, NULL };
    for (const struct tr__keyword *other = macro->named; other < k; other++)
        if (other->n == k->n && memcmp(other->name, k->name, k->n) == 0)
            return tr__parse_fail(p, t->line, "two parameters '%.*s'", (int)t->n, t->s);
    macro->n_named++;
    tr__use(p, TR__USE_PARAMETER, t->s, t->n, NULL);
    if (tr__skip_sign(p, "="))
        return tr__adopt(p, macro, &k->value, tr__parse_expression(p));
    if (before && before->value)
        return tr__parse_fail(p, t->line, "a parameter without a default behind one with");
    return 0;
}

enum { MAX_PARAMETERS = 32 };

static int signature(struct tr__parser *p, struct tr__node *n)
{
    if (tr__expect_sign(p, "(") ||
        !(n->named = tr__parse_alloc(p, MAX_PARAMETERS, sizeof *n->named)))
        return -1;
    while (!tr__at_sign(p, ")")) {
        size_t i = n->n_named;
        if (i == MAX_PARAMETERS)
            return tr__parse_fail(p, n->line, "a macro of more than %d parameters",
                                  MAX_PARAMETERS);
        if ((i > 0 && tr__expect_sign(p, ",")) ||
            parameter(p, n, i > 0 ? &n->named[i - 1] : NULL))
            return -1;
    }
    return tr__expect_sign(p, ")");
}

/* Python gives a macro that speaks of them what was passed beyond its parameters. */
static int speaks_of(struct tr__parser *p, const struct tr__scope *s)
{
    static const char *const word[] = { "caller", "varargs", "kwargs" };
    for (size_t i = 0; i < s->n_use; i++)
        for (size_t k = 0; k < 3; k++)
            if (s->use[i].kind == TR__USE_LOAD && s->use[i].n == strlen(word[k]) &&
                memcmp(s->use[i].name, word[k], s->use[i].n) == 0)
                return tr__parse_fail(p, s->use[i].node->line,
                                      "'%s' in a macro is not supported", word[k]);
    return 0;
}

static int inner(struct tr__parser *p, struct tr__node *n)
{
    struct tr__outer outer;
    int in_loop = p->in_loop;
    int ok = (n->scope = tr__open_scope(p, &outer)) != NULL && !signature(p, n);
    p->captured++;
    p->in_loop = 0;
    ok = ok && !tr__check_known(p) && !tr__adopt(p, n, &n->c, p->body(p, "endmacro")) &&
         !speaks_of(p, n->scope);
    p->in_loop = in_loop;
    p->captured--;
    tr__close_scope(p, &outer);
    return ok ? 0 : -1;
}

static struct tr__node *parse(struct tr__parser *p)
{
    const struct tr__lex *t = tr__expect_name(p);
    struct tr__node *n = t ? tr__node(p, t->line) : NULL, *target;
    if (!n || !(target = tr__expression_node(p, t->line, tr__eval_name)))
        return NULL;
    target->value = n->value = tr__str(t->s, t->n, TR__OURS);
    n->a = target;
    n->exec = run_macro;
    tr__use(p, TR__USE_STORE, t->s, t->n, target);
    return inner(p, n) || tr__expect_end(p) ? NULL : n;
}

const struct tr__statement tr__statement_macro = { "macro", parse };
static int attribute(struct tr__run *r, const struct tr__val *v, const struct tr__val *name,
                     struct tr__val *out)
{
    (void)v;
    (void)out;
    return tr__raise(r, "'%.*s' of a macro is not supported",
                     (int)(name->n < 80 ? name->n : 80), name->as.s);
}

const struct tr__type tr__type_macro = {
    .name = "a macro", .attribute = attribute, .call = call
};
