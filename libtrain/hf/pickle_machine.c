/* SPDX-License-Identifier: MIT
 *
 * The arrays of the machine: how they grow and where that ends.  A pickle may ask for a new
 * thing with each byte, so what is allowed is a number of things, not of bytes.
 */
#include <libtrain/hf/pickle_machine.h>

enum { MAX_THINGS = 1 << 22 }; /* of each array: 100,000 tensors need half of it */

int tr__pk_fail(const struct tr__pk_machine *m, const char *what, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s' pickle byte %llu (%s): %s", m->path,
                      (unsigned long long)m->op_at, m->op_name, what);
}

int tr__pk_room(struct tr__pk_machine *m, void *array, size_t *cap, size_t n, size_t size,
                struct tr_err *err)
{
    if (n >= MAX_THINGS)
        return tr__pk_fail(m, "more than any model has: refused", err);
    return tr__grow(array, cap, n + 1, size) ? tr_err_sys(err, "'%s'", m->path) : 0;
}

int tr__pk_add(struct tr__pk_machine *m, struct tr__pk_values *to, struct tr__pk_value v,
               struct tr_err *err)
{
    int rc = tr__pk_room(m, &to->at, &to->cap, to->n, sizeof v, err);
    if (!rc)
        to->at[to->n++] = v;
    return rc;
}

int tr__pk_push(struct tr__pk_machine *m, struct tr__pk_value v, struct tr_err *err)
{
    return tr__pk_add(m, &m->stack, v, err);
}

int tr__pk_push_dict(struct tr__pk_machine *m, struct tr_err *err)
{
    return tr__pk_push(m, (struct tr__pk_value){ .kind = TR__PK_DICT, .is.i = m->n_dict++ },
                       err);
}

int tr__pk_pop(struct tr__pk_machine *m, struct tr__pk_value *v, struct tr_err *err)
{
    *v = (struct tr__pk_value){ 0 };
    if (!m->stack.n || m->stack.at[m->stack.n - 1].kind == TR__PK_MARK)
        return tr__pk_fail(m, "nothing on the stack", err);
    *v = m->stack.at[--m->stack.n];
    return 0;
}

int tr__pk_peek(const struct tr__pk_machine *m, struct tr__pk_value *v, struct tr_err *err)
{
    *v = (struct tr__pk_value){ 0 };
    if (!m->stack.n || m->stack.at[m->stack.n - 1].kind == TR__PK_MARK)
        return tr__pk_fail(m, "nothing on the stack", err);
    *v = m->stack.at[m->stack.n - 1];
    return 0;
}
