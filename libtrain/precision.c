/* SPDX-License-Identifier: MIT */
#include <libtrain/internal/dnnl.h>
#include <libtrain/internal/products.h>
#include <libtrain/precision.h>

#include <stddef.h>

static const struct tr_precision precisions[] = {
    { "f32", &tr__products_f32, 0, NULL },
    { "f16", &tr__products_f32, 1, NULL },
    { "bf16", &tr__products_bf16, 0, tr__dnnl_open },
    { "q8", &tr__products_int8, 0, tr__dnnl_open },
};

const struct tr_precision *tr_precision_at(int i)
{
    int n = sizeof precisions / sizeof *precisions;
    return i >= 0 && i < n ? &precisions[i] : NULL;
}

int tr_precision_open(const struct tr_precision *p, struct tr_err *err)
{
    if (!p->open || !p->open(err))
        return 0;
    return tr_err_prefix(err, "precision %s: ", p->name);
}
