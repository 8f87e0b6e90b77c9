/* SPDX-License-Identifier: MIT
 *
 * mkmodel - write a model with random weights: for benchmarks, tests of memory, and as the
 * start of a training from nothing.
 *
 *   mkmodel --shape smollm2-135m --n-vocab 49152 -o random.gguf
 *   mkmodel --shape tiny --vocab vocab.gguf --layers 2 -o small.gguf
 *
 * Names of keys and tensors as llama.cpp writes them.  Matrices and tables are normal with
 * deviation 0.02, the projections that end in the residual stream with 0.02 / sqrt(2
 * layers) (Radford et al. 2019), norms are 1, biases 0.  The bytes depend on the options
 * alone, not on the number of threads.
 */
#include "../cmds/shared/common.h"
#include "shapes.h"

#include <libtrain/recipe.h>
#include <libtrain/gguf.h>
#include <libtrain/rng.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Numbers that one random stream makes, and that are made between two writes.  Rows are
 * whole blocks and blocks divide CHUNK, so a chunk of any tensor can be packed alone. */
enum { CHUNK = 1 << 16, SLAB = 32 * CHUNK };
enum { FILE_TYPE_Q4_K_M = 15 }; /* of llama.cpp */

struct opts {
    const char *output, *vocab, *type;
    int arch, shape;
    int64_t n_layer, n_embd, n_head, n_head_kv, n_ff, n_ctx, n_vocab, seed;
};

struct build {
    const struct arch *arch;
    struct shape s;
    const struct tr_dtype *type;
    const struct mix *mix;       /* NULL: every matrix in `type` */
    const struct tr_gguf *vocab; /* NULL: no tokenizer */
    int64_t dim[N_DIM];
    uint64_t seed;
    struct tr_gguf_writer *w;
    float *f32; /* SLAB numbers */
    void *packed;
};

/* ==== options ==== */

static void take(int64_t *to, int64_t given)
{
    if (given > 0)
        *to = given;
}

static void set_shape(const struct cmd *cmd, struct build *b, const struct opts *o)
{
    struct shape *s = &b->s;
    *s = shapes[o->shape];
    if (o->arch >= 0)
        s->arch = o->arch;
    b->arch = &archs[s->arch];
    take(&s->n_layer, o->n_layer);
    take(&s->n_embd, o->n_embd);
    take(&s->n_head, o->n_head);
    take(&s->n_head_kv, o->n_head_kv ? o->n_head_kv : o->n_head);
    take(&s->n_ff, o->n_ff ? o->n_ff : o->n_embd ? 4 * o->n_embd : 0);
    take(&s->n_ctx, o->n_ctx);
    take(&s->n_vocab, o->n_vocab);
    if (!b->arch->grouped)
        s->n_head_kv = s->n_head;
    if (s->n_embd % s->n_head || s->n_head % s->n_head_kv)
        cmd_usage(cmd, "%lld heads (%lld of k and v) do not divide a width of %lld",
                  (long long)s->n_head, (long long)s->n_head_kv, (long long)s->n_embd);
    if (b->arch == &archs[LLAMA] && s->n_embd / s->n_head % 2)
        cmd_usage(cmd, "rope needs an even width of a head");
    int mixed = !strcasecmp(o->type, "q4_k_m");
    b->mix = mixed ? q4_k_m : NULL;
    b->type = tr_dtype_by_name(mixed ? "Q4_K" : o->type);
    if (!b->type || !b->type->from_f32)
        cmd_usage(cmd, "cannot write type '%s'", o->type);
}

static void set_dims(struct build *b)
{
    const struct shape *s = &b->s;
    int64_t kv = s->n_embd / s->n_head * s->n_head_kv;
    b->dim[VOCAB] = s->n_vocab;
    b->dim[CTX] = s->n_ctx;
    b->dim[EMBD] = s->n_embd;
    b->dim[FF] = s->n_ff;
    b->dim[KV] = kv;
    b->dim[QKV] = s->n_embd + 2 * kv;
}

/* ==== metadata ==== */

