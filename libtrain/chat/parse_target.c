/* SPDX-License-Identifier: MIT
 *
 * What is assigned to: x, (x, y), and ns.x where attributes may be set.  Next: parser.c.
 */
#include <libtrain/chat/parser.h>

#include <string.h>

/* x, x.y or (x, y) */
static struct tr__node *one_target(struct tr__parser *p, int attributes)
{
    const struct tr__lex *t = p->t;
    struct tr__node *n;
    if (tr__skip_sign(p, "(")) {
        if (++p->depth > 64) {
            tr__parse_fail(p, t->line, "brackets are nested too deep");
            return NULL;
        }
        n = tr__parse_target(p, attributes);
        p->depth--;
        return n && !tr__expect_sign(p, ")") ? n : NULL;
    }
    if (!(t = tr__expect_name(p)) || !(n = tr__expression_node(p, t->line, tr__eval_name)))
        return NULL;
    n->value = tr__str(t->s, t->n, TR__OURS);
    if (tr__is_one_of(t, "true false none True False None")) {
        tr__parse_fail(p, t->line, "'%.*s' cannot be set", (int)t->n, t->s);
        return NULL;
    }
    if (!attributes || !tr__skip_sign(p, "."))
        return n;
    struct tr__node *attribute = tr__node(p, t->line);
    if (!attribute || tr__adopt(p, attribute, &attribute->a, n) ||
        !(t = tr__expect_name(p)))
        return NULL;
    attribute->value = tr__str(t->s, t->n, TR__OURS);
    return attribute;
}

struct tr__node *tr__parse_target(struct tr__parser *p, int attributes)
{
    struct tr__nodes list = { 0 };
    uint32_t line = p->t->line;
    struct tr__node *n = one_target(p, attributes);
    int ok = 1;
    if (!n || !tr__at_sign(p, ","))
        return n;
    ok = !tr__nodes_add(p, &list, n);
    while (ok && tr__skip_sign(p, ",") && !tr__at_sign(p, ")") && !tr__at_sign(p, "="))
        ok = !tr__nodes_add(p, &list, one_target(p, attributes));
    return tr__nodes_done(p, &list, tr__node(p, line), ok);
}

/* parameter 2: the same names in a scope whose slots are those of the nodes anyway */
void tr__declare(struct tr__parser *p, struct tr__node *target, int parameter)
{
    const struct tr__val *v = &target->value;
    if (p->loops && !target->a && v->n == 4 && memcmp(v->as.s, "loop", 4) == 0)
        tr__parse_fail(p, target->line, "'loop' cannot be set in a loop");
    if (target->a)
        tr__use(p, TR__USE_LOAD, target->a->value.as.s, target->a->value.n, target->a);
    else if (target->eval == tr__eval_name)
        tr__use(p, parameter ? TR__USE_PARAMETER : TR__USE_STORE, v->as.s, v->n,
                parameter == 2 ? NULL : target);
    for (size_t i = 0; i < target->n_item; i++)
        tr__declare(p, target->item[i], parameter);
}
