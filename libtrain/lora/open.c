/* SPDX-License-Identifier: MIT
 *
 * An adapter from a file.  What llama.cpp would ignore or reject is refused here, since
 * an adapter that works in one place and not in the other is worse than none.  The
 * numbers wait in the pairs until the tensors have memory (new.c, tr_lora_start).
 */
#include <libtrain/lora/pair.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int expect_string(const struct tr_gguf *g, const char *key, const char *want,
                         struct tr_err *err)
{
    struct tr_str s = { "", 0 };
    int found = tr_gguf_string(g, key, &s, err);
    if (found < 0)
        return found;
    if (!tr_str_is(s, want))
        return tr_err_set(err, TR_EMISMATCH, "%s: '%s' is '%.*s', wanted '%s'",
                          tr_gguf_path(g), key, (int)(s.len < 64 ? s.len : 64), s.ptr, want);
    return 0;
}

/* A LoRA, and of the architecture of its base. */
static int check_kind(const struct tr_gguf *g, const struct tr_model *base,
                      struct tr_err *err)
{
    const char *purpose = tr_gguf_purpose(g);
    if (strcmp(purpose, "an adapter"))
        return tr_err_set(err, TR_EMISMATCH, "'%s' is %s, not an adapter: 'general.type' does "
                          "not say 'adapter'", tr_gguf_path(g), purpose);
    int rc = expect_string(g, "general.type", "adapter", err);
    if (!rc)
        rc = expect_string(g, "adapter.type", "lora", err);
    return rc ? rc : expect_string(g, "general.architecture", tr_model_arch(base), err);
}

static int read_alpha(const struct tr_gguf *g, struct tr_lora *l, struct tr_err *err)
{
    int found = tr_gguf_f32(g, "adapter.lora.alpha", &l->alpha, err);
    if (found < 0)
        return found;
    if (!isfinite(l->alpha) || l->alpha < 0)
        return tr_err_set(err, TR_EFORMAT, "%s: 'adapter.lora.alpha' is %g",
                          tr_gguf_path(g), (double)l->alpha);
    if (!found || l->alpha == 0)
        l->warning = "no 'adapter.lora.alpha', or 0: the scale is 1";
    return tr__lora_read_base(l, g, err);
}

/* The rank of a pair for this weight, 0 if the shapes do not fit.  (A file may hold a
 * rank of 1 as a vector.) */
static int64_t pair_rank(const struct tr_weight *w, const struct tr_gguf_tensor *a,
                         const struct tr_gguf_tensor *b)
{
    int n = w->t.n_dim;
    const int64_t *dim = w->t.dim;
    int64_t n_expert = n > 2 ? dim[0] : 1, n_out = dim[n - 2], n_in = dim[n - 1];
    if (w->slot->table) {
        int64_t r = tr_gguf_count(a) / n_out;
        return tr_gguf_has_shape(a, 2, (int64_t[]){ n_out, r }) &&
               tr_gguf_has_shape(b, 2, (int64_t[]){ n_in, r }) &&
               a->dtype->to_f32 && b->dtype->to_f32 ? r : 0;
    }
    int64_t rank = tr_gguf_count(a) / n_in / n_expert;
    int fits = tr_gguf_has_shape(a, 3, (int64_t[]){ n_expert, rank, n_in }) &&
               tr_gguf_has_shape(b, 3, (int64_t[]){ n_expert, n_out, rank });
    return fits && a->dtype->to_f32 && b->dtype->to_f32 ? rank : 0;
}

static float *unpack(const struct tr_gguf_tensor *t)
{
    float *v = malloc((size_t)tr_gguf_count(t) * sizeof *v);
    if (v)
        t->dtype->to_f32(t->data, v, tr_gguf_count(t));
    return v;
}

/* One pair from its tensors: shapes against the base, then the numbers. */
static int read_pair(const struct tr_gguf *g, struct tr_lora *l,
                     const struct tr_model *base, const struct tr_weight *w,
                     const struct tr_gguf_tensor *a, const struct tr_gguf_tensor *b,
                     struct tr_err *err)
{
    const char *path = tr_gguf_path(g);
    char of_a[TR_GGUF_SHAPE_BYTES], of_b[TR_GGUF_SHAPE_BYTES], of_w[TR_GGUF_SHAPE_BYTES];
    int64_t rank = pair_rank(w, a, b);
    if (!rank)
        return tr_err_set(err, TR_EFORMAT, "%s: '%s' is %s and its lora_b %s, which does not "
                          "fit the base's %s", path, a->name,
                          tr_gguf_shape_text(of_a, a->n_dim, a->dim),
                          tr_gguf_shape_text(of_b, b->n_dim, b->dim),
                          tr_gguf_shape_text(of_w, w->t.n_dim, w->t.dim));
    int rc = tr__lora_add_pair(l, base, w, (int)rank, err);
    if (rc)
        return rc;
    struct tr_lora_pair *p = &l->pair[l->n - 1];
    p->a.data = p->read_a = unpack(a);
    p->b.data = p->read_b = unpack(b);
    if (!p->read_a || !p->read_b)
        return tr_err_set(err, TR_ENOMEM, "%s: out of memory for '%s'", path, a->name);
    if (rank > w->t.dim[w->t.n_dim - 2] || rank > tr_tensor_cols(&w->t))
        l->warning = "the rank is larger than a side of the matrix";
    return 0;
}

