/* SPDX-License-Identifier: MIT
 *
 * Hyper-parameters from the metadata, and the one place where their ranges are checked.
 */
#include <libtrain/model/model.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct tr_arch *const archs[] = {
#define TR_ARCH(name) &tr__arch_##name,
#include <libtrain/model/archs/archs.def>
#undef TR_ARCH
};

const struct tr_arch *tr__arch_find(struct tr_str name)
{
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (strlen(archs[i]->name) == name.len &&
            !memcmp(archs[i]->name, name.ptr, name.len))
            return archs[i];
    return NULL;
}

/* One lookup after another with the first error kept, so that the list of keys below
 * reads as a list. */
struct keys {
    const struct tr_gguf *g;
    const char *arch;
    struct tr_err *err;
    int bad;
    char name[192];
};

static const char *full_name(struct keys *k, const char *suffix)
{
    snprintf(k->name, sizeof k->name, "%s.%s", k->arch, suffix);
    return k->name;
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
    else if (v < lo || v > hi)
        k->bad = tr_err_set(k->err, TR_EFORMAT, "%s: '%s' is %lld, outside %lld to %lld",
                            tr_gguf_path(k->g), k->name, (long long)v, (long long)lo,
                            (long long)hi);
    return k->bad ? lo : v;
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

static void reject(struct keys *k, const char *what)
{
    if (!k->bad)
        k->bad = tr_err_set(k->err, TR_EFORMAT, "%s: %s", tr_gguf_path(k->g), what);
}

/* rope.scaling.type: linear is a factor on positions; yarn and the like are refused. */
static void read_rope_scaling(struct keys *k, struct tr_rope *rope)
{
    struct tr_str type = { "linear", 6 }; /* llama.cpp's default, with factor 1 */
    int found = k->bad ? 0
                       : tr_gguf_string(k->g, full_name(k, "rope.scaling.type"), &type,
                                        k->err);
    if (found < 0)
        k->bad = found;
    rope->freq_scale = 1;
    if (type.len == 6 && !memcmp(type.ptr, "linear", 6))
        rope->freq_scale = 1 / get_positive(k, "rope.scaling.factor",
                                            get_positive(k, "rope.scale_linear", 1));
    else if (!(type.len == 4 && !memcmp(type.ptr, "none", 4)) && !k->bad)
        k->bad = tr_err_set(k->err, TR_EUNSUPPORTED, "%s: rope scaling '%.*s' is not supported",
                            tr_gguf_path(k->g), (int)(type.len < 64 ? type.len : 64), type.ptr);
}

static void read_rope(struct keys *k, const struct tr_arch *arch, struct tr_config *c)
{
    if (arch->rope == TR_ROPE_NONE)
        return;
    c->rope.head_dim = (int)c->head_dim;
    c->rope.n_rot =
        (int)get_int(k, "rope.dimension_count", 2, c->head_dim, c->head_dim);
    c->rope.freq_base = get_positive(k, "rope.freq_base", 10000);
    c->rope.neox = arch->rope == TR_ROPE_NEOX;
    read_rope_scaling(k, &c->rope);
    if (c->rope.n_rot % 2)
        reject(k, "the number of dimensions that rope turns is odd");
}

int tr__config_read(const struct tr_gguf *g, const struct tr_arch *arch,
                    struct tr_config *c, struct tr_err *err)
{
    struct keys k = { .g = g, .arch = arch->name, .err = err };
    *c = (struct tr_config){0};
    const struct tr_gguf_tensor *embd = tr_gguf_find_tensor(g, "token_embd.weight");
    if (!embd || embd->n_dim != 2) {
        reject(&k, embd ? "tensor 'token_embd.weight' is not a matrix"
                        : "tensor 'token_embd.weight' is missing");
        return k.bad;
    }
    c->n_vocab = embd->dim[0];
    if (c->n_vocab > INT_MAX)
        reject(&k, "too many rows in 'token_embd.weight'");
    c->n_ctx = get_int(&k, "context_length", 1, INT_MAX, -1);
    c->n_embd = get_int(&k, "embedding_length", 1, 1 << 20, -1);
    c->n_layer = get_int(&k, "block_count", 1, 512, -1);
    c->n_ff = get_int(&k, "feed_forward_length", 1, 1 << 24, -1);
    c->n_head = get_int(&k, "attention.head_count", 1, 1 << 16, -1);
    c->n_head_kv = get_int(&k, "attention.head_count_kv", 1, c->n_head, c->n_head);
    if (c->n_head % c->n_head_kv)
        reject(&k, "the number of key/value heads does not divide the number of heads");
    int64_t default_dim = c->n_embd % c->n_head ? -1 : c->n_embd / c->n_head;
    c->head_dim = get_int(&k, "attention.key_length", 1, 1 << 14, default_dim);
    if (get_int(&k, "attention.value_length", 1, 1 << 14, c->head_dim) != c->head_dim)
        reject(&k, "keys and values of different length are not supported");
    c->norm_eps = get_positive(&k, arch->eps_key, -1);
    read_rope(&k, arch, c);
    return k.bad;
}
