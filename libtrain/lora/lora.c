/* SPDX-License-Identifier: MIT */
#include <libtrain/model/model.h>
#include <libtrain/lora.h>
#include <libtrain/rng.h>

#include <cblas.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tr_lora *lora_alloc(size_t max_pairs, struct tr_err *err)
{
    struct tr_lora *l = calloc(1, sizeof *l);
    if (l)
        l->pair = calloc(max_pairs + 1, sizeof *l->pair);
    if (!l || !l->pair) {
        free(l);
        tr_err_set(err, TR_ENOMEM, "out of memory");
        return NULL;
    }
    return l;
}

/* The names of a and b are kept with the tensors, "NAME.lora_a" and "NAME.lora_b". */
static char *pair_name(const char *base, char which)
{
    size_t size = strlen(base) + sizeof ".lora_a";
    char *name = malloc(size);
    if (name)
        snprintf(name, size, "%s.lora_%c", base, which);
    return name;
}

static int add_pair(struct tr_lora *l, const struct tr_weight *w, int rank,
                    struct tr_err *err)
{
    struct tr_lora_pair *p = &l->pair[l->n++];
    char *name_a = pair_name(w->t.name, 'a'), *name_b = pair_name(w->t.name, 'b');
    p->name = w->t.name;
    p->rank = rank;
    p->a = tr_tensor_make(name_a, &tr_f32, 2, (int64_t[]){ rank, w->t.dim[1] }, NULL);
    p->b = tr_tensor_make(name_b, &tr_f32, 2, (int64_t[]){ w->t.dim[0], rank }, NULL);
    if (!name_a || !name_b)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    return 0;
}

void tr_lora_free(struct tr_lora *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++) {
        struct tr_lora_pair *p = &l->pair[i];
        free(p->read_a);
        free(p->read_b);
        free((void *)(uintptr_t)p->a.name);
        free((void *)(uintptr_t)p->b.name);
    }
    free(l->pair);
    free(l);
}

/* ---- reading ---------------------------------------------------------------------- */

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
    int rc = add_pair(l, w, (int)a->dim[0], err);
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
    l = lora_alloc(tr_gguf_n_tensor(g), err);
    if (l && (read_alpha(g, l, err) || tr_gguf_check(g, err) ||
              read_pairs(g, base, l, err))) {
        tr_lora_free(l);
        l = NULL;
    }
out:
    tr_gguf_close(g);
    return l;
}

/* ---- a new one -------------------------------------------------------------------- */

/* "blk.3.attn_q.weight" against "attn_q", "blk.3.*", … */
static int matches(const char *pattern, const char *name)
{
    if (!fnmatch(pattern, name, 0))
        return 1;
    const char *middle = name;
    tr_gguf_block(name, &middle);
    char stem[80];
    snprintf(stem, sizeof stem, "%.*s", (int)strcspn(middle, "."), middle);
    return !fnmatch(pattern, stem, 0);
}

static int select_targets(const struct tr_model *base, char *list, char *chosen,
                          struct tr_err *err)
{
    char *save = NULL;
    for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        int any = 0, all = !strcmp(p, "all-linear");
        for (size_t i = 0; i < base->n_weight; i++) {
            const struct tr_weight *w = &base->weight[i];
            if (!w->t.data || !(all ? w->slot->linear : matches(p, w->t.name)))
                continue;
            if (!w->slot->linear && w->t.n_dim == 2)
                return tr_err_set(err, TR_EUNSUPPORTED,
                                  "target '%s': an adapter on '%s' is not supported", p,
                                  w->t.name);
            any |= chosen[i] |= w->slot->linear;
        }
        if (!any)
            return tr_err_set(err, TR_EFORMAT, "target '%s' matches no linear layer", p);
    }
    return 0;
}

struct tr_lora *tr_lora_new(const struct tr_model *base, const char *targets, int rank,
                            float alpha, struct tr_err *err)
{
    struct tr_lora *l = lora_alloc(base->n_weight, err);
    char *list = strdup(targets), *chosen = calloc(base->n_weight, 1);
    int rc = l && list && chosen ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory");
    if (!rc)
        rc = select_targets(base, list, chosen, err);
    for (size_t i = 0; !rc && i < base->n_weight; i++)
        if (chosen[i])
            rc = add_pair(l, &base->weight[i], rank, err);
    if (!rc && !l->n)
        rc = tr_err_set(err, TR_EFORMAT, "no target is named");
    free(list);
    free(chosen);
    if (rc) {
        tr_lora_free(l);
        return NULL;
    }
    l->alpha = alpha;
    l->base_hash = tr_model_hash(base);
    return l;
}

