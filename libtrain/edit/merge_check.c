/* SPDX-License-Identifier: MIT
 *
 * Whether models are versions of one: numbers are merged by their places, so tensors, shapes
 * and the meaning of each token must be the same.  Next: merge_models.c.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/edit/method.h>

#include <math.h>
#include <string.h>

static int same_kv(const struct tr_gguf_kv *a, const struct tr_gguf_kv *b)
{
    return a && b && a->type == b->type && a->elem == b->elem && a->count == b->count &&
           a->data_bytes == b->data_bytes && !memcmp(a->data, b->data, a->data_bytes);
}

static int check_arch(const struct tr_gguf *a, const struct tr_gguf *b, struct tr_err *err)
{
    struct tr_str x = { "", 0 }, y = { "", 0 };
    if (tr_gguf_string(a, "general.architecture", &x, err) < 0 ||
        tr_gguf_string(b, "general.architecture", &y, err) < 0)
        return -1;
    if (x.len == y.len && !memcmp(x.ptr, y.ptr, x.len))
        return 0;
    return tr_err_set(err, TR_EMISMATCH, "'%s' is of architecture '%.*s', '%s' of '%.*s'",
                      tr_gguf_path(a), (int)(x.len < 64 ? x.len : 64), x.ptr,
                      tr_gguf_path(b), (int)(y.len < 64 ? y.len : 64), y.ptr);
}

/* Every tensor of a is in b, in the same shape. */
static int check_tensors(const struct tr_gguf *a, const struct tr_gguf *b,
                         struct tr_err *err)
{
    char of_a[TR_GGUF_SHAPE_BYTES], of_b[TR_GGUF_SHAPE_BYTES];
    for (size_t i = 0; i < tr_gguf_n_tensor(a); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(a, i);
        const struct tr_gguf_tensor *u = tr_gguf_find_tensor(b, t->name);
        if (!u)
            return tr_err_set(err, TR_EMISMATCH, "'%s' has no tensor '%s', which '%s' has",
                              tr_gguf_path(b), t->name, tr_gguf_path(a));
        if (!tr_gguf_has_shape(u, t->n_dim, t->dim))
            return tr_err_set(err, TR_EMISMATCH, "tensor '%s' is %s in '%s', %s in '%s'",
                              t->name, tr_gguf_shape_text(of_a, t->n_dim, t->dim),
                              tr_gguf_path(a), tr_gguf_shape_text(of_b, u->n_dim, u->dim),
                              tr_gguf_path(b));
    }
    return 0;
}

/* Where two lists of tokens begin to differ. */
static int other_token(const struct tr_gguf *a, const struct tr_gguf *b,
                       const struct tr_gguf_kv *x, const struct tr_gguf_kv *y,
                       struct tr_err *err)
{
    uint64_t at = 0, at_b = 0;
    if (x->count != y->count)
        return tr_err_set(err, TR_EMISMATCH, "'%s' has %llu tokens, '%s' %llu",
                          tr_gguf_path(a), (unsigned long long)x->count, tr_gguf_path(b),
                          (unsigned long long)y->count);
    for (uint64_t i = 0; i < x->count; i++) {
        struct tr_str s = tr_gguf_elem_string(x, &at), t = tr_gguf_elem_string(y, &at_b);
        if (s.len != t.len || memcmp(s.ptr, t.ptr, s.len))
            return tr_err_set(err, TR_EMISMATCH, "token %llu is '%.*s' in '%s', '%.*s' in "
                              "'%s'", (unsigned long long)i, (int)(s.len < 64 ? s.len : 64),
                              s.ptr, tr_gguf_path(a), (int)(t.len < 64 ? t.len : 64), t.ptr,
                              tr_gguf_path(b));
    }
    return 0;
}

static int check_vocabulary(const struct tr_gguf *a, const struct tr_gguf *b,
                            struct tr_err *err)
{
    static const char *const keys[] = { "tokenizer.ggml.model", "tokenizer.ggml.tokens",
                                        "tokenizer.ggml.merges" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct tr_gguf_kv *x = tr_gguf_find_kv(a, keys[i]);
        const struct tr_gguf_kv *y = tr_gguf_find_kv(b, keys[i]);
        if ((!x && !y) || same_kv(x, y))
            continue;
        int are_tokens = i == 1 && x && y && x->elem == TR_GGUF_STRING &&
                         y->elem == TR_GGUF_STRING;
        if (are_tokens && other_token(a, b, x, y, err))
            return -1;
        return tr_err_set(err, TR_EMISMATCH, "'%s' and '%s' have different vocabularies: "
                          "'%s'", tr_gguf_path(a), tr_gguf_path(b), keys[i]);
    }
    return 0;
}