/* What base tensor a name belongs to; refuses what llama.cpp would ignore or reject. */
static int base_of(const struct tr_gguf *g, const struct tr_model *base, const char *name,
                   struct tr_weight **w, char *which, struct tr_err *err)
{
    char stem[80];
    size_t len = strlen(name), cut = len > 7 ? len - 7 : 0;
    const char *path = tr_gguf_path(g);
    if (cut >= sizeof stem || (strcmp(name + cut, ".lora_a") && strcmp(name + cut, ".lora_b")))
        return tr_err_set(err, TR_EFORMAT,
                          "%s: tensor '%s' is no lora_a or lora_b: whole tensors in an "
                          "adapter are not applied by llama.cpp",
                          path, name);
    snprintf(stem, sizeof stem, "%.*s", (int)cut, name);
    *which = name[len - 1];
    *w = tr__weight_find(base, stem);
    if (!*w)
        return tr_err_set(err, TR_EMISMATCH, "%s: tensor '%s': the base has no '%s'", path,
                          name, stem);
    if (!tr__takes_pair((*w)->slot))
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "%s: tensor '%s': an adapter on this tensor is not supported", path,
                          name);
    return 0;
}

static int read_pairs(const struct tr_gguf *g, const struct tr_model *base,
                      struct tr_lora *l, struct tr_err *err)
{
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        struct tr_weight *w = NULL;
        char which = 0, other[96];
        int rc = base_of(g, base, t->name, &w, &which, err);
        if (rc)
            return rc;
        snprintf(other, sizeof other, "%s.lora_%c", w->t.name, which == 'a' ? 'b' : 'a');
        const struct tr_gguf_tensor *mate = tr_gguf_find_tensor(g, other);
        if (!mate)
            return tr_err_set(err, TR_EFORMAT, "%s: tensor '%s' is there without '%s'",
                              tr_gguf_path(g), t->name, other);
        if (which == 'a' && (rc = read_pair(g, l, base, w, t, mate, err)))
            return rc;
    }
    if (!l->n)
        return tr_err_set(err, TR_EFORMAT, "%s: no lora_a/lora_b pairs", tr_gguf_path(g));
    return 0;
}

struct tr_lora *tr_lora_open(const char *path, const struct tr_model *base,
                             struct tr_err *err)
{
    struct tr_lora *l = NULL;
    struct tr_gguf *g = tr_gguf_open(path, err);
    if (!g)
        return NULL;
    if (check_kind(g, base, err))
        goto out;
    l = tr__lora_alloc(tr_gguf_n_tensor(g), err);
    if (l && (read_alpha(g, l, err) || tr_gguf_check(g, err) ||
              read_pairs(g, base, l, err))) {
        tr_lora_free(l);
        l = NULL;
    }
out:
    tr_gguf_close(g);
    return l;
}

/* Rows of a checkpoint; which they are is in the key of their name. */
static int read_rows(const struct tr_gguf *g, const struct tr_model *base, struct tr_lora *l,
                     const struct tr_gguf_tensor *t, struct tr_err *err)
{
    char name[TR__TENSOR_NAME_BYTES];
    int64_t first = 0;
    snprintf(name, sizeof name, "%.*s", (int)(strlen(t->name) - (sizeof TR__ROWS - 1)), t->name);
    const struct tr_weight *w = tr__weight_find(base, name);
    int rc = tr_gguf_int(g, TR_LORA_FIRST_ROW, &first, err);
    if (rc < 0)
        return rc;
    if (!w || !rc || !w->slot->named || t->n_dim > 2 || t->dtype != &tr_f32 || first < 0 ||
        tr_gguf_row(t) != tr_tensor_cols(&w->t) || tr_gguf_count(t) / tr_gguf_row(t) >
        tr_tensor_rows(&w->t) - first)
        return tr_err_set(err, TR_EMISMATCH, "%s: tensor '%s' does not fit the base",
                          tr_gguf_path(g), t->name);
    rc = tr__lora_add_row_pair(l, w, first, tr_gguf_count(t) / tr_gguf_row(t), err);
    if (rc)
        return rc;
    struct tr_lora_pair *p = &l->pair[l->n - 1];
    p->a.data = p->read_a = unpack(t);
    return p->read_a ? 0 : tr_err_set(err, TR_ENOMEM, "%s: out of memory for '%s'",
                                      tr_gguf_path(g), t->name);
}

