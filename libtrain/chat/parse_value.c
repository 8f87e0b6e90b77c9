/* SPDX-License-Identifier: MIT
 *
 * Names, literals, and what is appended to a value: .y, [y], (…), | filter, is test.
 * Arguments with * or ** are refused: no template has them.  Next: parser.c.
 */
#include <libtrain/chat/parse_value.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

static struct tr__node *constant(struct tr__parser *p, uint32_t line, struct tr__val v)
{
    struct tr__node *n = tr__expression_node(p, line, tr__eval_const);
    if (n)
        n->value = v;
    return n;
}

static struct tr__node *name(struct tr__parser *p)
{
    static const struct { const char *s; enum tr__kind kind; int is; } word[] = {
        { "true", TR__BOOL, 1 }, { "True", TR__BOOL, 1 }, { "false", TR__BOOL, 0 },
        { "False", TR__BOOL, 0 }, { "none", TR__NONE, 0 }, { "None", TR__NONE, 0 }
    };
    const struct tr__lex *t = p->t;
    struct tr__node *n;
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (tr__skip_name(p, word[i].s))
            return constant(p, t->line, (struct tr__val){ .kind = (uint8_t)word[i].kind,
                                                          .as.i = word[i].is });
    n = tr__expression_node(p, t->line, tr__eval_name);
    if (!n)
        return NULL;
    p->t++;
    n->value = tr__str(t->s, t->n, TR__OURS);
    tr__use(p, TR__USE_LOAD, t->s, t->n, n);
    return n;
}

/* 'a' "b": neighbours are one string. */
static struct tr__node *string(struct tr__parser *p)
{
    const struct tr__lex *t = p->t;
    size_t n = 0;
    char *s;
    while (p->t->kind == TR__LEX_STRING)
        n += p->t++->n;
    if (p->t == t + 1)
        return constant(p, t->line, tr__str(t->s, t->n, TR__OURS));
    s = tr__pool_bytes(&p->chat->pool, n);
    if (!s) {
        tr_err_set(p->src.err, TR_ENOMEM, "'%s': no memory", p->src.name);
        return NULL;
    }
    struct tr__node *got = constant(p, t->line, tr__str(s, n, TR__OURS));
    for (; t < p->t; s += t->n, t++)
        memcpy(s, t->s, t->n);
    return got;
}

/* [a, b] and {k: v}: expressions up to the bracket. */
static struct tr__node *literal(struct tr__parser *p, const char *close, tr__eval *eval)
{
    uint32_t line = p->t++->line;
    struct tr__nodes list = { 0 };
    int ok = 1, pairs = *close == '}';
    while (ok && !tr__at_sign(p, close)) {
        ok = (list.n == 0 || !tr__expect_sign(p, ","));
        if (!ok || tr__at_sign(p, close))
            break;
        ok = !tr__nodes_add(p, &list, p->expression(p));
        if (ok && pairs)
            ok = !tr__expect_sign(p, ":") &&
                 !tr__nodes_add(p, &list, p->expression(p));
    }
    ok = ok && !tr__expect_sign(p, close);
    return tr__nodes_done(p, &list, tr__expression_node(p, line, eval), ok);
}

static struct tr__node *no_items(struct tr__parser *p)
{
    struct tr__nodes none = { 0 };
    return tr__nodes_done(p, &none, tr__expression_node(p, p->t->line, tr__eval_tuple), 1);
}

static struct tr__node *parenthesis(struct tr__parser *p)
{
    struct tr__node *n;
    p->t++;
    if (tr__skip_sign(p, ")"))
        return no_items(p);
    n = p->tuple(p);
    return n && !tr__expect_sign(p, ")") ? n : NULL;
}

static struct tr__node *primary(struct tr__parser *p)
{
    const struct tr__lex *t = p->t;
    if (t->kind == TR__LEX_NAME)
        return name(p);
    if (t->kind == TR__LEX_STRING)
        return string(p);
    if (t->kind == TR__LEX_INT || t->kind == TR__LEX_REAL) {
        p->t++;
        return constant(p, t->line, t->kind == TR__LEX_INT ? tr__int(t->i)
                        : tr__float(t->x));
    }
    if (tr__at_sign(p, "("))
        return parenthesis(p);
    if (tr__at_sign(p, "["))
        return literal(p, "]", tr__eval_list);
    if (tr__at_sign(p, "{"))
        return literal(p, "}", tr__eval_dict);
    tr__unexpected(p, "an expression");
    return NULL;
}

