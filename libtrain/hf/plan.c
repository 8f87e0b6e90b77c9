/* SPDX-License-Identifier: MIT
 *
 * What becomes of each tensor of a folder.  The order is the converter's: files by name,
 * tensors by name in each; experts stand where the last of their block does.  Next: fetch.c.
 */
#include <libtrain/hf/plan.h>

#include <stdlib.h>
#include <string.h>

static int no_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for a list of tensors");
}

static void drop(struct tr__hf_made *m)
{
    free((void *)(uintptr_t)m->name);
    free(m->from);
    free(m->own);
    *m = (struct tr__hf_made){ 0 };
}

/* One more tensor; it takes m's parts, also when that fails. */
static int add(struct tr__hf_plan *p, struct tr__hf_made *m, struct tr_err *err)
{
    int rc = tr__grow(&p->made, &p->cap, p->n + 1, sizeof *m) ? -1 : 0;
    if (!rc) {
        p->made[p->n] = *m;
        rc = tr__names_add(&p->names, p->made, sizeof *m);
    }
    if (!rc) {
        p->n++;
        return 0;
    }
    rc = rc > 0 ? tr_err_set(err, TR_EFORMAT, "two tensors are '%s' of a GGUF", m->name)
                : no_memory(err);
    drop(m);
    return rc;
}

static int begin(const struct tr__hf_plan *p, const struct tr__hf_found *f, size_t n_from,
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
    drop(m);
    return no_memory(err);
}

/* ---- what is in the folder -------------------------------------------------------- */

static int set_shape(struct tr__hf_made *m, struct tr_err *err)
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
    for (int i = 0; i < 4; i++)
        pl->hf[i] = 1;
    pl->n_hf = 0;
    for (int i = 0; i < t->n_dim; i++)
        if (!(squeezed && i == 1))
            pl->hf[pl->n_hf++] = t->dim[i];
    tr__hf_shape(pl);
    for (int i = 0; i < pl->n_gguf; i++)
        if (pl->gguf[i] < 1)
            return tr_err_set(err, TR_EFORMAT, "tensor '%s' has no such shape", t->name);
    return 0;
}

static int same_shape(const struct tr__hf_tensor *a, const struct tr__hf_tensor *b)
{
    return a->n_dim == b->n_dim && a->dtype == b->dtype &&
           !memcmp(a->dim, b->dim, sizeof a->dim);
}

static int check_type(const struct tr__hf_plan *p, const struct tr__hf_tensor *t,
                      struct tr_err *err)
{
    return t->dtype ? 0
                    : tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is of type %s; F32, "
                                 "F16 and BF16 are known", tr__hf_path(p->folder, t->file),
                                 t->name, t->type);
}

static int add_whole(struct tr__hf_plan *p, const struct tr__hf_found *f,
                     const struct tr__hf_tensor *t, struct tr_err *err)
{
    struct tr__hf_made m;
    int rc = begin(p, f, 1, &m, err);
    if (rc)
        return rc;
    m.from[0] = t;
    rc = set_shape(&m, err);
    if (rc) {
        drop(&m);
        return rc;
    }
    return add(p, &m, err);
}

/* ---- experts ---------------------------------------------------------------------- */

/* Those of which some experts are there, in the order of the table in each block. */
struct stacks {
    size_t n, cap;
    struct tr__hf_made *made;
    size_t *here; /* how many of its experts */
    size_t cap_here;
};

static void release_stacks(struct stacks *s)
{
    for (size_t i = 0; i < s->n; i++)
        drop(&s->made[i]);
    free(s->made);
    free(s->here);
}

static struct tr__hf_made *stack_of(struct tr__hf_plan *p, struct stacks *s,
                                    const struct tr__hf_found *f, size_t *at,
                                    struct tr_err *err)
{
    for (*at = 0; *at < s->n; ++*at)
        if (s->made[*at].place.name == f->name && s->made[*at].layer == f->layer)
            return &s->made[*at];
    if (tr__grow(&s->made, &s->cap, s->n + 1, sizeof *s->made) ||
        tr__grow(&s->here, &s->cap_here, s->n + 1, sizeof *s->here)) {
        (void)no_memory(err);
        return NULL;
    }
    if (begin(p, f, (size_t)p->size->n_expert, &s->made[s->n], err))
        return NULL;
    s->here[s->n] = 0;
    return &s->made[s->n++];
}

