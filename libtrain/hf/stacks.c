/* SPDX-License-Identifier: MIT
 *
 * Experts that are tensors of their own and one tensor in GGUF.  They stand where the last of
 * their block does, in the order of the family's table.
 */
#include <libtrain/hf/made.h>

#include <stdlib.h>
#include <string.h>

static int same_shape(const struct tr__hf_tensor *a, const struct tr__hf_tensor *b)
{
    return a->n_dim == b->n_dim && a->dtype == b->dtype &&
           !memcmp(a->dim, b->dim, sizeof a->dim);
}

void tr__hf_stacks_release(struct tr__hf_stacks *s)
{
    for (size_t i = 0; i < s->n; i++)
        tr__hf_made_drop(&s->made[i]);
    free(s->made);
    free(s->here);
}

static struct tr__hf_made *stack_of(struct tr__hf_plan *p, struct tr__hf_stacks *s,
                                    const struct tr__hf_found *f, size_t *at,
                                    struct tr_err *err)
{
    for (*at = 0; *at < s->n; ++*at)
        if (s->made[*at].place.name == f->name && s->made[*at].layer == f->layer)
            return &s->made[*at];
    if (tr__grow(&s->made, &s->cap, s->n + 1, sizeof *s->made) ||
        tr__grow(&s->here, &s->cap_here, s->n + 1, sizeof *s->here)) {
        (void)tr_err_set(err, TR_ENOMEM, "out of memory for a list of tensors");
        return NULL;
    }
    if (tr__hf_made_begin(p, f, (size_t)p->size->n_expert, &s->made[s->n], err))
        return NULL;
    s->here[s->n] = 0;
    return &s->made[s->n++];
}

/* 1 if all experts of all stacks of a block are there: then *n are told. */
static int is_whole(const struct tr__hf_plan *p, const struct tr__hf_stacks *s, int64_t layer)
{
    size_t want = 0, have = 0;
    for (const struct tr__hf_name *n = p->arch->tensor; n->gguf || n->hf; n++)
        want += tr__hf_is_stack(n) && !n->may;
    for (size_t i = 0; i < s->n; i++)
        have += s->made[i].layer == layer && s->here[i] == s->made[i].n_from;
    return have == want;
}

/* Those of a block go into the plan, in the order of the table. */
static int add_block(struct tr__hf_plan *p, struct tr__hf_stacks *s, int64_t layer,
                     struct tr_err *err)
{
    int rc = 0;
    for (const struct tr__hf_name *n = p->arch->tensor; !rc && (n->gguf || n->hf); n++)
        for (size_t i = 0; !rc && i < s->n; i++)
            if (s->made[i].place.name == n && s->made[i].layer == layer) {
                struct tr__hf_made m = s->made[i];
                s->made[i] = s->made[s->n - 1];
                s->here[i] = s->here[--s->n];
                rc = tr__hf_made_end(p, &m, err);
            }
    return rc;
}

int tr__hf_stacks_add(struct tr__hf_plan *p, struct tr__hf_stacks *s,
                      const struct tr__hf_found *f, const struct tr__hf_tensor *t,
                      struct tr_err *err)
{
    size_t at;
    struct tr__hf_made *m;
    if (f->expert >= p->size->n_expert)
        return tr_err_set(err, TR_EFORMAT, "tensor '%s' of a model of %lld experts", t->name,
                          (long long)p->size->n_expert);
    m = stack_of(p, s, f, &at, err);
    if (!m)
        return TR_ENOMEM;
    for (size_t i = 0; i < m->n_from; i++)
        if (m->from[i] && !same_shape(m->from[i], t))
            return tr_err_set(err, TR_EFORMAT, "tensors '%s' and '%s' have other shapes or "
                              "types", m->from[i]->name, t->name);
    m->from[f->expert] = t;
    s->here[at]++;
    return is_whole(p, s, f->layer) ? add_block(p, s, f->layer, err) : 0;
}

int tr__hf_stacks_done(const struct tr__hf_stacks *s, struct tr_err *err)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->made[i].n_from; k++)
            if (!s->made[i].from[k]) {
                char name[TR__HF_NAME_BYTES];
                struct tr__hf_found f = { s->made[i].place.name, s->made[i].layer,
                                          (int64_t)k };
                tr__hf_print_hf(name, &f);
                return tr_err_set(err, TR_EFORMAT, "no tensor '%s'", name);
            }
    return s->n ? tr_err_set(err, TR_EFORMAT, "experts of block %lld are missing",
                             (long long)s->made[0].layer)
                : 0;
}