/* The vocabulary's own lists with entries of type "unused" behind them up to n. */
static int pad_vocab(struct build *b, const struct tr_gguf_kv *tokens, struct tr_err *err)
{
    enum { UNUSED = 5, NAME = 24 };
    uint64_t n = (uint64_t)b->s.n_vocab, cursor = 0;
    const struct tr_gguf_kv *types;
    struct tr_str *text = malloc(n * sizeof *text);
    char(*name)[NAME] = malloc(n * sizeof *name);
    int32_t *type = malloc(n * sizeof *type);
    int rc = -1;
    if (!text || !name || !type) {
        tr_err_sys(err, "cannot pad the vocabulary to %llu tokens", (unsigned long long)n);
        goto out;
    }
    int found =
        tr_gguf_array(b->vocab, "tokenizer.ggml.token_type", TR_GGUF_I32, &types, err);
    if (found < 1 || types->count != tokens->count) {
        tr_err_set(err, TR_EFORMAT, "'%s' has no type for every token",
                   tr_gguf_path(b->vocab));
        goto out;
    }
    for (uint64_t i = 0; i < n; i++) {
        int len = snprintf(name[i], NAME, "<|unused_%llu|>", (unsigned long long)i);
        int own = i < tokens->count;
        text[i] = own ? tr_gguf_elem_string(tokens, &cursor)
                      : (struct tr_str){ name[i], (size_t)len };
        type[i] = own ? (int32_t)tr_gguf_elem_int(types, i) : UNUSED;
    }
    tr_gguf_set_strings(b->w, "tokenizer.ggml.tokens", text, n);
    tr_gguf_set_array(b->w, "tokenizer.ggml.token_type", TR_GGUF_I32, type, n);
    rc = 0;
out:
    free(text);
    free(name);
    free(type);
    return rc;
}

/* All keys tokenizer.*; the size of the vocabulary is its own unless more is asked for. */
static int copy_vocab(struct build *b, int64_t wanted, struct tr_err *err)
{
    const struct tr_gguf_kv *tokens;
    int found =
        tr_gguf_array(b->vocab, "tokenizer.ggml.tokens", TR_GGUF_STRING, &tokens, err);
    if (found < 1)
        return found < 0 ? -1 : tr_err_set(err, TR_EFORMAT, "'%s' holds no vocabulary",
                                           tr_gguf_path(b->vocab));
    int64_t n = (int64_t)tokens->count;
    if (wanted && wanted < n)
        return tr_err_set(err, TR_EMISMATCH, "'%s' holds %lld tokens, not %lld",
                          tr_gguf_path(b->vocab), (long long)n, (long long)wanted);
    for (size_t i = 0; i < tr_gguf_n_kv(b->vocab); i++)
        if (!strncmp(tr_gguf_kv(b->vocab, i)->key, "tokenizer.", 10))
            tr_gguf_set_kv(b->w, tr_gguf_kv(b->vocab, i));
    b->s.n_vocab = wanted ? wanted : n;
    return wanted > n ? pad_vocab(b, tokens, err) : 0;
}

static const char *key_of(const struct build *b, const char *suffix, char *buf, size_t size)
{
    snprintf(buf, size, "%s.%s", b->arch->name, suffix);
    return buf;
}