/* 1 if all experts of all stacks of a block are there: then *n are told. */
static int is_whole(const struct tr__hf_plan *p, const struct stacks *s, int64_t layer)
{
    size_t want = 0, have = 0;
    for (const struct tr__hf_name *n = p->arch->tensor; n->gguf || n->hf; n++)
        want += tr__hf_is_stack(n) && !n->may;
    for (size_t i = 0; i < s->n; i++)
        have += s->made[i].layer == layer && s->here[i] == s->made[i].n_from;
    return have == want;
}

/* Those of a block go into the plan, in the order of the table. */
static int add_block(struct tr__hf_plan *p, struct stacks *s, int64_t layer,
                     struct tr_err *err)
{
    int rc = 0;
    for (const struct tr__hf_name *n = p->arch->tensor; !rc && (n->gguf || n->hf); n++)
        for (size_t i = 0; !rc && i < s->n; i++)
            if (s->made[i].place.name == n && s->made[i].layer == layer) {
                struct tr__hf_made m = s->made[i];
                s->made[i] = s->made[s->n - 1];
                s->here[i] = s->here[--s->n];
                rc = set_shape(&m, err);
                if (rc)
                    drop(&m);
                else
                    rc = add(p, &m, err);
            }
    return rc;
}

static int add_expert(struct tr__hf_plan *p, struct stacks *s, const struct tr__hf_found *f,
                      const struct tr__hf_tensor *t, struct tr_err *err)
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

static int experts_missing(const struct stacks *s, struct tr_err *err)
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

/* ---- all of it -------------------------------------------------------------------- */

/* What a model that also sees or hears has beside its text is left out, as the converter
 * leaves it. */
static int is_other(const char *name)
{
    static const char *const parts[] = {
        "visual.", "vision.", "audio.", "vision_", "audio_", "projector.", "image_newline",
        "patch_embed", "patch_merger.", "model.connector.",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i]))
            return 1;
    return 0;
}

/* The name without what such models put in front of those of their text. */
static const char *own_name(char *to, const char *name)
{
    static const char *const front[][2] = {
        { "model.language_model.", "model." },
        { "language_model.", "" },
    };
    for (size_t i = 0; i < sizeof front / sizeof *front; i++) {
        size_t n = strlen(front[i][0]);
        if (!strncmp(name, front[i][0], n) && strlen(name) < TR__HF_NAME_BYTES) {
            strcpy(to, front[i][1]);
            strcat(to, name + n);
            return to;
        }
    }
    return name;
}

static int left_over(const struct tr__hf_plan *p, const struct tr__hf_tensor *t,
                     const char *why, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' %s %s",
                      tr__hf_path(p->folder, t->file), t->name, why, p->arch->model_type[0]);
}

static int is_ahead(const struct tr__hf_plan *p, const char *name)
{
    static const char block[] = "model.layers.";
    if (!strncmp(name, "mtp.", 4) || !strncmp(name, "model.mtp.", 10))
        return 1;
    if (strncmp(name, block, sizeof block - 1))
        return 0;
    long long i = strtoll(name + sizeof block - 1, NULL, 10);
    return i >= p->size->n_layer && i - p->size->n_layer < p->n_ahead;
}

static int place(struct tr__hf_plan *p, struct stacks *s, const struct tr__hf_tensor *t,
                 struct tr_err *err)
{
    char own[TR__HF_NAME_BYTES];
    const char *name = own_name(own, t->name);
    struct tr__hf_found f;
    if (is_ahead(p, name))
        return p->leaves_ahead ? 0 : left_over(p, t, "predicts further tokens (--no-mtp leaves "
                                               "it out), which is none of a model of", err);
    int there = !is_other(t->name) && tr__hf_find_hf(p->arch, name, &f), rc = 0;
    if (!there)
        return is_other(t->name) ? 0 : left_over(p, t, "is none of a model of", err);
    for (; there && !rc; there = tr__hf_next_hf(p->arch, name, &f)) {
        if (!f.name->gguf)
            continue;
        if (f.layer >= p->size->n_layer)
            return left_over(p, t, "is behind the last block of a model of", err);
        rc = check_type(p, t, err);
        if (!rc)
            rc = tr__hf_is_stack(f.name) ? add_expert(p, s, &f, t, err)
                                         : add_whole(p, &f, t, err);
    }
    return rc;
}

