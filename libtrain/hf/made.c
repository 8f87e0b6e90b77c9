/* SPDX-License-Identifier: MIT
 *
 * One tensor of a plan: its name, what it is made of, its shape.
 */
#include <libtrain/hf/made.h>
#include <libtrain/hf/mxfp4.h>

#include <stdlib.h>
#include <string.h>

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for a list of tensors");
}

void tr__hf_made_drop(struct tr__hf_made *m)
{
    free((void *)(uintptr_t)m->name);
    free(m->from);
    free(m->own);
    *m = (struct tr__hf_made){ 0 };
}

int tr__hf_made_begin(const struct tr__hf_plan *p, const struct tr__hf_found *f, size_t n_from,
                      struct tr__hf_made *m, struct tr_err *err)
{
    char name[TR__HF_NAME_BYTES];
    tr__hf_print_gguf(name, f);
    *m = (struct tr__hf_made){ .name = strdup(name), .layer = f->layer, .n_from = n_from,
                               .config = p->config };
    m->place = (struct tr__hf_place){ .size = p->size, .name = f->name };
    m->from = calloc(n_from + 1, sizeof *m->from);
    if (m->name && m->from)
        return 0;
    tr__hf_made_drop(m);
    return no_memory(err);
}

/* That of Hugging Face. */
static int shape_there(struct tr__hf_made *m, struct tr_err *err)
{
    const struct tr__hf_tensor *t = m->from[0];
    struct tr__hf_place *pl = &m->place;
    int squeezed = 0; /* convolutions have a dimension of 1 that no GGUF has */
    for (int i = 0; i < t->n_dim; i++)
        if (t->n_dim == 3 && i == 1 && t->dim[1] == 1)
            squeezed = 1;
    if (t->n_dim < 1 || t->n_dim - squeezed > 3 || !t->count)
        return tr_err_set(err, TR_EFORMAT, "tensor '%s' has %d dimensions and %lld numbers",
                          t->name, t->n_dim, (long long)t->count);
    for (int i = 0; i < t->n_dim; i++)
        if (!(squeezed && i == 1))
            pl->hf[pl->n_hf++] = t->dim[i];
    return 0;
}

/* What a rule takes apart is all there. */
static int comes_back(const struct tr__hf_place *p)
{
    struct tr__hf_place back = *p;
    tr__hf_shape_back(&back);
    return back.n_hf == p->n_hf && !memcmp(back.hf, p->hf, sizeof p->hf);
}

static int set_shape(struct tr__hf_made *m, struct tr_err *err)
{
    struct tr__hf_place *pl = &m->place;
    for (int i = 0; i < 4; i++)
        pl->hf[i] = 1;
    pl->n_hf = m->scales ? 3 : 0;
    int rc = m->scales ? tr__hf_packed_shape(m, pl->hf, err) : shape_there(m, err);
    if (rc)
        return rc;
    tr__hf_shape(pl);
    for (int i = 0; i < pl->n_gguf; i++)
        if (pl->gguf[i] < 1)
            rc = -1;
    if (rc || !comes_back(pl))
        return tr_err_set(err, TR_EFORMAT, "tensor '%s' has no such shape", m->from[0]->name);
    return 0;
}

static int add(struct tr__hf_plan *p, struct tr__hf_made *m, struct tr_err *err)
{
    int rc = tr__grow(&p->made, &p->cap, p->n + 1, sizeof *m) ? -1 : 0;
    if (!rc) {
        p->made[p->n] = *m;
        rc = tr__names_add(&p->names, p->made, sizeof *m);
    }
    if (!rc)
        p->n++;
    return rc > 0 ? tr_err_set(err, TR_EFORMAT, "two tensors are '%s' of a GGUF", m->name)
                  : rc ? no_memory(err) : 0;
}

int tr__hf_made_end(struct tr__hf_plan *p, struct tr__hf_made *m, struct tr_err *err)
{
    int rc = m->own ? 0 : set_shape(m, err);
    if (!rc)
        rc = add(p, m, err);
    if (rc)
        tr__hf_made_drop(m);
    return rc;
}
