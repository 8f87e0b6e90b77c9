/* SPDX-License-Identifier: MIT
 *
 * What becomes of each tensor of a folder.  The order is the converter's: files by name,
 * tensors by name in each; those in MXFP4 in front of all others (mxfp4.c), experts where
 * the last of their block is (stacks.c).  Next: fetch.c.
 */
#include <libtrain/hf/ahead.h>
#include <libtrain/hf/made.h>
#include <libtrain/hf/mxfp4.h>

#include <stdlib.h>
#include <string.h>

/* ---- what is in the folder -------------------------------------------------------- */

static int check_type(const struct tr__hf_plan *p, const struct tr__hf_tensor *t,
                      struct tr_err *err)
{
    return t->dtype ? 0
                    : tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is of type %s; F32, "
                                 "F16 and BF16 are known", tr__hf_path(p->folder, t->file),
                                 t->name, t->type);
}

static int add_whole(struct tr__hf_plan *p, const struct tr__hf_found *f,
                     const struct tr__hf_tensor *t, const struct tr__hf_tensor *scales,
                     struct tr_err *err)
{
    struct tr__hf_made m;
    int rc = tr__hf_made_begin(p, f, 1, &m, err);
    if (rc)
        return rc;
    m.from[0] = t;
    m.scales = scales;
    return tr__hf_made_end(p, &m, err);
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

const char *tr__hf_own_name(const char *name, char to[TR__HF_NAME_BYTES])
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

/* What t, of this name, is in GGUF: with scales MXFP4. */
static int place(struct tr__hf_plan *p, struct tr__hf_stacks *s, const struct tr__hf_tensor *t,
                 const char *name, const struct tr__hf_tensor *scales, struct tr_err *err)
{
    char own[TR__HF_NAME_BYTES], ahead[TR__HF_NAME_BYTES];
    struct tr__hf_found f;
    name = tr__hf_own_name(name, own);
    int is_ahead = tr__hf_is_ahead(name, p->size->n_layer, p->n_ahead), rc = 0;
    if (is_ahead && p->leaves_ahead)
        return 0;
    name = is_ahead ? tr__hf_ahead_in(p->size, name, ahead) : name;
    int there = !is_other(t->name) && tr__hf_find_hf(p->arch, name, &f);
    if (!there || (is_ahead && f.layer >= p->size->n_layer + p->size->n_ahead))
        return is_other(t->name) ? 0
               : left_over(p, t, is_ahead ? "predicts further tokens (--no-mtp leaves it out), "
                                            "which is none of a model of"
                                          : "is none of a model of", err);
    for (; there && !rc; there = tr__hf_next_hf(p->arch, name, &f)) {
        if (!f.name->gguf)
            continue;
        if (f.layer >= p->size->n_layer + p->size->n_ahead)
            return left_over(p, t, "is behind the last block of a model of", err);
        rc = scales ? 0 : check_type(p, t, err);
        if (!rc)
            rc = tr__hf_is_stack(f.name) ? tr__hf_stacks_add(p, s, &f, t, err)
                                         : add_whole(p, &f, t, scales, err);
    }
    return rc;
}

static int is_packed(const struct tr__hf_plan *p, const struct tr__hf_tensor *t)
{
    char whole[TR__HF_NAME_BYTES];
    return p->is_mxfp4 && tr__hf_packed_part(t->name, whole) != TR__HF_WHOLE;
}

/* Both parts have the other; blocks are placed when it is their scales' turn. */
static int place_packed(struct tr__hf_plan *p, struct tr__hf_stacks *s,
                        const struct tr__hf_tensor *t, struct tr_err *err)
{
    char whole[TR__HF_NAME_BYTES];
    enum tr__hf_packed part = tr__hf_packed_part(t->name, whole);
    const struct tr__hf_tensor *other = tr__hf_packed_other(p->folder, t, err);
    if (!other)
        return TR_EFORMAT;
    return part == TR__HF_BLOCKS ? 0 : place(p, s, other, whole, t, err);
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
        rc = tr__hf_made_begin(p, &f, 0, &m, err);
        if (rc) {
            free(v);
            return rc;
        }
        m.own = v;
        m.place.n_hf = m.place.n_gguf = 1;
        for (int i = 0; i < 4; i++)
            m.place.hf[i] = m.place.gguf[i] = i ? 1 : count;
        rc = tr__hf_made_end(p, &m, err);
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
    tr__hf_ahead_out(p->arch, p->size, name);
    return tr_err_set(err, TR_EFORMAT, "no tensor '%s', which a model of %s has", name,
                      p->arch->model_type[0]);
}

/* Of blocks that predict further tokens the model knows nothing: each has what its last block
 * has, and in the same shapes. */
static int check_ahead(const struct tr__hf_plan *p, struct tr_err *err)
{
    char name[TR__HF_NAME_BYTES];
    struct tr__hf_found f;
    int64_t first = p->size->n_layer, n = p->size->n_ahead;
    if (n < 1)
        return 0;
    if (tr__hf_has_ahead(p->arch, &f) && is_missing(p, f.name, first, err))
        return TR_EFORMAT;
    for (size_t i = 0; i < p->n; i++) {
        const struct tr__hf_place *last = &p->made[i].place;
        for (int64_t at = first; p->made[i].layer == first - 1 && at < first + n; at++) {
            f = (struct tr__hf_found){ last->name, at, 0 };
            if (is_missing(p, f.name, at, err))
                return TR_EFORMAT;
            tr__hf_print_gguf(name, &f);
            size_t k = tr__names_find(&p->names, p->made, sizeof *p->made, name);
            if (memcmp(last->gguf, p->made[k].place.gguf, sizeof last->gguf))
                return tr_err_set(err, TR_EFORMAT, "tensor '%s' has another shape than '%s'",
                                  name, p->made[i].name);
        }
    }
    return 0;
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
    return rc ? rc : check_ahead(p, err);
}

/* By file, whose names are in order, and by name. */
static int by_name(const void *a, const void *b)
{
    const struct tr__hf_tensor *x = *(const struct tr__hf_tensor *const *)a;
    const struct tr__hf_tensor *y = *(const struct tr__hf_tensor *const *)b;
    return x->file != y->file ? (x->file > y->file ? 1 : -1) : strcmp(x->name, y->name);
}

static int place_all(struct tr__hf_plan *p, struct tr__hf_stacks *s, struct tr_err *err)
{
    size_t n = tr__hf_n_tensor(p->folder);
    const struct tr__hf_tensor **list = calloc(n + 1, sizeof *list);
    int rc = list ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for a list of tensors");
    for (size_t i = 0; !rc && i < n; i++)
        list[i] = tr__hf_tensor(p->folder, i);
    if (!rc)
        qsort(list, n, sizeof *list, by_name);
    for (size_t i = 0; !rc && i < n; i++)
        if (is_packed(p, list[i]))
            rc = place_packed(p, s, list[i], err);
    for (size_t i = 0; !rc && i < n; i++)
        if (!is_packed(p, list[i]))
            rc = place(p, s, list[i], list[i]->name, NULL, err);
    free(list);
    return rc ? rc : tr__hf_stacks_done(s, err);
}

int tr__hf_plan(struct tr__hf_plan *p, const struct tr__hf_in *in, struct tr_err *err)
{
    struct tr__hf_stacks s = { 0 };
    p->config = in->config;
    int rc = add_own(p, in, err);
    if (!rc)
        rc = place_all(p, &s, err);
    tr__hf_stacks_release(&s);
    return rc ? rc : check_all(p, err);
}

void tr__hf_plan_release(struct tr__hf_plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        tr__hf_made_drop(&p->made[i]);
    free(p->made);
    tr__names_release(&p->names);
    p->made = NULL;
    p->n = p->cap = 0;
}