static int set_keys(struct build *b, int64_t wanted, struct tr_err *err)
{
    const struct shape *s = &b->s;
    char key[96];
    tr_gguf_set_string(b->w, "general.architecture", b->arch->name);
    tr_gguf_set_string(b->w, "general.name", "random weights");
    if (b->vocab && copy_vocab(b, wanted, err))
        return -1;
    if (!b->vocab) /* llama.cpp's word for a model without tokenizer */
        tr_gguf_set_string(b->w, "tokenizer.ggml.model", "none");
    const struct { const char *suffix; int64_t value; } ints[] = {
        { "vocab_size", s->n_vocab },
        { "context_length", s->n_ctx },
        { "embedding_length", s->n_embd },
        { "block_count", s->n_layer },
        { "feed_forward_length", s->n_ff },
        { "attention.head_count", s->n_head },
        { "attention.head_count_kv", s->n_head_kv },
    };
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        tr_gguf_set_u32(b->w, key_of(b, ints[i].suffix, key, sizeof key),
                        (uint32_t)ints[i].value);
    tr_gguf_set_f32(b->w, key_of(b, b->arch->eps_key, key, sizeof key), 1e-5f);
    if (b->arch == &archs[LLAMA]) {
        tr_gguf_set_f32(b->w, key_of(b, "rope.freq_base", key, sizeof key), s->rope_base);
        tr_gguf_set_u32(b->w, key_of(b, "rope.dimension_count", key, sizeof key),
                        (uint32_t)(s->n_embd / s->n_head));
    }
    if (b->type->block > 1)
        tr_gguf_set_u32(b->w, "general.quantization_version", 2);
    if (b->mix || b->type->file_type >= 0)
        tr_gguf_set_u32(b->w, "general.file_type",
                        b->mix ? FILE_TYPE_Q4_K_M : (uint32_t)b->type->file_type);
    return 0;
}

/* ==== weights ==== */

/* Normal, near enough: four uniform numbers out of one draw, whose sum has mean 0 and
 * variance 1 after scaling (Irwin-Hall).  Ten times as fast as logarithm and cosine. */
static float near_normal(struct tr_rng *r)
{
    uint64_t v = tr_rng_u64(r);
    uint64_t sum = (v & 0xffff) + (v >> 16 & 0xffff) + (v >> 32 & 0xffff) + (v >> 48);
    return (float)((int64_t)sum - 2 * 0xffff) * (1.7320508f / 65536.0f);
}

static void fill(float *x, int64_t n, struct tr_rng r, float scale, float constant)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = scale > 0 ? scale * near_normal(&r) : constant;
}

/* `first` numbers the random streams of a tensor. */
static int write_weights(struct build *b, int64_t n, const struct tr_dtype *type,
                         enum init init, uint64_t first, struct tr_err *err)
{
    float scale = init == NORMAL     ? 0.02f
                  : init == RESIDUAL ? 0.02f / sqrtf(2 * (float)b->s.n_layer)
                                     : 0;
    for (int64_t at = 0; at < n; at += SLAB) {
        int64_t m = n - at < SLAB ? n - at : SLAB;
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < m; i += CHUNK) {
            int64_t k = m - i < CHUNK ? m - i : CHUNK;
            uint64_t stream = first + (uint64_t)((at + i) / CHUNK);
            char *to = (char *)b->packed + i / type->block * type->bytes;
            fill(b->f32 + i, k, tr_rng_init(b->seed, stream), scale, init == ONE);
            type->from_f32(b->f32 + i, to, k);
        }
        if (tr_gguf_write(b->w, b->packed, m / type->block * type->bytes, err))
            return -1;
    }
    return 0;
}