int tr__same_family(const struct tr_gguf *base, const struct tr_gguf *g, struct tr_err *err)
{
    int rc = tr_gguf_expect_model(g, err);
    if (rc || (rc = check_arch(base, g, err)))
        return rc;
    return check_vocabulary(base, g, err);
}

int tr__same_model(const struct tr_gguf *base, const struct tr_gguf *g, struct tr_err *err)
{
    int rc = tr__same_family(base, g, err);
    if (rc || (rc = check_tensors(base, g, err)))
        return rc;
    return check_tensors(g, base, err);
}

void tr__merge_lineage(struct tr_gguf_writer *w, const struct tr_gguf *base,
                       const struct tr_merge_models_args *args)
{
    tr_gguf_set_fine_tuned(w, base, args->name ? args->name : "merged");
    for (size_t i = 0; i < args->n; i++)
        tr_gguf_add_parent(w, args->model[i], (unsigned)i + 1);
}

static int check_weights(const struct tr_merge_models_args *a, const double *weight,
                         const char *where, struct tr_err *err)
{
    for (size_t i = 0; i < a->n; i++)
        if (!isfinite(weight[i]))
            return tr_err_set(err, TR_EINVAL, "a weight of %g%s", weight[i], where);
    const char *why = a->method->misfit ? a->method->misfit(weight, a->n) : NULL;
    if (why)
        return tr_err_set(err, TR_EINVAL, "%s: the weights%s %s", a->method->name, where, why);
    return 0;
}

static int check_numbers(const struct tr_merge_models_args *a, struct tr_err *err)
{
    const struct tr_merge_method *m = a->method;
    if (a->n < m->least || a->n > m->most)
        return tr_err_set(err, TR_EINVAL, "%s takes %zu to %zu models beside the base, not "
                          "%zu", m->name, m->least, m->most, a->n);
    if (!(a->density > 0 && a->density <= 1))
        return tr_err_set(err, TR_EINVAL, "a density of %g", a->density);
    int rc = check_weights(a, a->weight, "", err);
    for (size_t i = 0; !rc && i < a->n_rule; i++)
        rc = check_weights(a, a->rule[i].weight, " of a pattern", err);
    return rc;
}

int tr_merge_models_check(const struct tr_gguf *base, const struct tr_merge_models_args *args,
                          struct tr_err *err)
{
    int rc = check_numbers(args, err);
    if (!rc)
        rc = tr_gguf_expect_model(base, err);
    if (!rc && args->method->check)
        return args->method->check(base, args, err);
    for (size_t i = 0; !rc && i < args->n; i++)
        rc = tr__same_model(base, args->model[i], err);
    return rc ? err->code : 0;
}

static int of_model(const char *key, struct tr_str arch)
{
    return !strncmp(key, "tokenizer.ggml.", 15) ||
           (!strncmp(key, arch.ptr, arch.len) && key[arch.len] == '.');
}

/* Of a's keys those that b has otherwise; with `alone` those that b does not have. */
static const char *key_at(const struct tr_gguf *a, const struct tr_gguf *b, int alone,
                          size_t *i)
{
    struct tr_str arch = { "", 0 };
    if (tr_gguf_string(a, "general.architecture", &arch, NULL) < 0)
        return NULL;
    for (size_t k = 0; k < tr_gguf_n_kv(a); k++) {
        const struct tr_gguf_kv *x = tr_gguf_kv(a, k), *y = tr_gguf_find_kv(b, x->key);
        if (of_model(x->key, arch) && (alone ? !y : !same_kv(x, y)) && (*i)-- == 0)
            return x->key;
    }
    return NULL;
}

const char *tr_merge_other_key(const struct tr_gguf *base, const struct tr_gguf *other,
                               size_t i)
{
    const char *key = key_at(base, other, 0, &i);
    return key ? key : key_at(other, base, 1, &i);
}
