/* SPDX-License-Identifier: MIT
 *
 * Runs a pickle as far as a dictionary of tensors needs (pickle.h says why no further), and takes
 * the tensors out of what is left on its stack.  Read next: pickle_ops.c.
 */
#include <libtrain/hf/pickle_machine.h>

#include <stdlib.h>
#include <string.h>

enum {
    MAX_BYTES = 1 << 26,
    MAX_TENSOR_NAME = 1024
};

/* ---- one instruction ------------------------------------------------------------- */

static int step(struct tr__pk_machine *m, struct tr_err *err)
{
    m->op_at = m->c.at;
    m->op_name = "the next instruction";
    const unsigned char *byte = tr__cur_take(&m->c, 1);
    if (!byte)
        return tr__pk_fail(m, "cut short", err);
    const struct tr__pk_code *code = tr__pk_find_code(*byte);
    if (!code)
        return tr_err_set(err, TR_EFORMAT, "'%s' pickle byte %llu: 0x%02x is no "
                          "instruction", m->path, (unsigned long long)m->op_at, *byte);
    m->op_name = code->name;
    if (code->run)
        return code->run(m, code->arg, err);
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s' pickle byte %llu: the instruction %s, "
                      "which a file of tensors does not need: refused", m->path,
                      (unsigned long long)m->op_at, code->name);
}

/* ---- all of them ------------------------------------------------------------------ */

/* The entries of the dictionary that is the result. */
static int collect(struct tr__pk_machine *m, int64_t dict, struct tr__pickle *out,
                   struct tr_err *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < m->n_pair; i++)
        bytes += m->pair[i].key.kind == TR__PK_TEXT ? (size_t)m->pair[i].key.n + 1 : 0;
    out->tensor = calloc(m->n_pair + 1, sizeof *out->tensor);
    char *to = out->names = calloc(1, bytes + 1);
    if (!out->tensor || !out->names)
        return tr_err_sys(err, "'%s'", m->path);
    for (const struct tr__pk_pair *p = m->pair; p < m->pair + m->n_pair; p++) {
        if (p->dict != dict)
            continue;
        if (p->key.kind != TR__PK_TEXT || !p->key.n || p->key.n > MAX_TENSOR_NAME ||
            memchr(p->key.is.text, 0, p->key.n))
            return tr_err_set(err, TR_EFORMAT, "'%s': an entry without a name", m->path);
        if (p->value.kind != TR__PK_TENSOR)
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': '%.*s' is no tensor", m->path,
                              (int)p->key.n, p->key.is.text);
        struct tr__pickled *t = &out->tensor[out->n++];
        *t = m->tensor[p->value.is.i];
        t->name = memcpy(to, p->key.is.text, p->key.n);
        to += p->key.n + 1;
    }
    return 0;
}

static int run(struct tr__pk_machine *m, struct tr__pickle *out, struct tr_err *err)
{
    struct tr__pk_value top;
    int rc = 0;
    if (tr__grow(&m->item.at, &m->item.cap, 1, sizeof top)) /* so that it is never NULL */
        return tr_err_sys(err, "'%s'", m->path);
    while (!rc && !m->stopped)
        rc = step(m, err);
    if (rc || (rc = tr__pk_pop(m, &top, err)))
        return rc;
    if (top.kind != TR__PK_DICT)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': not a dictionary of tensors",
                          m->path);
    return collect(m, top.is.i, out, err);
}

int tr__pickle_read(const unsigned char *bytes, uint64_t n, const char *path,
                    struct tr__pickle *out, struct tr_err *err)
{
    struct tr__pk_machine m = { .path = path, .c = { .base = bytes, .size = n },
                                .op_name = "start" };
    *out = (struct tr__pickle){ 0 };
    int rc = n > MAX_BYTES ? tr__pk_fail(&m, "longer than that of any model: refused", err)
                           : run(&m, out, err);
    free(m.stack.at);
    free(m.memo.at);
    free(m.item.at);
    free(m.pair);
    free(m.storage);
    free(m.tensor);
    return rc;
}

void tr__pickle_release(struct tr__pickle *p)
{
    free(p->tensor);
    free(p->names);
    *p = (struct tr__pickle){ 0 };
}