static int named_argument(struct tr__parser *p, struct tr__keyword **list, size_t *n,
                          size_t *cap)
{
    const struct tr__lex *t = p->t;
    struct tr__node *value;
    p->t += 2;
    value = p->expression(p);
    if (!value)
        return -1;
    if (tr__grow(list, cap, *n + 1, sizeof **list))
        return tr_err_sys(p->src.err, "'%s'", p->src.name);
    (*list)[(*n)++] = (struct tr__keyword){ t->s, t->n, value };
    return 0;
}

static int argument(struct tr__parser *p, struct tr__nodes *at, struct tr__keyword **named,
                    size_t *n, size_t *cap)
{
    if (tr__at_sign(p, "*") || tr__at_sign(p, "**"))
        return tr__parse_fail(p, p->t->line, "arguments with '*' are not supported");
    if (p->t->kind == TR__LEX_NAME && p->t[1].kind == TR__LEX_SIGN && p->t[1].n == 1 &&
        *p->t[1].s == '=')
        return named_argument(p, named, n, cap);
    if (*n)
        return tr__parse_fail(p, p->t->line, "an argument without a name behind one with");
    return tr__nodes_add(p, at, p->expression(p));
}

static int keep_named(struct tr__parser *p, struct tr__node *call,
                      const struct tr__keyword *named, size_t n)
{
    if (!(call->named = tr__parse_alloc(p, n, sizeof *named)))
        return -1;
    call->n_named = n;
    for (size_t i = 0; i < n; i++) {
        call->named[i] = named[i];
        if (tr__adopt(p, call, &call->named[i].value, named[i].value))
            return -1;
    }
    return 0;
}

/* (…) into the node of the call. */
static int arguments(struct tr__parser *p, struct tr__node *call)
{
    struct tr__nodes at = { 0 };
    struct tr__keyword *named = NULL;
    size_t n = 0, cap = 0, count = 0;
    int ok = call && !tr__expect_sign(p, "(");
    while (ok && !tr__at_sign(p, ")")) {
        ok = count++ == 0 || !tr__expect_sign(p, ",");
        if (ok && !tr__at_sign(p, ")"))
            ok = !argument(p, &at, &named, &n, &cap);
    }
    ok = ok && !tr__expect_sign(p, ")");
    ok = tr__nodes_done(p, &at, call, ok) && (n == 0 || !keep_named(p, call, named, n));
    free(named);
    return ok ? 0 : -1;
}

static struct tr__node *call(struct tr__parser *p, struct tr__node *callee)
{
    struct tr__node *n = tr__expression_node(p, p->t->line, tr__eval_call);
    return !arguments(p, n) && !tr__adopt(p, n, &n->a, callee) ? n : NULL;
}

static struct tr__node *attribute(struct tr__parser *p, struct tr__node *of)
{
    const struct tr__lex *t = ++p->t;
    struct tr__node *n = tr__expression_node(p, t->line, tr__eval_attribute);
    if (!n || tr__adopt(p, n, &n->a, of))
        return NULL;
    p->t++;
    if (t->kind == TR__LEX_NAME) {
        n->value = tr__str(t->s, t->n, TR__OURS);
        return n;
    }
    if (t->kind == TR__LEX_INT) {
        n->eval = tr__eval_item;
        return tr__adopt(p, n, &n->b, constant(p, t->line, tr__int(t->i))) ? NULL : n;
    }
    p->t--;
    tr__unexpected(p, "a name");
    return NULL;
}

static int slice_part(struct tr__parser *p, struct tr__node *n, size_t i)
{
    if (tr__at_sign(p, ":") || tr__at_sign(p, "]"))
        return 0;
    return tr__adopt(p, n, &n->item[i], p->expression(p));
}

static struct tr__node *item(struct tr__parser *p, struct tr__node *of)
{
    struct tr__node *n = tr__expression_node(p, p->t++->line, tr__eval_item);
    if (!n || tr__adopt(p, n, &n->a, of) ||
        !(n->item = tr__parse_alloc(p, 3, sizeof *n->item)))
        return NULL;
    n->item[0] = n->item[1] = n->item[2] = NULL;
    if (!tr__at_sign(p, ":")) { /* x[] and x[a, b] are asked for a tuple */
        if (tr__adopt(p, n, &n->b, tr__at_sign(p, "]") ? no_items(p) : p->tuple(p)))
            return NULL;
        n->item[0] = n->b;
    }
    if (!tr__skip_sign(p, ":"))
        return tr__expect_sign(p, "]") ? NULL : n;
    n->eval = tr__eval_slice;
    if (slice_part(p, n, 1) || (tr__skip_sign(p, ":") && slice_part(p, n, 2)))
        return NULL;
    return tr__expect_sign(p, "]") ? NULL : n;
}

