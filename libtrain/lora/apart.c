/* SPDX-License-Identifier: MIT
 *
 * Pairs that begin with a part of the base (Meng et al. 2024, "PiSSA").  The base stays as its file
 * is: what a pair began with is kept beside it and taken away, in a run as a part of its own
 * (attach.c), in the file of an adapter by twice the rank (save.c).
 */
#include <libtrain/lora/pair.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tensor of its own numbers, all 0, that looks as `t` does. */
static int beside(struct tr_tensor *to, const struct tr_lora_pair *p, const char *suffix,
                  const struct tr_tensor *t, struct tr_err *err)
{
    size_t size = strlen(p->name) + strlen(suffix) + 1;
    char *name = malloc(size);
    void *data = calloc((size_t)tr_tensor_count(t), sizeof(float));
    if (name)
        snprintf(name, size, "%s%s", p->name, suffix);
    *to = tr_tensor_make(name, &tr_f32, t->n_dim, t->dim, data);
    return name && data ? 0
                        : tr_err_set(err, TR_ENOMEM, "out of memory for the beginning of '%s'",
                                     p->name);
}

int tr__lora_add_apart(struct tr_lora_pair *p, struct tr_err *err)
{
    int rc = beside(&p->a0, p, TR__A0, &p->a, err);
    return rc ? rc : beside(&p->b0, p, TR__B0, &p->b, err);
}

int tr_lora_set_apart(struct tr_lora *l, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < l->n; i++) {
        if (l->pair[i].table)
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': an adapter of the token table does not "
                              "begin with a part of it", l->pair[i].name);
        rc = tr__lora_add_apart(&l->pair[i], err);
    }
    return rc;
}

int64_t tr_lora_apart_bytes(const struct tr_lora *l)
{
    int64_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->pair[i].a0.name)
            n += tr_tensor_count(&l->pair[i].a0) + tr_tensor_count(&l->pair[i].b0);
    return n * (int64_t)sizeof(float);
}
