/* SPDX-License-Identifier: MIT
 *
 * {% for x in y if z %} … {% else %} … {% endfor %}, break and continue.  What is set
 * in a turn is gone in the next.  A condition is asked when its item's turn comes.  Next:
 * statement_set.c.
 */
#include <libtrain/chat/parser.h>
#include <libtrain/chat/state.h>

static int turns(struct tr__loop *loop, struct tr__frame *f)
{
    struct tr__run *r = loop->r;
    const struct tr__node *n = loop->n;
    int rc;
    for (;; loop->index0++) {
        struct tr__val item = loop->after;
        loop->after.kind = TR__MISSING;
        rc = item.kind != TR__MISSING ? 1 : loop->ended ? 0 : tr__loop_next(loop, &item);
        if (rc <= 0)
            return rc;
        loop->before = loop->current;
        loop->current = item;
        tr__enter_again(r, n->scope, f);
        f->slot[n->slot] = (struct tr__val){ .kind = TR__LOOP, .as.any = loop };
        if (tr__assign(r, f, n->a, &item))
            return r->err->code;
        rc = tr__exec_body(r, f, n->item[0]);
        if (rc < 0 || rc == TR__BREAK)
            return rc < 0 ? rc : 0;
        loop->turned |= rc == TR__GO_ON;
    }
}

static int run_else(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    struct tr__frame *inner = tr__enter(r, n->item[1]->scope, f);
    return inner ? tr__exec_body(r, inner, n->item[1]) : r->err->code;
}

/* a: target, b: what is gone through, c: condition or NULL; item: body and else */
static int run_for(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    struct tr__val of;
    struct tr__frame *inner, *test = NULL;
    struct tr__loop *loop;
    int rc;
    if (tr__evaluate(r, f, n->b, &of))
        return r->err->code;
    r->line = n->line;
    if (tr__iterable(r, &of) || !(inner = tr__enter(r, n->scope, f)) ||
        (n->c && !(test = tr__enter(r, n->scope2, f))) ||
        !(loop = tr__alloc(r, 1, sizeof *loop)))
        return r->err->code;
    *loop = (struct tr__loop){ .r = r, .test = test, .n = n, .it = { of, 0 } };
    rc = turns(loop, inner);
    if (rc == 0 && !loop->turned && n->n_item > 1)
        return run_else(r, f, n);
    return rc;
}

/* A scope of its own, whose first variables are the target's, as in the loop's. */
static struct tr__node *condition(struct tr__parser *p, struct tr__node *loop)
{
    struct tr__outer outer;
    struct tr__node *n = NULL;
    if ((loop->scope2 = tr__open_scope(p, &outer))) {
        tr__declare(p, loop->a, 2);
        n = tr__parse_expression(p);
        if (tr__check_known(p))
            n = NULL;
    }
    tr__close_scope(p, &outer);
    return n;
}

static struct tr__node *body(struct tr__parser *p, struct tr__node *loop, const char *ends)
{
    struct tr__outer outer;
    struct tr__node *n = NULL;
    struct tr__scope *s = tr__open_scope(p, &outer);
    int in_loop = p->in_loop;
    if (s && loop) {
        loop->scope = s;
        tr__declare(p, loop->a, 1);
        tr__use(p, TR__USE_PARAMETER, "loop", 4, loop);
    }
    p->in_loop = loop ? 1 : in_loop;
    if (s && (n = p->body(p, ends)))
        n->scope = s;
    p->in_loop = in_loop;
    tr__close_scope(p, &outer);
    return n;
}

static int has_else(const struct tr__parser *p)
{
    return p->end->n == 4;
}

static struct tr__node *parse(struct tr__parser *p)
{
    struct tr__node *n = tr__node(p, p->t->line);
    struct tr__nodes list = { 0 };
    int ok = n && !tr__adopt(p, n, &n->a, tr__parse_target(p, 0));
    p->loops++;
    if (ok && !tr__skip_name(p, "in")) {
        tr__unexpected(p, "'in'");
        return NULL;
    }
    ok = ok && !tr__adopt(p, n, &n->b, tr__parse_condition(p));
    if (ok && tr__skip_name(p, "if"))
        ok = !tr__adopt(p, n, &n->c, condition(p, n));
    if (ok && tr__at_name(p, "recursive")) {
        tr__parse_fail(p, n->line, "recursive loops are not supported");
        return NULL;
    }
    ok = ok && !tr__nodes_add(p, &list, body(p, n, "else endfor"));
    if (ok && has_else(p))
        ok = !tr__nodes_add(p, &list, body(p, NULL, "endfor"));
    ok = ok && !tr__expect_end(p);
    p->loops--;
    if (ok)
        n->exec = run_for;
    return tr__nodes_done(p, &list, n, ok);
}

static int run_break(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    (void)r;
    (void)f;
    (void)n;
    return TR__BREAK;
}

static int run_continue(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    (void)r;
    (void)f;
    (void)n;
    return TR__CONTINUE;
}

static struct tr__node *leave(struct tr__parser *p, tr__exec *exec)
{
    struct tr__node *n = tr__node(p, p->t->line);
    if (n && !p->in_loop) {
        tr__parse_fail(p, n->line, "break and continue stand in a loop itself");
        return NULL;
    }
    if (n)
        n->exec = exec;
    return n && !tr__expect_end(p) ? n : NULL;
}

static struct tr__node *parse_break(struct tr__parser *p)
{
    return leave(p, run_break);
}

static struct tr__node *parse_continue(struct tr__parser *p)
{
    return leave(p, run_continue);
}

const struct tr__statement tr__statement_for = { "for", parse };
const struct tr__statement tr__statement_break = { "break", parse_break };
const struct tr__statement tr__statement_continue = { "continue", parse_continue };
