/* SPDX-License-Identifier: MIT
 *
 * The names that a state dictionary needs, and what each does here.  They only look like
 * the functions of PyTorch: nothing is called but what stands in this file.  A name that is
 * not in the tables ends the reading.
 */
#include <libtrain/hf/pickle_machine.h>

#include <string.h>

static const struct tr__torch_type types[] = {
    { "FloatStorage", "F32", &tr_f32, 4 },
    { "HalfStorage", "F16", &tr_f16, 2 },
    { "BFloat16Storage", "BF16", &tr_bf16, 2 },
    { "DoubleStorage", "F64", NULL, 8 },
    { "LongStorage", "I64", NULL, 8 },
    { "IntStorage", "I32", NULL, 4 },
    { "ShortStorage", "I16", NULL, 2 },
    { "CharStorage", "I8", NULL, 1 },
    { "ByteStorage", "U8", NULL, 1 },
    { "BoolStorage", "BOOL", NULL, 1 },
};

/* collections.OrderedDict(): entries come by instructions of their own. */
static int ordered_dict(struct tr__pk_machine *m, const struct tr__pk_value *arg,
                        uint32_t n, struct tr_err *err)
{
    (void)arg;
    if (n)
        return tr__pk_fail(m, "OrderedDict with arguments", err);
    return tr__pk_push_dict(m, err);
}

/* The integers of a tuple, none negative; how many, or -1. */
static int take_sizes(const struct tr__pk_machine *m, const struct tr__pk_value *v,
                      int64_t *to)
{
    if (v->kind != TR__PK_TUPLE || v->n > TR__TORCH_MAX_DIM)
        return -1;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct tr__pk_value *e = &m->item.at[v->is.i + i];
        if (e->kind != TR__PK_INT || e->is.i < 0)
            return -1;
        to[i] = e->is.i;
    }
    return (int)v->n;
}

/* (storage, offset, sizes, strides, requires_grad, backward_hooks): a view of numbers. */
static int rebuild_tensor(struct tr__pk_machine *m, const struct tr__pk_value *arg,
                          uint32_t n, struct tr_err *err)
{
    if (n != 6 || arg[0].kind != TR__PK_STORAGE || arg[1].kind != TR__PK_INT ||
        arg[1].is.i < 0)
        return tr__pk_fail(m, "a tensor that is not made of a storage and sizes", err);
    const struct tr__pk_storage *s = &m->storage[arg[0].is.i];
    struct tr__pickled t = { .type = s->type, .storage = s->key, .n_storage = s->n,
                             .offset = arg[1].is.i };
    t.n_dim = take_sizes(m, &arg[2], t.dim);
    if (t.n_dim < 0 || take_sizes(m, &arg[3], t.stride) != t.n_dim)
        return tr__pk_fail(m, "a tensor of odd sizes or strides, or of more than 8 "
                           "dimensions", err);
    int rc = tr__pk_room(m, &m->tensor, &m->cap_tensor, m->n_tensor, sizeof t, err);
    if (rc)
        return rc;
    m->tensor[m->n_tensor] = t;
    return tr__pk_push(m, (struct tr__pk_value){
                              .kind = TR__PK_TENSOR, .is.i = (int64_t)m->n_tensor++ }, err);
}

/* (tensor, requires_grad, backward_hooks): the tensor. */
static int rebuild_parameter(struct tr__pk_machine *m, const struct tr__pk_value *arg,
                             uint32_t n, struct tr_err *err)
{
    if (n != 3 || arg[0].kind != TR__PK_TENSOR)
        return tr__pk_fail(m, "a parameter that is no tensor", err);
    return tr__pk_push(m, arg[0], err);
}

static const struct tr__pk_name names[] = {
    { "collections", "OrderedDict", NULL, ordered_dict },
    { "torch._utils", "_rebuild_tensor_v2", NULL, rebuild_tensor },
    { "torch._utils", "_rebuild_parameter", NULL, rebuild_parameter },
#define TYPE(i) { "torch", NULL, &types[i], NULL }
    TYPE(0), TYPE(1), TYPE(2), TYPE(3), TYPE(4),
    TYPE(5), TYPE(6), TYPE(7), TYPE(8), TYPE(9),
#undef TYPE
};

enum { N_NAME = sizeof names / sizeof *names };

int tr__pk_push_name(struct tr__pk_machine *m, struct tr_str module, struct tr_str name,
                     struct tr_err *err)
{
    for (const struct tr__pk_name *x = names; x < names + N_NAME; x++)
        if (tr_str_is(module, x->module) &&
            tr_str_is(name, x->type ? x->type->storage : x->name))
            return tr__pk_push(m, (struct tr__pk_value){ .kind = TR__PK_NAME,
                                                         .is.name = x }, err);
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s' pickle byte %llu: asks for '%.*s.%.*s', "
                      "which a file of tensors does not need: refused, nothing of it was "
                      "run", m->path, (unsigned long long)m->op_at,
                      (int)(module.len < 80 ? module.len : 80), module.ptr,
                      (int)(name.len < 80 ? name.len : 80), name.ptr);
}

/* ("storage", type, key, location, numbers) */
int tr__pk_push_storage(struct tr__pk_machine *m, struct tr__pk_value id,
                        struct tr_err *err)
{
    const struct tr__pk_value *e = &m->item.at[id.kind == TR__PK_TUPLE ? id.is.i : 0];
    if (id.kind != TR__PK_TUPLE || id.n != 5 || e[0].kind != TR__PK_TEXT ||
        !tr_str_is((struct tr_str){ e[0].is.text, e[0].n }, "storage") ||
        e[1].kind != TR__PK_NAME || !e[1].is.name->type || e[2].kind != TR__PK_TEXT ||
        e[4].kind != TR__PK_INT || e[4].is.i < 0)
        return tr__pk_fail(m, "a persistent id that is no storage of a known type", err);
    int rc = tr__pk_room(m, &m->storage, &m->cap_storage, m->n_storage, sizeof *m->storage,
                         err);
    if (rc)
        return rc;
    m->storage[m->n_storage] = (struct tr__pk_storage){
        e[1].is.name->type, { e[2].is.text, e[2].n }, e[4].is.i
    };
    return tr__pk_push(m, (struct tr__pk_value){ .kind = TR__PK_STORAGE,
                                                 .is.i = (int64_t)m->n_storage++ }, err);
}
