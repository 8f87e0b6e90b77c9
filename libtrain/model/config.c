/* SPDX-License-Identifier: MIT
 *
 * Hyper-parameters from the metadata, and the one place where their ranges are checked.
 * keys.c lists all keys that an architecture may have, those without effect among them.
 */
#include <libtrain/model/model.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>

static const struct tr_arch *const archs[] = {
#define TR_ARCH(name) &tr__arch_##name,
#include <libtrain/model/archs/archs.def>
#undef TR_ARCH
};

const struct tr_arch *tr__arch_find(struct tr_str name)
{
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (tr_str_is(name, archs[i]->name))
            return archs[i];
    return NULL;
}

void tr__key_name(char *key, const struct tr_arch *arch, const char *suffix)
{
    snprintf(key, TR__KEY_BYTES, "%s.%s", arch->name, suffix);
}

/* One lookup after another with the first error kept, so that the list of keys below
 * reads as a list. */
struct keys {
    const struct tr_gguf *g;
    const struct tr_arch *arch;
    struct tr_err *err;
    int bad;
    char name[TR__KEY_BYTES];
};

static const char *full_name(struct keys *k, const char *suffix)
{
    tr__key_name(k->name, k->arch, suffix);
    return k->name;
}

static void check_range(struct keys *k, int64_t v, int64_t lo, int64_t hi)
{
    if (!k->bad && (v < lo || v > hi))
        k->bad = tr_err_set(k->err, TR_EFORMAT, "%s: '%s' is %lld, outside %lld to %lld",
                            tr_gguf_path(k->g), k->name, (long long)v, (long long)lo,
                            (long long)hi);
}

/* Integer in [lo, hi]; `missing` is taken where the key is absent, unless negative. */
static int64_t get_int(struct keys *k, const char *suffix, int64_t lo, int64_t hi,
                       int64_t missing)
{
    int64_t v = missing;
    if (k->bad)
        return lo;
    int found = tr_gguf_int(k->g, full_name(k, suffix), &v, k->err);
    if (found < 0)
        k->bad = found;
    else if (!found && missing < 0)
        k->bad = tr_err_set(k->err, TR_EFORMAT, "%s: key '%s' is missing",
                            tr_gguf_path(k->g), k->name);
    else
        check_range(k, v, lo, hi);
    return k->bad ? lo : v;
}

/* The number that all elements of an array are. */
static int64_t get_equal(struct keys *k, const struct tr_gguf_kv *kv, int64_t lo, int64_t hi)
{
    int64_t first = tr_gguf_elem_int(kv, 0);
    for (uint64_t i = 1; i < kv->count && !k->bad; i++)
        if (tr_gguf_elem_int(kv, i) != first)
            k->bad = tr_err_set(k->err, TR_EUNSUPPORTED,
                                "%s: '%s' is %lld in block 0 and %lld in block %llu: layers "
                                "of different size are not supported", tr_gguf_path(k->g),
                                k->name, (long long)first,
                                (long long)tr_gguf_elem_int(kv, i), (unsigned long long)i);
    check_range(k, first, lo, hi);
    return k->bad ? lo : first;
}

/* Finite number above 0; `missing` as above. */
static float get_positive(struct keys *k, const char *suffix, float missing)
{
    float v = missing;
    if (k->bad)
        return 1;
    int found = tr_gguf_f32(k->g, full_name(k, suffix), &v, k->err);
    if (found < 0)
        k->bad = found;
    else if (!found && missing < 0)
        k->bad = tr_err_set(k->err, TR_EFORMAT, "%s: key '%s' is missing",
                            tr_gguf_path(k->g), k->name);
    else if (!(v > 0) || !isfinite(v))
        k->bad = tr_err_set(k->err, TR_EFORMAT, "%s: '%s' is %g, not a number above 0",
                            tr_gguf_path(k->g), k->name, (double)v);
    return k->bad ? 1 : v;
}

/* A size that a file may give for each block; it must be the same in all. */
static int64_t get_per_block(struct keys *k, const char *suffix, int64_t lo, int64_t hi,
                             int64_t missing, int64_t n_layer)
{
    const struct tr_gguf_kv *kv = k->bad ? NULL : tr_gguf_find_kv(k->g, full_name(k, suffix));
    if (!kv || kv->type != TR_GGUF_ARRAY)
        return get_int(k, suffix, lo, hi, missing);
    int found = tr_gguf_ints(k->g, k->name, &kv, k->err);
    if (found < 0) {
        k->bad = found;
    } else if (kv->count != (uint64_t)n_layer) {
        k->bad = tr_err_set(k->err, TR_EFORMAT, "%s: '%s' has %llu numbers for %lld blocks",
                            tr_gguf_path(k->g), k->name, (unsigned long long)kv->count,
                            (long long)n_layer);
    } else {
        return get_equal(k, kv, lo, hi);
    }
    return lo;
}

