/* SPDX-License-Identifier: MIT
 *
 * The instructions of a pickle, rows of pickle_codes.def: each does one thing to the stack of
 * pickle_machine.c, or is refused by its name.  Names and what looks like calls are in
 * pickle_names.c.
 */
#include <libtrain/hf/pickle_machine.h>

#include <string.h>

/* ---- values ----------------------------------------------------------------------- */

static int push_int(struct tr__pk_machine *m, enum tr__pk_kind kind, int64_t i,
                    struct tr_err *err)
{
    return tr__pk_push(m, (struct tr__pk_value){ .kind = kind, .is.i = i }, err);
}

/* How many values are behind the last mark. */
static int since_mark(const struct tr__pk_machine *m, size_t *n, struct tr_err *err)
{
    for (*n = 0; *n < m->stack.n; ++*n)
        if (m->stack.at[m->stack.n - 1 - *n].kind == TR__PK_MARK)
            return 0;
    return tr__pk_fail(m, "no mark on the stack", err);
}

/* ---- instructions that push ------------------------------------------------------- */

static int cut(const struct tr__pk_machine *m, struct tr_err *err)
{
    return tr__pk_fail(m, "cut short", err);
}

/* A number of n <= 8 bytes, little endian. */
static uint64_t take(struct tr__pk_machine *m, int n)
{
    const unsigned char *p = tr__cur_take(&m->c, (uint64_t)n);
    uint64_t v = 0;
    for (int i = 0; p && i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static int op_proto(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    (void)arg;
    uint64_t version = take(m, 1);
    return !m->c.bad && version >= 2 && version <= 5
               ? 0 : tr__pk_fail(m, "not protocol 2 to 5", err);
}

static int op_frame(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    (void)arg;
    take(m, 8); /* only says how much to read at once */
    return m->c.bad ? cut(m, err) : 0;
}

static int op_plain(struct tr__pk_machine *m, int kind, struct tr_err *err)
{
    return push_int(m, (enum tr__pk_kind)kind, 0, err);
}

static int op_true(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    return push_int(m, TR__PK_BOOL, arg, err);
}

static int op_dict(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    (void)arg;
    return tr__pk_push_dict(m, err);
}

/* An integer of `bytes`; only the one of four has a sign. */
static int op_int(struct tr__pk_machine *m, int bytes, struct tr_err *err)
{
    uint64_t v = take(m, bytes);
    if (m->c.bad)
        return cut(m, err);
    return push_int(m, TR__PK_INT, bytes == 4 ? (int32_t)(uint32_t)v : (int64_t)v, err);
}

/* An integer of as many bytes as it says, in two's complement. */
static int op_long(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    (void)arg;
    uint64_t n = take(m, 1);
    if (n > 8)
        return tr__pk_fail(m, "an integer of more than 64 bits", err);
    uint64_t v = take(m, (int)n);
    if (m->c.bad)
        return cut(m, err);
    if (n && n < 8 && v >> (8 * n - 1))
        v |= UINT64_MAX << 8 * n;
    return push_int(m, TR__PK_INT, (int64_t)v, err);
}

static int op_real(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    (void)arg;
    take(m, 8); /* no number of a dictionary of tensors matters */
    return m->c.bad ? cut(m, err) : push_int(m, TR__PK_REAL, 0, err);
}

/* A text with its length, in so many bytes, in front. */
static int op_text(struct tr__pk_machine *m, int bytes, struct tr_err *err)
{
    uint64_t n = take(m, bytes);
    const char *text = tr__cur_take(&m->c, n);
    if (!text)
        return cut(m, err);
    return tr__pk_push(m, (struct tr__pk_value){ .kind = TR__PK_TEXT, .n = (uint32_t)n,
                                                 .is.text = text }, err);
}

/* ---- the memo --------------------------------------------------------------------- */

/* CPython numbers the memo from 0 on without holes, and so must whoever is read here. */
static int put_at(struct tr__pk_machine *m, uint64_t at, struct tr_err *err)
{
    struct tr__pk_value v;
    int rc = tr__pk_peek(m, &v, err);
    if (rc || at == m->memo.n)
        return rc ? rc : tr__pk_add(m, &m->memo, v, err);
    if (m->c.bad || at > m->memo.n)
        return tr__pk_fail(m, "a place of the memo that is not the next one", err);
    m->memo.at[at] = v;
    return 0;
}

static int op_put(struct tr__pk_machine *m, int bytes, struct tr_err *err)
{
    uint64_t at = take(m, bytes);
    return m->c.bad ? cut(m, err) : put_at(m, at, err);
}

static int op_memoize(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    (void)arg;
    return put_at(m, m->memo.n, err);
}

static int op_get(struct tr__pk_machine *m, int bytes, struct tr_err *err)
{
    uint64_t at = take(m, bytes);
    if (m->c.bad || at >= m->memo.n)
        return tr__pk_fail(m, "a place of the memo that holds nothing", err);
    return tr__pk_push(m, m->memo.at[at], err);
}

/* ---- instructions that put values together ---------------------------------------- */

/* The last n values become a tuple. */
static int make_tuple(struct tr__pk_machine *m, size_t n, struct tr_err *err)
{
    struct tr__pk_value v = { .kind = TR__PK_TUPLE, .n = (uint32_t)n,
                              .is.i = (int64_t)m->item.n };
    m->stack.n -= n;
    for (size_t i = 0; i < n; i++) {
        int rc = tr__pk_add(m, &m->item, m->stack.at[m->stack.n + i], err);
        if (rc)
            return rc;
    }
    return tr__pk_push(m, v, err);
}

static int op_tuple_of(struct tr__pk_machine *m, int n, struct tr_err *err)
{
    size_t top = m->stack.n;
    for (size_t i = 1; i <= (size_t)n; i++)
        if (top < i || m->stack.at[top - i].kind == TR__PK_MARK)
            return tr__pk_fail(m, "nothing on the stack", err);
    return make_tuple(m, (size_t)n, err);
}

static int op_tuple(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    size_t n;
    (void)arg;
    int rc = since_mark(m, &n, err);
    if (rc || (rc = make_tuple(m, n, err)))
        return rc;
    m->stack.at[m->stack.n - 2] = m->stack.at[m->stack.n - 1];
    m->stack.n--;
    return 0;
}

static int set_item(struct tr__pk_machine *m, struct tr__pk_value dict,
                    const struct tr__pk_value *key, struct tr_err *err)
{
    int rc = tr__pk_room(m, &m->pair, &m->cap_pair, m->n_pair, sizeof *m->pair, err);
    if (!rc)
        m->pair[m->n_pair++] = (struct tr__pk_pair){ dict.is.i, key[0], key[1] };
    return rc;
}

/* n values into the dictionary below them and below `marks` marks. */
static int set_items(struct tr__pk_machine *m, size_t n, size_t marks, struct tr_err *err)
{
    struct tr__pk_value dict;
    int rc = 0;
    m->stack.n -= n + marks;
    const struct tr__pk_value *key = m->stack.at + m->stack.n + marks;
    if (n % 2 || tr__pk_peek(m, &dict, err) || dict.kind != TR__PK_DICT)
        return tr__pk_fail(m, "entries for what is no dictionary", err);
    for (size_t i = 0; !rc && i < n; i += 2)
        rc = set_item(m, dict, key + i, err);
    return rc;
}

static int op_setitem(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    (void)arg;
    return m->stack.n < 2 ? tr__pk_fail(m, "nothing on the stack", err)
                          : set_items(m, 2, 0, err);
}

static int op_setitems(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    size_t n;
    (void)arg;
    int rc = since_mark(m, &n, err);
    return rc ? rc : set_items(m, n, 1, err);
}

/* Nothing that is read here is a list, so what goes into one is dropped. */
static int op_append(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    struct tr__pk_value v, list;
    (void)arg;
    int rc = tr__pk_pop(m, &v, err);
    if (rc || (rc = tr__pk_peek(m, &list, err)))
        return rc;
    return list.kind == TR__PK_LIST ? 0
                                    : tr__pk_fail(m, "an item for what is no list", err);
}

static int op_appends(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    struct tr__pk_value list;
    size_t n;
    (void)arg;
    int rc = since_mark(m, &n, err);
    if (rc)
        return rc;
    m->stack.n -= n + 1;
    if ((rc = tr__pk_peek(m, &list, err)))
        return rc;
    return list.kind == TR__PK_LIST ? 0 : tr__pk_fail(m, "items for what is no list", err);
}

/* ---- names and calls -------------------------------------------------------------- */

/* The text up to the end of the line. */
static struct tr_str take_line(struct tr__pk_machine *m)
{
    const char *line = (const char *)m->c.base + m->c.at;
    uint64_t left = tr__cur_left(&m->c);
    const char *end = left ? memchr(line, '\n', left) : NULL;
    size_t n = end ? (size_t)(end - line) : 0;
    tr__cur_take(&m->c, end ? n + 1 : left + 1);
    return (struct tr_str){ line, n };
}

static int op_global(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    (void)arg;
    struct tr_str module = take_line(m), name = take_line(m);
    return m->c.bad ? cut(m, err) : tr__pk_push_name(m, module, name, err);
}

static int op_stack_global(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    struct tr__pk_value name, module;
    (void)arg;
    int rc = tr__pk_pop(m, &name, err);
    if (rc || (rc = tr__pk_pop(m, &module, err)))
        return rc;
    if (name.kind != TR__PK_TEXT || module.kind != TR__PK_TEXT)
        return tr__pk_fail(m, "a name that is no text", err);
    return tr__pk_push_name(m, (struct tr_str){ module.is.text, module.n },
                            (struct tr_str){ name.is.text, name.n }, err);
}

static int op_persid(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    struct tr__pk_value id;
    (void)arg;
    int rc = tr__pk_pop(m, &id, err);
    return rc ? rc : tr__pk_push_storage(m, id, err);
}

static int op_reduce(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    struct tr__pk_value args, callee;
    (void)arg;
    int rc = tr__pk_pop(m, &args, err);
    if (rc || (rc = tr__pk_pop(m, &callee, err)))
        return rc;
    if (callee.kind != TR__PK_NAME || !callee.is.name->call || args.kind != TR__PK_TUPLE)
        return tr__pk_fail(m, "a call of what cannot be called", err);
    return callee.is.name->call(m, m->item.at + args.is.i, args.n, err);
}

/* Attributes of a dictionary (_metadata of a module): nothing of them is needed. */
static int op_build(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    struct tr__pk_value state, to;
    (void)arg;
    int rc = tr__pk_pop(m, &state, err);
    if (rc || (rc = tr__pk_peek(m, &to, err)))
        return rc;
    return to.kind == TR__PK_DICT
               ? 0 : tr__pk_fail(m, "attributes of what is no dictionary", err);
}

static int op_stop(struct tr__pk_machine *m, int arg, struct tr_err *err)
{
    (void)err;
    m->stopped = 1 + arg;
    return 0;
}

static const struct tr__pk_code codes[] = {
#define CODE(byte, name, run, arg) { byte, name, run, arg },
#define REFUSED(byte, name) { byte, name, NULL, 0 },
#include <libtrain/hf/pickle_codes.def>
#undef CODE
#undef REFUSED
};

const struct tr__pk_code *tr__pk_find_code(unsigned char byte)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].byte == byte)
            return &codes[i];
    return NULL;
}
