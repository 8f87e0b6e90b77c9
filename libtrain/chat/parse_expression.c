/* SPDX-License-Identifier: MIT
 *
 * Expressions, by Jinja's order of operators: if, or, and, not, comparisons, + and -, ~,
 * then * / // %, **, signs, and last what stands behind a value: .y [y] (…), | and is.
 * Next: parse_value.c, parser.c.
 */
#include <libtrain/chat/parse_value.h>
#include <libtrain/chat/parser.h>

#include <string.h>

enum { DEEPEST = 64 }; /* brackets and nots in each other */

static struct tr__node *two(struct tr__parser *p, uint32_t line, tr__eval *eval,
                            struct tr__node *a, struct tr__node *b)
{
    struct tr__node *n = tr__expression_node(p, line, eval);
    return n && !tr__adopt(p, n, &n->a, a) && !tr__adopt(p, n, &n->b, b) ? n : NULL;
}

static struct tr__node *binary(struct tr__parser *p, uint32_t line,
                               const struct tr__operator *op, struct tr__node *a,
                               struct tr__node *b)
{
    struct tr__node *n = two(p, line, tr__eval_binary, a, b);
    if (n)
        n->op = op;
    return n;
}

static struct tr__node *parse_power(struct tr__parser *p)
{
    struct tr__node *n = tr__parse_unary(p, 1);
    while (n && tr__at_sign(p, "**")) {
        uint32_t line = p->t++->line;
        n = binary(p, line, &tr__operator_power, n, tr__parse_unary(p, 1));
    }
    return n;
}

struct level { const char *sign; const struct tr__operator *op; };

/* Operators of one level, from left to right. */
static struct tr__node *chain(struct tr__parser *p, const struct level *level,
                              struct tr__node *(*next)(struct tr__parser *p))
{
    struct tr__node *n = next(p);
    while (n) {
        const struct level *l = level;
        while (l->sign && !tr__at_sign(p, l->sign))
            l++;
        if (!l->sign)
            break;
        uint32_t line = p->t++->line;
        n = binary(p, line, l->op, n, next(p));
    }
    return n;
}

static struct tr__node *parse_product(struct tr__parser *p)
{
    static const struct level level[] = { { "*", &tr__operator_multiply },
                                          { "/", &tr__operator_divide },
                                          { "//", &tr__operator_floor },
                                          { "%", &tr__operator_modulo },
                                          { NULL, NULL } };
    return chain(p, level, parse_power);
}

static struct tr__node *parse_concat(struct tr__parser *p)
{
    struct tr__node *n = parse_product(p);
    while (n && tr__at_sign(p, "~")) {
        uint32_t line = p->t++->line;
        n = two(p, line, tr__eval_concat, n, parse_product(p));
    }
    return n;
}

static struct tr__node *parse_sum(struct tr__parser *p)
{
    static const struct level level[] = { { "+", &tr__operator_add },
                                          { "-", &tr__operator_subtract },
                                          { NULL, NULL } };
    return chain(p, level, parse_concat);
}

/* The comparison that comes next, passed over, or -1. */
static int comparison(struct tr__parser *p)
{
    static const char *const sign[] = { "==", "!=", "<", ">", "<=", ">=" };
    for (int i = 0; i < 6; i++)
        if (tr__skip_sign(p, sign[i]))
            return i;
    if (tr__skip_name(p, "in"))
        return TR__IN;
    if (!tr__skip_name(p, "not"))
        return -1;
    if (tr__skip_name(p, "in"))
        return TR__NOT_IN;
    p->t--;
    return -1;
}

static struct tr__node *parse_comparison(struct tr__parser *p)
{
    uint32_t line = p->t->line;
    struct tr__node *left = parse_sum(p), *n, *right;
    struct tr__nodes list = { 0 };
    int what = left ? comparison(p) : -1, ok = 1;
    if (what < 0)
        return left;
    n = tr__expression_node(p, line, tr__eval_compare);
    ok = n && !tr__adopt(p, n, &n->a, left);
    for (; ok && what >= 0; what = ok ? comparison(p) : -1) {
        right = parse_sum(p);
        ok = !tr__nodes_add(p, &list, right);
        if (ok)
            right->sign = what;
    }
    return tr__nodes_done(p, &list, n, ok);
}

static struct tr__node *parse_not(struct tr__parser *p)
{
    struct tr__node *n, *a;
    uint32_t line = p->t->line;
    if (!tr__skip_name(p, "not"))
        return parse_comparison(p);
    if (++p->depth > DEEPEST) {
        tr__parse_fail(p, line, "expressions are nested too deep");
        return NULL;
    }
    a = parse_not(p);
    p->depth--;
    n = tr__expression_node(p, line, tr__eval_not);
    return n && !tr__adopt(p, n, &n->a, a) ? n : NULL;
}

static struct tr__node *parse_and(struct tr__parser *p)
{
    struct tr__node *n = parse_not(p);
    while (n && tr__at_name(p, "and")) {
        uint32_t line = p->t++->line;
        n = two(p, line, tr__eval_and, n, parse_not(p));
    }
    return n;
}

struct tr__node *tr__parse_or(struct tr__parser *p)
{
    struct tr__node *n = parse_and(p);
    while (n && tr__at_name(p, "or")) {
        uint32_t line = p->t++->line;
        n = two(p, line, tr__eval_or, n, parse_and(p));
    }
    return n;
}

static struct tr__node *choice(struct tr__parser *p, uint32_t line, struct tr__node *yes)
{
    struct tr__node *n = two(p, line, tr__eval_choice, tr__parse_or(p), yes);
    if (n && tr__skip_name(p, "else") && tr__adopt(p, n, &n->c, tr__parse_expression(p)))
        return NULL;
    return n;
}

static struct tr__node *parse_choice(struct tr__parser *p)
{
    const struct tr__node *unknown = p->unknown;
    struct tr__node *n = tr__parse_or(p);
    while (n && tr__at_name(p, "if")) {
        uint32_t line = p->t++->line;
        n = choice(p, line, n);
        p->unknown = unknown; /* in a branch it may stand */
    }
    return n;
}

struct tr__node *tr__parse_expression(struct tr__parser *p)
{
    struct tr__node *n;
    if (++p->depth > DEEPEST) {
        tr__parse_fail(p, p->t->line, "expressions are nested too deep");
        return NULL;
    }
    n = parse_choice(p);
    p->depth--;
    return n;
}

static int tuple_ends(const struct tr__parser *p)
{
    return p->t->kind == TR__LEX_PRINT_END || p->t->kind == TR__LEX_TAG_END ||
           tr__at_sign(p, ")");
}

/* One expression, or several with commas, which are a tuple. */
static struct tr__node *tuple(struct tr__parser *p,
                              struct tr__node *(*part)(struct tr__parser *p))
{
    uint32_t line = p->t->line;
    struct tr__nodes list = { 0 };
    struct tr__node *first;
    int ok = 1;
    if (tuple_ends(p)) {
        tr__unexpected(p, "an expression");
        return NULL;
    }
    first = part(p);
    if (!first || !tr__at_sign(p, ","))
        return first;
    ok = !tr__nodes_add(p, &list, first);
    while (ok && tr__skip_sign(p, ",") && !tuple_ends(p))
        ok = !tr__nodes_add(p, &list, part(p));
    return tr__nodes_done(p, &list, tr__expression_node(p, line, tr__eval_tuple), ok);
}

struct tr__node *tr__parse_tuple(struct tr__parser *p)
{
    return tuple(p, tr__parse_expression);
}

struct tr__node *tr__parse_condition(struct tr__parser *p)
{
    return tuple(p, tr__parse_or);
}
