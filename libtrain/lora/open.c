/* SPDX-License-Identifier: MIT
 *
 * An adapter from a file.  What llama.cpp would ignore or reject is refused here, since an
 * adapter that works in one place and not in the other is worse than none.  The numbers wait
 * in the pairs until the tensors have memory (new.c, tr_lora_start).
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
    if (s.len != strlen(want) || memcmp(s.ptr, want, s.len))
        return tr_err_set(err, TR_EMISMATCH, "%s: '%s' is '%.*s', wanted '%s'",
                          tr_gguf_path(g), key, (int)(s.len < 64 ? s.len : 64), s.ptr, want);
    return 0;
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
    found = tr__hash_read(g, "libtrain.base_hash", &l->base_hash, err);
    return found < 0 ? found : 0;
}

static int is_f32_matrix(const struct tr_gguf_tensor *t)
{
    return t->n_dim == 2 && t->dtype->to_f32;
}

static float *unpack(const struct tr_gguf_tensor *t)
{
    int64_t n = t->dim[0] * t->dim[1];
    float *v = malloc((size_t)n * sizeof *v);
    if (v)
        t->dtype->to_f32(t->data, v, n);
    return v;
}

/* One pair from its tensors: shapes against the base, then the numbers. */
static int read_pair(const struct tr_gguf *g, struct tr_lora *l, const struct tr_weight *w,
                     const struct tr_gguf_tensor *a, const struct tr_gguf_tensor *b,
                     struct tr_err *err)
{
    const char *path = tr_gguf_path(g);
    if (!is_f32_matrix(a) || !is_f32_matrix(b) || a->dim[1] != w->t.dim[1] ||
        b->dim[0] != w->t.dim[0] || a->dim[0] != b->dim[1])
        return tr_err_set(err, TR_EFORMAT,
                          "%s: '%s' is (%lld, %lld) and its lora_b (%lld, %lld), which does "
                          "not fit the base's (%lld, %lld)",
                          path, a->name, (long long)a->dim[0], (long long)a->dim[1],
                          (long long)b->dim[0], (long long)b->dim[1],
                          (long long)w->t.dim[0], (long long)w->t.dim[1]);
    int rc = tr__lora_add_pair(l, w, (int)a->dim[0], err);
    if (rc)
        return rc;
    struct tr_lora_pair *p = &l->pair[l->n - 1];
    p->a.data = p->read_a = unpack(a);
    p->b.data = p->read_b = unpack(b);
    if (!p->read_a || !p->read_b)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    if (a->dim[0] > w->t.dim[0] || a->dim[0] > w->t.dim[1])
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
    if (!(*w)->slot->linear)
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
        if (which == 'a' && (rc = read_pair(g, l, w, t, mate, err)))
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
    if (expect_string(g, "general.type", "adapter", err) ||
        expect_string(g, "adapter.type", "lora", err) ||
        expect_string(g, "general.architecture", tr_model_arch(base), err))
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