static struct tr__node *postfix(struct tr__parser *p, struct tr__node *n)
{
    while (n) {
        if (tr__at_sign(p, "."))
            n = attribute(p, n);
        else if (tr__at_sign(p, "["))
            n = item(p, n);
        else if (tr__at_sign(p, "("))
            n = call(p, n);
        else
            break;
    }
    return n;
}

/* A filter's or test's name, and what it stands for. */
static struct tr__node *callable(struct tr__parser *p, int test)
{
    const struct tr__lex *t = tr__expect_name(p);
    struct tr__node *n = t ? tr__expression_node(p, t->line, tr__eval_filter) : NULL;
    if (!n)
        return NULL;
    n->value = tr__str(t->s, t->n, TR__OURS);
    n->sign = test;
    n->call = test ? p->find_test(t->s, t->n) : p->find_filter(t->s, t->n);
    if (tr__at_sign(p, ".") || !n->call) {
        n->eval = tr__eval_unknown;
        p->unknown = n;
        while (tr__skip_sign(p, "."))
            if (!tr__expect_name(p))
                return NULL;
    }
    return n;
}

struct tr__node *tr__parse_filters(struct tr__parser *p, struct tr__node *n, int first)
{
    while (first || tr__at_sign(p, "|")) {
        struct tr__node *f;
        p->t += !first;
        f = callable(p, 0);
        if (!f || (tr__at_sign(p, "(") && arguments(p, f)) ||
            (n && tr__adopt(p, f, &f->a, n)))
            return NULL;
        n = f;
        first = 0;
    }
    return n;
}

/* `is divisibleby 3`: one argument may stand without brackets. */
static int bare_argument(struct tr__parser *p, struct tr__node *test)
{
    struct tr__nodes one = { 0 };
    enum tr__token_kind k = p->t->kind;
    int begins = k == TR__LEX_NAME || k == TR__LEX_STRING || k == TR__LEX_INT ||
                 k == TR__LEX_REAL || tr__at_sign(p, "[") || tr__at_sign(p, "{");
    if (!begins || tr__at_name(p, "else") || tr__at_name(p, "or") || tr__at_name(p, "and"))
        return 0;
    if (tr__at_name(p, "is"))
        return tr__parse_fail(p, p->t->line, "'is' behind a test");
    int ok = !tr__nodes_add(p, &one, postfix(p, primary(p)));
    return tr__nodes_done(p, &one, test, ok) ? 0 : -1;
}

static struct tr__node *test(struct tr__parser *p, struct tr__node *of)
{
    uint32_t line = p->t++->line;
    int negated = tr__skip_name(p, "not");
    struct tr__node *n = callable(p, 1), *no;
    if (!n || tr__adopt(p, n, &n->a, of) ||
        (tr__at_sign(p, "(") ? arguments(p, n) : bare_argument(p, n)))
        return NULL;
    if (!negated)
        return n;
    no = tr__expression_node(p, line, tr__eval_not);
    return no && !tr__adopt(p, no, &no->a, n) ? no : NULL;
}

static struct tr__node *with_filters(struct tr__parser *p, struct tr__node *n)
{
    while (n) {
        if (tr__at_sign(p, "|"))
            n = tr__parse_filters(p, n, 0);
        else if (tr__at_name(p, "is"))
            n = test(p, n);
        else if (tr__at_sign(p, "("))
            n = call(p, n);
        else
            break;
    }
    return n;
}

static struct tr__node *signed_value(struct tr__parser *p, const struct tr__operator *op)
{
    struct tr__node *n = tr__expression_node(p, p->t++->line, tr__eval_unary), *a;
    if (++p->depth > 64) {
        tr__parse_fail(p, p->t->line, "expressions are nested too deep");
        return NULL;
    }
    a = tr__parse_unary(p, 0);
    p->depth--;
    if (!n || tr__adopt(p, n, &n->a, a))
        return NULL;
    n->op = op;
    return n;
}

struct tr__node *tr__parse_unary(struct tr__parser *p, int filters)
{
    struct tr__node *n;
    if (tr__at_sign(p, "-"))
        n = signed_value(p, &tr__operator_negate);
    else if (tr__at_sign(p, "+"))
        n = signed_value(p, &tr__operator_plus);
    else
        n = primary(p);
    n = postfix(p, n);
    return filters ? with_filters(p, n) : n;
}