static void fill_at_random(struct tr_lora_pair *p, struct tr_rng rng)
{
    float bound = 1 / sqrtf((float)p->a.dim[1]);
    float *a = p->a.data;
    for (int64_t j = 0; j < tr_tensor_count(&p->a); j++)
        a[j] = bound * (2 * tr_rng_uniform(&rng) - 1);
    memset(p->b.data, 0, (size_t)tr_tensor_count(&p->b) * sizeof(float));
}

static void fill_as_read(struct tr_tensor *t, float **read)
{
    memcpy(t->data, *read, (size_t)tr_tensor_count(t) * sizeof **read);
    free(*read);
    *read = NULL;
}

void tr_lora_start(struct tr_lora *l, uint64_t seed)
{
    for (size_t i = 0; i < l->n; i++) {
        struct tr_lora_pair *p = &l->pair[i];
        if (!p->read_a) {
            fill_at_random(p, tr_rng_init(seed, i));
            continue;
        }
        fill_as_read(&p->a, &p->read_a);
        fill_as_read(&p->b, &p->read_b);
    }
}

/* ---- use -------------------------------------------------------------------------- */

static float pair_scale(const struct tr_lora *l, const struct tr_lora_pair *p, float user)
{
    return l->alpha == 0 ? user : user * l->alpha / (float)p->rank;
}

int tr_lora_attach(struct tr_lora *l, struct tr_model *m, float scale, struct tr_err *err)
{
    for (size_t i = 0; i < l->n; i++) {
        struct tr_lora_pair *p = &l->pair[i];
        if (pair_scale(l, p, scale) == 0) /* to an operation 0 means no scale: 1 */
            continue;
        struct tr_delta **end = &tr__weight_find(m, p->name)->delta;
        while (*end)
            end = &(*end)->next;
        *end = calloc(1, sizeof **end);
        if (!*end)
            return tr_err_set(err, TR_ENOMEM, "out of memory");
        **end = (struct tr_delta){ &p->a, &p->b, pair_scale(l, p, scale), NULL };
    }
    return 0;
}

static const struct tr_lora_pair *find_pair(const struct tr_lora *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->pair[i].name, name))
            return &l->pair[i];
    return NULL;
}

int tr_lora_has(const struct tr_lora *l, const char *name)
{
    return find_pair(l, name) != NULL;
}

void tr_lora_add_to(const struct tr_lora *l, const char *name, float user_scale, int64_t r0,
                    int64_t n, float *w)
{
    const struct tr_lora_pair *p = find_pair(l, name);
    if (!p)
        return;
    int n_in = (int)p->a.dim[1];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, n_in, p->rank,
                pair_scale(l, p, user_scale), (const float *)p->b.data + r0 * p->rank,
                p->rank, p->a.data, n_in, 1, w, n_in);
}

static int write_tensor(struct tr_gguf_writer *g, const struct tr_tensor *t,
                        struct tr_err *err)
{
    return tr_gguf_write(g, t->data, tr_tensor_count(t) * (int64_t)sizeof(float), err);
}

int tr_lora_save(const struct tr_lora *l, const struct tr_model *base, const char *path,
                 struct tr_err *err)
{
    struct tr_gguf_writer *g = tr_gguf_create(path, err);
    if (!g)
        return err ? err->code : TR_EIO;
    tr_gguf_set_string(g, "general.architecture", tr_model_arch(base));
    tr_gguf_set_string(g, "general.type", "adapter");
    tr_gguf_set_string(g, "adapter.type", "lora");
    tr_gguf_set_f32(g, "adapter.lora.alpha", l->alpha);
    if (l->base_hash)
        tr__hash_write(g, "libtrain.base_hash", l->base_hash);
    for (size_t i = 0; i < l->n; i++) {
        tr_gguf_add_tensor(g, l->pair[i].a.name, &tr_f32, 2, l->pair[i].a.dim);
        tr_gguf_add_tensor(g, l->pair[i].b.name, &tr_f32, 2, l->pair[i].b.dim);
    }
    int rc = 0;
    for (size_t i = 0; !rc && i < l->n; i++) {
        rc = write_tensor(g, &l->pair[i].a, err);
        if (!rc)
            rc = write_tensor(g, &l->pair[i].b, err);
    }
    if (rc) {
        tr_gguf_discard(g);
        return rc;
    }
    return tr_gguf_commit(g, err);
}
