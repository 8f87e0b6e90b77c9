/* SPDX-License-Identifier: MIT
 *
 * Hanging an adapter on the weights of a model, and taking it off again.  A weight has a
 * list of such parts (model/model.h), which the decoder adds in the order of attaching.
 * All parts are made before the first is hung up, so a failure leaves the model as it
 * was.
 */
#include <libtrain/lora/pair.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int check_rows(const struct tr_lora_pair *p, const struct tr_weight *w,
                      const char *path, struct tr_err *err)
{
    if (p->first <= tr_tensor_rows(&w->t) - p->rows &&
        tr_tensor_cols(&p->a) == tr_tensor_cols(&w->t))
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "%s: '%s' has no rows %lld-%lld of %lld numbers", path,
                      p->name, (long long)p->first, (long long)(p->first + p->rows - 1),
                      (long long)tr_tensor_cols(&p->a));
}

static int check_pair(const struct tr_lora_pair *p, const struct tr_model *m,
                      struct tr_err *err)
{
    const char *path = tr_gguf_path(tr_model_gguf(m));
    const struct tr_weight *w = tr__weight_find(m, p->name);
    if (!w || !tr__takes_pair(w->slot))
        return tr_err_set(err, TR_EMISMATCH, "%s: has no linear layer '%s' for the adapter",
                          path, p->name);
    if (p->rows)
        return check_rows(p, w, path, err);
    int64_t dim[3] = { p->b.dim[0], p->b.dim[1] };
    dim[p->b.n_dim - 1] = tr_tensor_cols(&p->a);
    if (p->table) {
        dim[0] = tr_tensor_rows(&p->a);
        dim[1] = tr_tensor_rows(&p->b);
    }
    if (p->b.n_dim == w->t.n_dim && !memcmp(dim, w->t.dim, (size_t)w->t.n_dim * sizeof *dim))
        return 0;
    char is[TR_GGUF_SHAPE_BYTES], wanted[TR_GGUF_SHAPE_BYTES];
    return tr_err_set(err, TR_EMISMATCH, "%s: '%s' is %s, the adapter is for %s", path,
                      p->name, tr_gguf_shape_text(is, w->t.n_dim, w->t.dim),
                      tr_gguf_shape_text(wanted, p->b.n_dim, dim));
}

static int n_parts(const struct tr_lora_pair *p)
{
    return p->a0.name ? 2 : 1;
}

/* Logits have room for a few parts of adapters (ops.h). */
static int check_room(const struct tr_lora *l, const struct tr_model *m, struct tr_err *err)
{
    const struct tr_weight *w = tr__weight(m, 0, tr__is_tied(m) ? TR_TOKEN_EMBD : TR_OUTPUT);
    int n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += strcmp(l->pair[i].name, w->t.name) ? 0 : n_parts(&l->pair[i]);
    for (const struct tr_delta *d = w->delta; n && d; d = d->next)
        n++;
    return n <= TR_MAX_OUTPUT_PARTS
               ? 0
               : tr_err_set(err, TR_EUNSUPPORTED, "%s: more than %d adapters on '%s'",
                            tr_gguf_path(tr_model_gguf(m)), TR_MAX_OUTPUT_PARTS, w->t.name);
}

static int check_base(const struct tr_lora *l, const struct tr_model *m, struct tr_err *err)
{
    for (size_t i = 0; i < l->n; i++) {
        int rc = check_pair(&l->pair[i], m, err);
        if (rc)
            return rc;
    }
    int rc = tr_lora_check_base(l, m, NULL, err);
    return rc ? rc : check_room(l, m, err);
}

static void free_parts(struct tr_delta *d)
{
    while (d) {
        struct tr_delta *next = d->next;
        free(d);
        d = next;
    }
}

/* To an operation a scale of 0 means none, which is 1: such a pair is left out. */
static int adds(const struct tr_lora *l, const struct tr_lora_pair *p, float scale)
{
    return tr__lora_scale(l, p, scale) != 0;
}

/* FNV-1a (Fowler, Noll, Vo); never 0, which is another's. */
static uint32_t id_of(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h ? h : 1;
}

static struct tr_delta part_of(struct tr_lora_pair *p, int which, float scale)
{
    if (which)
        return (struct tr_delta){ .a = &p->a0, .b = &p->b0, .scale = -scale };
    return (struct tr_delta){ &p->a, p->rows ? NULL : &p->b, scale, id_of(p->name),
                              p->first, p->square, p->m.name ? &p->m : NULL,
                              { p->a, p->b }, NULL };
}

/* The parts of each pair that adds something, in their order, as one list. */
static int make_parts(struct tr_lora *l, float scale, struct tr_delta **list,
                      struct tr_err *err)
{
    struct tr_delta **end = list;
    *list = NULL;
    for (size_t i = 0; i < l->n; i++)
        for (int k = 0; adds(l, &l->pair[i], scale) && k < n_parts(&l->pair[i]); k++) {
            struct tr_lora_pair *p = &l->pair[i];
            if (!(*end = malloc(sizeof **end))) {
                free_parts(*list);
                return tr_err_set(err, TR_ENOMEM, "out of memory for the pair of '%s'",
                                  p->name);
            }
            **end = part_of(p, k, tr__lora_scale(l, p, scale));
            end = &(*end)->next;
        }
    return 0;
}

static void hang_up(struct tr_weight *w, struct tr_delta *part)
{
    struct tr_delta **end = &w->delta;
    while (*end)
        end = &(*end)->next;
    part->next = NULL;
    *end = part;
}

int tr_lora_attach(struct tr_lora *l, struct tr_model *m, float scale, struct tr_err *err)
{
    struct tr_delta *part = NULL;
    if (!isfinite(scale))
        return tr_err_set(err, TR_EINVAL, "the scale of an adapter is %g", (double)scale);
    int rc = check_base(l, m, err);
    if (!rc)
        rc = make_parts(l, scale, &part, err);
    for (size_t i = 0; !rc && i < l->n; i++)
        for (int k = 0; adds(l, &l->pair[i], scale) && k < n_parts(&l->pair[i]); k++) {
            struct tr_delta *next = part->next;
            hang_up(tr__weight_find(m, l->pair[i].name), part);
            part = next;
        }
    return rc;
}

static void take_off(const struct tr_lora_pair *p, struct tr_weight *w)
{
    struct tr_delta **at = &w->delta;
    while (*at) {
        struct tr_delta *d = *at;
        if (d->a != &p->a && d->a != &p->a0) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        free(d);
    }
}

void tr_lora_detach(const struct tr_lora *l, struct tr_model *m)
{
    for (size_t i = 0; i < l->n; i++) {
        struct tr_weight *w = tr__weight_find(m, l->pair[i].name);
        if (w)
            take_off(&l->pair[i], w);
    }
}