/* Whether block i of n gets the better type of a mixture. */
static int is_favoured(int64_t i, int64_t n)
{
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

/* The type that a part should have; tr_recipe_type says what it can have. */
static const struct tr_dtype *wanted_type(const struct build *b, const char *part,
                                          int64_t layer)
{
    for (const struct mix *m = b->mix; m && m->part; m++)
        if (!strcmp(m->part, part) && (!m->some || is_favoured(layer, b->s.n_layer)))
            return tr_dtype_by_name(m->type);
    return b->type;
}

/* One tensor; called once to declare it and once to write it. */
static int do_part(struct build *b, const struct part *p, int64_t layer, uint64_t index,
                   int write, struct tr_err *err)
{
    char name[64];
    int n_dim = p->col == NONE ? 1 : 2;
    int64_t dim[4] = { b->dim[p->row], n_dim == 2 ? b->dim[p->col] : 1, 1, 1 };
    if (layer < 0)
        snprintf(name, sizeof name, "%s", p->name);
    else
        snprintf(name, sizeof name, "blk.%lld.%s", (long long)layer, p->name);
    struct tr_gguf_tensor t = { .name = name, .dtype = &tr_f32, .n_dim = n_dim,
                                .dim = { dim[0], dim[1], 1, 1 } };
    const struct tr_dtype *type =
        tr_recipe_type(&t, wanted_type(b, p->name, layer), err);
    if (!type)
        return -1;
    if (!write) {
        tr_gguf_add_tensor(b->w, name, type, n_dim, dim);
        return 0;
    }
    return write_weights(b, dim[0] * dim[1], type, p->init, index << 32, err);
}

static int all_parts(struct build *b, int write, struct tr_err *err)
{
    uint64_t index = 0;
    for (const struct part *p = b->arch->whole; p->name; p++)
        if (do_part(b, p, -1, index++, write, err))
            return -1;
    for (int64_t layer = 0; layer < b->s.n_layer; layer++)
        for (const struct part *p = b->arch->block; p->name; p++)
            if (do_part(b, p, layer, index++, write, err))
                return -1;
    return 0;
}

static int make_model(struct build *b, const struct opts *o, struct tr_err *err)
{
    struct tr_gguf *vocab = NULL;
    int rc = -1;
    b->f32 = malloc(SLAB * sizeof *b->f32);
    b->packed = malloc(SLAB * sizeof *b->f32);
    if (!b->f32 || !b->packed) {
        tr_err_sys(err, "cannot make a model");
        goto out;
    }
    if (o->vocab && !(vocab = tr_gguf_open(o->vocab, err)))
        goto out;
    b->vocab = vocab;
    b->w = tr_gguf_create(o->output, err);
    if (!b->w || set_keys(b, o->n_vocab, err))
        goto out;
    set_dims(b);
    if (all_parts(b, 0, err) || all_parts(b, 1, err))
        goto out;
    rc = tr_gguf_commit(b->w, err);
    b->w = NULL;
out:
    tr_gguf_discard(b->w);
    tr_gguf_close(vocab);
    free(b->f32);
    free(b->packed);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .type = "f32", .arch = -1, .seed = 42 };
    const struct cmd_opt table[] = {
        CMD_TEXT('o', "output", &o.output, "FILE", "where to write the model"),
        CMD_CHOICE(0, "shape", &o.shape, shape_names, "NAME", "sizes to start from"),
        CMD_CHOICE(0, "arch", &o.arch, arch_names, "NAME", "instead of the shape's"),
        CMD_INT(0, "layers", &o.n_layer, 1, 512, "N", "blocks, instead of the shape's"),
        CMD_INT(0, "embd", &o.n_embd, 1, 1 << 16, "N", "width; sets --ff to 4 times that"),
        CMD_INT(0, "heads", &o.n_head, 1, 1024, "N", "heads; sets --kv-heads too"),
        CMD_INT(0, "kv-heads", &o.n_head_kv, 1, 1024, "N", "heads of k and v (llama)"),
        CMD_INT(0, "ff", &o.n_ff, 1, 1 << 18, "N", "width inside the MLP"),
        CMD_INT(0, "ctx", &o.n_ctx, 1, 1 << 24, "N", "context"),
        CMD_TEXT(0, "vocab", &o.vocab, "FILE", "GGUF whose tokenizer is copied"),
        CMD_INT(0, "n-vocab", &o.n_vocab, 1, 1 << 24, "N",
                "tokens; with --vocab, unused ones fill it up"),
        CMD_TEXT(0, "type", &o.type, "TYPE", "of the matrices: f32, f16, q8_0, …, q4_k_m"),
        CMD_INT(0, "seed", &o.seed, 0, 1LL << 53, "N", "of the weights"),
        CMD_END
    };
    const struct cmd cmd = { "mkmodel", "[--shape NAME] [OPTION…] -o OUT.gguf",
                             "write a model with random weights", table, 0, 0 };
    struct tr_err err = { 0 };
    int n;
    cmd_parse(&cmd, argc, argv, &n);
    if (!o.output)
        cmd_usage(&cmd, "option '--output' is required");
    struct build b = { .seed = (uint64_t)o.seed };
    set_shape(&cmd, &b, &o);
    return cmd_end(make_model(&b, &o, &err) ? cmd_code(&err) : CMD_OK, &err);
}