/* Made of config.json, in front of all others. */
static int add_own(struct tr__hf_plan *p, const struct tr__hf_in *in, struct tr_err *err)
{
    int rc = 0;
    for (const struct tr__hf_name *n = p->arch->tensor; !rc && (n->gguf || n->hf); n++) {
        struct tr__hf_found f = { n, -1, -1 };
        struct tr__hf_made m;
        float *v = NULL;
        int64_t count = 0;
        if (!n->how || !n->how->make)
            continue;
        rc = n->how->make(in, &v, &count, err);
        if (rc || !count)
            continue;
        rc = begin(p, &f, 0, &m, err);
        if (rc) {
            free(v);
            return rc;
        }
        m.own = v;
        m.place.n_hf = m.place.n_gguf = 1;
        for (int i = 0; i < 4; i++)
            m.place.hf[i] = m.place.gguf[i] = i ? 1 : count;
        rc = add(p, &m, err);
    }
    return rc;
}

static int is_missing(const struct tr__hf_plan *p, const struct tr__hf_name *n, int64_t layer,
                      struct tr_err *err)
{
    char name[TR__HF_NAME_BYTES];
    struct tr__hf_found f = { n, layer, 0 };
    tr__hf_print_gguf(name, &f);
    if (tr__names_find(&p->names, p->made, sizeof *p->made, name) != TR__NO_NAME)
        return 0;
    tr__hf_print_hf(name, &f);
    return tr_err_set(err, TR_EFORMAT, "no tensor '%s', which a model of %s has", name,
                      p->arch->model_type[0]);
}

/* In a family whose blocks differ the model itself knows which are missing. */
static int check_all(const struct tr__hf_plan *p, struct tr_err *err)
{
    int rc = 0;
    for (const struct tr__hf_name *n = p->arch->tensor; !rc && (n->gguf || n->hf); n++) {
        int blocks = n->gguf && strstr(n->gguf, "%d") != NULL;
        if (n->may || !n->gguf || !n->hf || (blocks && p->arch->mixed))
            continue;
        for (int64_t i = 0; !rc && i < (blocks ? p->size->n_layer : 1); i++)
            rc = is_missing(p, n, i, err);
    }
    return rc;
}

/* By file, whose names are in order, and by name. */
static int by_name(const void *a, const void *b)
{
    const struct tr__hf_tensor *x = *(const struct tr__hf_tensor *const *)a;
    const struct tr__hf_tensor *y = *(const struct tr__hf_tensor *const *)b;
    return x->file != y->file ? (x->file > y->file ? 1 : -1) : strcmp(x->name, y->name);
}

static int place_all(struct tr__hf_plan *p, struct stacks *s, struct tr_err *err)
{
    size_t n = tr__hf_n_tensor(p->folder);
    const struct tr__hf_tensor **list = calloc(n + 1, sizeof *list);
    int rc = list ? 0 : no_memory(err);
    for (size_t i = 0; !rc && i < n; i++)
        list[i] = tr__hf_tensor(p->folder, i);
    if (!rc)
        qsort(list, n, sizeof *list, by_name);
    for (size_t i = 0; !rc && i < n; i++)
        rc = place(p, s, list[i], err);
    free(list);
    return rc ? rc : experts_missing(s, err);
}

int tr__hf_plan(struct tr__hf_plan *p, const struct tr__hf_in *in, struct tr_err *err)
{
    struct stacks s = { 0 };
    p->config = in->config;
    int rc = add_own(p, in, err);
    if (!rc)
        rc = place_all(p, &s, err);
    release_stacks(&s);
    return rc ? rc : check_all(p, err);
}

void tr__hf_plan_release(struct tr__hf_plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        drop(&p->made[i]);
    free(p->made);
    tr__names_release(&p->names);
    p->made = NULL;
    p->n = p->cap = 0;
}