static void reject(struct keys *k, const char *what)
{
    if (!k->bad)
        k->bad = tr_err_set(k->err, TR_EFORMAT, "%s: %s", tr_gguf_path(k->g), what);
}

/* A factor of 0 says that there is none. */
static float linear_scale(struct keys *k)
{
    float factor = 1;
    if (!tr_gguf_find_kv(k->g, full_name(k, "rope.scaling.factor")))
        full_name(k, "rope.scale_linear"); /* its name in old files */
    int found = k->bad ? 0 : tr_gguf_f32(k->g, k->name, &factor, k->err);
    if (found < 0)
        k->bad = found;
    if (!k->bad && (factor < 0 || !isfinite(factor)))
        k->bad = tr_err_set(k->err, TR_EFORMAT, "%s: '%s' is %g, not a number above 0",
                            tr_gguf_path(k->g), k->name, (double)factor);
    return factor == 0 ? 1 : 1 / factor;
}

/* Linear scaling is a factor on positions; yarn and the like are refused. */
static void read_rope_scaling(struct keys *k, struct tr_rope *rope)
{
    struct tr_str type = { "linear", 6 }; /* llama.cpp's default, with factor 1 */
    int found = k->bad ? 0
                       : tr_gguf_string(k->g, full_name(k, "rope.scaling.type"), &type,
                                        k->err);
    if (found < 0)
        k->bad = found;
    rope->freq_scale = 1;
    rope->scale = get_positive(k, "rope.scaling.attn_factor", 1);
    if (tr_str_is(type, "linear"))
        rope->freq_scale = linear_scale(k);
    else if (!tr_str_is(type, "none") && !k->bad)
        k->bad = tr_err_set(k->err, TR_EUNSUPPORTED,
                            "%s: rope scaling '%.*s' (%s) is not supported",
                            tr_gguf_path(k->g), (int)(type.len < 64 ? type.len : 64),
                            type.ptr, full_name(k, "rope.scaling.type"));
}

static void read_rope(struct keys *k, struct tr_config *c)
{
    if (k->arch->rope == TR_ROPE_NONE)
        return;
    c->rope.head_dim = (int)c->head_dim;
    c->rope.n_rot =
        (int)get_int(k, "rope.dimension_count", 2, c->head_dim, c->head_dim);
    c->rope.freq_base = get_positive(k, "rope.freq_base", 10000);
    c->rope.neox = k->arch->rope == TR_ROPE_NEOX;
    read_rope_scaling(k, &c->rope);
    if (c->rope.n_rot % 2)
        reject(k, "the number of dimensions that rope turns is odd");
}

static void read_heads(struct keys *k, struct tr_config *c)
{
    c->n_head = get_per_block(k, "attention.head_count", 1, 1 << 16, -1, c->n_layer);
    c->n_head_kv = get_per_block(k, "attention.head_count_kv", 1, c->n_head, c->n_head,
                                 c->n_layer);
    if (c->n_head % c->n_head_kv)
        reject(k, "the number of key/value heads does not divide the number of heads");
    int64_t default_dim = c->n_embd % c->n_head ? -1 : c->n_embd / c->n_head;
    c->head_dim = get_int(k, "attention.key_length", 1, 1 << 14, default_dim);
    if (get_int(k, "attention.value_length", 1, 1 << 14, c->head_dim) != c->head_dim)
        reject(k, "keys and values of different length are not supported");
}

int tr__config_read(const struct tr_gguf *g, const struct tr_arch *arch,
                    struct tr_config *c, struct tr_err *err)
{
    struct keys k = { .g = g, .arch = arch, .err = err };
    *c = (struct tr_config){0};
    const struct tr_gguf_tensor *embd = tr_gguf_find_tensor(g, "token_embd.weight");
    if (!embd) {
        reject(&k, "tensor 'token_embd.weight' is missing");
        return k.bad;
    }
    c->n_ctx = get_int(&k, "context_length", 1, INT_MAX, -1);
    c->n_embd = get_int(&k, "embedding_length", 1, 1 << 20, -1);
    c->n_layer = get_int(&k, "block_count", 1, 512, -1);
    c->n_ff = get_per_block(&k, "feed_forward_length", 1, 1 << 24, -1, c->n_layer);
    read_heads(&k, c);
    c->norm_eps = get_positive(&k, arch->eps_key, -1);
    read_rope(&k, c);
    c->n_vocab = embd->n_dim > 1 ? embd->dim[embd->n_dim - 2] : 1;
    if (c->n_vocab > INT_MAX)
        reject(&k, "too many rows in 'token_embd.weight'");
    return k.bad;
}