/* A checkpoint has the pairs' factors in their order. */
static int read_factors(const struct tr_gguf *g, struct tr_lora *l, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = NULL;
    int rc = tr_gguf_array(g, TR_LORA_FACTORS, TR_GGUF_F32, &kv, err);
    for (size_t i = 0; rc > 0 && i < l->n; i++) {
        float f = i < kv->count ? (float)tr_gguf_elem_float(kv, i) : 0;
        if (kv->count != l->n || !(f > 0) || !isfinite(f))
            return tr_err_set(err, TR_EFORMAT, "'%s': key '%s' does not fit its pairs",
                              tr_gguf_path(g), TR_LORA_FACTORS);
        l->pair[i].factor = f;
    }
    return rc < 0 ? rc : 0;
}

/* And magnitudes, if they were trained. */
static int read_magnitudes(const struct tr_gguf *g, struct tr_lora *l, struct tr_err *err)
{
    char name[96];
    for (size_t i = 0; i < l->n; i++) {
        struct tr_lora_pair *p = &l->pair[i];
        snprintf(name, sizeof name, "%s" TR__MAGNITUDES, p->name);
        const struct tr_gguf_tensor *t = tr_gguf_find_tensor(g, name);
        if (!t)
            continue;
        if (p->rows || p->table || p->a.n_dim > 2 || t->dtype != &tr_f32 ||
            tr_gguf_count(t) != tr_tensor_rows(&p->b))
            return tr_err_set(err, TR_EMISMATCH, "%s: tensor '%s' does not fit its pair",
                              tr_gguf_path(g), name);
        int rc = tr__lora_add_magnitudes(p, err);
        if (rc)
            return rc;
        if (!(p->m.data = p->read_m = unpack(t)))
            return tr_err_set(err, TR_ENOMEM, "%s: out of memory for '%s'", tr_gguf_path(g),
                              name);
    }
    return 0;
}

static int read_apart(const struct tr_gguf *g, const char *suffix, struct tr_lora_pair *p,
                      struct tr_tensor *to, struct tr_err *err)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s", p->name, suffix);
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(g, name);
    if (!t || t->dtype != &tr_f32 || tr_gguf_count(t) != tr_tensor_count(to))
        return tr_err_set(err, TR_EMISMATCH,
                          "%s: tensor '%s' is missing or does not fit its pair",
                          tr_gguf_path(g), name);
    memcpy(to->data, t->data, (size_t)t->bytes);
    return 0;
}

/* And the parts of the base that they began with. */
static int read_all_apart(const struct tr_gguf *g, struct tr_lora *l, struct tr_err *err)
{
    int rc = 0, all = 0, with = 0;
    for (size_t i = 0; !rc && i < l->n; i++) {
        struct tr_lora_pair *p = &l->pair[i];
        char name[96];
        snprintf(name, sizeof name, "%s" TR__A0, p->name);
        all += !p->rows;
        if (!tr_gguf_find_tensor(g, name))
            continue;
        with++;
        rc = p->rows || p->table ? tr_err_set(err, TR_EMISMATCH, "%s: tensor '%s' does not fit its "
                                              "pair", tr_gguf_path(g), name)
                                 : tr__lora_add_apart(p, err);
        if (!rc)
            rc = read_apart(g, TR__A0, p, &p->a0, err);
        if (!rc)
            rc = read_apart(g, TR__B0, p, &p->b0, err);
    }
    if (!rc && with && with != all) /* one alpha is for all (save.c) */
        rc = tr_err_set(err, TR_EMISMATCH, "%s: not all pairs have what they began with",
                        tr_gguf_path(g));
    return rc;
}

/* What is neither is the state of the optimizer. */
static int read_checkpoint(const struct tr_gguf *g, const struct tr_model *base,
                           struct tr_lora *l, struct tr_err *err)
{
    int rc = read_alpha(g, l, err);
    for (size_t i = 0; !rc && i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        const char *end = strrchr(t->name, '.');
        struct tr_weight *w = NULL;
        char which, other[96];
        if (tr_lora_is_rows(t->name))
            rc = read_rows(g, base, l, t, err);
        if (!end || strcmp(end, ".lora_a"))
            continue;
        if ((rc = base_of(g, base, t->name, &w, &which, err)))
            break;
        snprintf(other, sizeof other, "%s.lora_b", w->t.name);
        const struct tr_gguf_tensor *mate = tr_gguf_find_tensor(g, other);
        rc = mate ? read_pair(g, l, base, w, t, mate, err)
                  : tr_err_set(err, TR_EFORMAT, "%s: tensor '%s' is there without '%s'",
                               tr_gguf_path(g), t->name, other);
    }
    if (!rc)
        rc = read_factors(g, l, err);
    if (!rc)
        rc = read_all_apart(g, l, err);
    return rc ? rc : read_magnitudes(g, l, err);
}

struct tr_lora *tr_lora_open_checkpoint(const struct tr_gguf *g, const struct tr_model *base,
                                        struct tr_err *err)
{
    struct tr_lora *l = tr__lora_alloc(tr_gguf_n_tensor(g), err);
    if (l && read_checkpoint(g, base, l, err)) {
        tr_lora_free(l);
        l = NULL;
    }
    return l;
}
