/* SPDX-License-Identifier: MIT
 *
 * mkmodel - write a model with random weights: for benchmarks, tests of memory, and as the
 * start of a training from nothing.
 *
 *   mkmodel --shape smollm2-135m --n-vocab 49152 -o random.gguf
 *   mkmodel --shape tiny --vocab vocab.gguf --layers 2 -o small.gguf
 *   mkmodel --shape qwen3 --set attention.head_count_kv=1 -o small.gguf
 *
 * Keys and tensors follow from the shape (models/shapes.c, models/keyed.c).  Matrices and
 * tables are normal with deviation 0.02, the projections that end in the residual stream
 * with 0.02 / sqrt(2 layers) (Radford et al. 2019), short convolutions with 0.3, norms are
 * 1, biases 0, what is -exp(theta) is -1.  With --noise X nothing is as it began in a
 * training: X takes the place of 0.02, and norms, biases and theta deviate by it.  The
 * bytes depend on the options alone, not on the number of threads.
 */
#include "../cmds/shared/common.h"
#include "models/keyed.h"
#include "models/shapes.h"
#include "models/vocab.h"

#include <libtrain/recipe.h>
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
#define FORM_NOISE 0.15f

static const char *arch_name(int i)
{
    const struct tr_arch *a = tr__arch_at((size_t)i);
    return a ? a->name : NULL;
}

static const char *shape_name(int i)
{
    const struct shape *s = shape_at(i);
    return s ? s->name : NULL;
}

/* Q4_K_M as llama-quantize mixes it for these architectures with a tied output: Q4_K but
 * for these.  A part with `some` gets its better type in the first and the last eighth of
 * the blocks and in every third one between them.  (llama.cpp, src/llama-quant.cpp.) */
static const struct mix {
    enum tr_slot_id part;
    const char *type;
    int some;
} q4_k_m[] = {
    { TR_TOKEN_EMBD, "Q6_K", 0 },
    { TR_ATTN_QKV, "Q6_K", 1 },
    { TR_ATTN_V, "Q6_K", 1 },
    { TR_FFN_DOWN, "Q6_K", 1 },
    { TR_N_SLOT, NULL, 0 },
};

struct opts {
    const char *output, *vocab, *type;
    int arch, shape;
    int64_t n_layer, n_embd, n_head, n_head_kv, n_ff, n_ctx, n_vocab, seed;
    double noise;
    struct cmd_list set, also;
};

struct build {
    const struct tr_arch *arch;
    const struct shape *shape;
    char *words, *also; /* keys and tensors, as keyed.h says */
    struct tr_config c; /* what is read from the keys */
    int64_t n_vocab;
    const struct tr_dtype *type;
    const struct mix *mix;       /* NULL: every matrix in `type` */
    const struct tr_gguf *vocab; /* NULL: no tokenizer */
    uint64_t seed;
    float noise;
    struct tr_gguf_writer *w;
    float *f32; /* SLAB numbers */
    void *packed;
    uint64_t n_written;  /* tensors */
    struct tr_err *err;
};

/* ==== options ==== */

static void set_type(const struct cmd *cmd, struct build *b, const char *name)
{
    int mixed = !strcasecmp(name, "q4_k_m");
    b->mix = mixed ? q4_k_m : NULL;
    b->type = tr_dtype_by_name(mixed ? "Q4_K" : name);
    if (!b->type || !b->type->from_f32)
        cmd_usage(cmd, "cannot write type '%s'", name);
}

static void set_shape(struct build *b, const struct opts *o)
{
    b->shape = shape_at(o->shape);
    const char *arch = o->arch < 0 ? b->shape->arch : arch_name(o->arch);
    b->arch = tr__arch_find((struct tr_str){ arch, strlen(arch) });
    b->noise = (float)o->noise;
    if (b->noise < 0)
        b->noise = shape_is_form(b->shape) ? FORM_NOISE : 0;
}

/* ==== keys ==== */

/* Without those of rope where the architecture has none. */
static void put_words(const struct build *b, FILE *f, const char *words)
{
    size_t n;
    for (const char *p = words; *p; p += n) {
        n = strcspn(p, " ");
        if (n && (b->arch->rope != TR_ROPE_NONE || strncmp(p, "rope.", 5)))
            fprintf(f, "%.*s ", (int)n, p);
        n += strspn(p + n, " ");
    }
}

static void put_number(FILE *f, const char *key, int64_t value)
{
    if (value > 0)
        fprintf(f, "%s=%lld ", key, (long long)value);
}

static void put_list(FILE *f, const struct cmd_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        fprintf(f, " %s ", list->item[i]);
}

/* What the options change about the shape. */
static void put_options(FILE *f, const struct opts *o)
{
    put_number(f, "block_count", o->n_layer);
    put_number(f, "context_length", o->n_ctx);
    put_number(f, "embedding_length", o->n_embd);
    put_number(f, "feed_forward_length", o->n_ff ? o->n_ff : 4 * o->n_embd);
    put_number(f, "attention.head_count", o->n_head);
    put_number(f, "attention.head_count_kv", o->n_head_kv ? o->n_head_kv : o->n_head);
}

/* What follows from the words before it. */
static int put_heads(const struct build *b, FILE *f, const char *words)
{
    int64_t n_embd = keyed_int(words, "embedding_length");
    int64_t n_head = keyed_int(words, "attention.head_count");
    int64_t n_head_kv = keyed_int(words, "attention.head_count_kv");
    if (b->arch->rope == TR_ROPE_NONE) /* GPT-2 has no grouped heads */
        put_number(f, "attention.head_count_kv", n_head_kv = n_head);
    if (keyed_int(words, "attention.key_length") > 0)
        return 0;
    if (n_head > 0 && n_head_kv > 0 && (n_embd % n_head || n_head % n_head_kv))
        return tr_err_set(b->err, TR_EINVAL,
                          "%lld heads (%lld of k and v) do not divide a width of %lld",
                          (long long)n_head, (long long)n_head_kv, (long long)n_embd);
    if (b->arch->rope != TR_ROPE_NONE && keyed_int(words, "rope.dimension_count") < 0)
        put_number(f, "rope.dimension_count", n_head > 0 ? n_embd / n_head : 0);
    return 0;
}

static int make_words(struct build *b, const struct opts *o)
{
    size_t n;
    FILE *f = open_memstream(&b->words, &n);
    if (!f)
        return tr_err_sys(b->err, "cannot make a model");
    put_words(b, f, shape_is_form(b->shape) ? FORM_KEYS : "");
    put_words(b, f, b->shape->keys);
    put_number(f, "vocab_size", b->n_vocab);
    put_options(f, o);
    fflush(f);
    int rc = put_heads(b, f, b->words);
    put_list(f, &o->set);
    fclose(f);
    if (!rc && (f = open_memstream(&b->also, &n))) {
        fputs(b->shape->also, f);
        put_list(f, &o->also);
        fclose(f);
    }
    return rc || b->also ? rc : tr_err_sys(b->err, "cannot make a model");
}

/* The tokenizer's unless more is asked for, the shape's without one. */
static int set_n_vocab(struct build *b, int64_t wanted)
{
    b->n_vocab = wanted ? wanted : keyed_int(b->shape->keys, "vocab_size");
    if (b->n_vocab < 0)
        b->n_vocab = SMALL_VOCAB;
    if (!b->vocab)
        return 0;
    int64_t n = vocab_size(b->vocab, b->err);
    if (n > 0 && wanted && wanted < n)
        return tr_err_set(b->err, TR_EMISMATCH, "'%s' holds %lld tokens, not %lld",
                          tr_gguf_path(b->vocab), (long long)n, (long long)wanted);
    b->n_vocab = wanted ? wanted : n;
    return n > 0 ? 0 : -1;
}

static int set_keys(struct build *b)
{
    tr_gguf_set_string(b->w, "general.architecture", b->arch->name);
    tr_gguf_set_string(b->w, "general.name", "random weights");
    if (b->vocab && vocab_copy(b->w, b->vocab, b->n_vocab, b->err))
        return -1;
    if (!b->vocab) /* llama.cpp's word for a model without tokenizer */
        tr_gguf_set_string(b->w, "tokenizer.ggml.model", "none");
    if (keyed_set(b->w, b->arch, b->words, b->err))
        return -1;
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

static void fill(float *x, int64_t n, struct tr_rng r, float scale, float centre)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = scale > 0 ? centre + scale * near_normal(&r) : centre;
}

static int ends_in_residual(enum tr_slot_id id)
{
    return id == TR_ATTN_OUT || id == TR_DELTA_OUT || id == TR_SHORTCONV_OUT ||
           id == TR_SSM_OUT || id == TR_FFN_DOWN || id == TR_DOWN_EXPERTS ||
           id == TR_DOWN_SHARED;
}

/* Deviation of the numbers of a part from *centre. */
static float deviation(const struct build *b, enum tr_slot_id id, float *centre)
{
    const struct tr_slot *slot = &tr__slots[id];
    int vector = slot->n_dim == 1 || slot->vector;
    *centre = vector && !slot->minus_exp && !strstr(slot->suffix, ".bias");
    if (vector)
        return b->noise;
    if (id == TR_DELTA_CONV || id == TR_SHORTCONV_CONV || id == TR_SSM_CONV)
        return 0.3f;
    float usual = b->noise > 0 ? b->noise : 0.02f;
    return ends_in_residual(id) ? usual / sqrtf(2 * (float)b->c.n_layer) : usual;
}

/* `first` numbers the random streams of a tensor. */
static int write_weights(struct build *b, const struct tr_spec *t,
                         const struct tr_dtype *type, uint64_t first)
{
    float centre, scale = deviation(b, t->id, &centre);
    for (int64_t at = 0; at < t->n; at += SLAB) {
        int64_t m = t->n - at < SLAB ? t->n - at : SLAB;
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < m; i += CHUNK) {
            int64_t k = m - i < CHUNK ? m - i : CHUNK;
            uint64_t stream = first + (uint64_t)((at + i) / CHUNK);
            char *to = (char *)b->packed + i / type->block * type->bytes;
            float *x = b->f32 + i;
            fill(x, k, tr_rng_init(b->seed, stream), scale, centre);
            for (int64_t j = 0; tr__slots[t->id].minus_exp && j < k; j++)
                x[j] = -expf(x[j]);
            keyed_factors(t, at + i, k, x);
            type->from_f32(x, to, k);
        }
        if (tr_gguf_write(b->w, b->packed, m / type->block * type->bytes, b->err))
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
static const struct tr_dtype *wanted_type(const struct build *b, enum tr_slot_id id,
                                          int64_t layer)
{
    for (const struct mix *m = b->mix; m && m->type; m++)
        if (m->part == id && (!m->some || is_favoured(layer, b->c.n_layer)))
            return tr_dtype_by_name(m->type);
    return b->type;
}

static const struct tr_dtype *type_of(const struct build *b, const struct tr_spec *t)
{
    struct tr_gguf_tensor g = { .name = t->name, .dtype = &tr_f32, .n_dim = t->n_dim };
    memcpy(g.dim, t->dim, sizeof g.dim);
    return tr_recipe_type(&g, wanted_type(b, t->id, t->layer), b->err);
}

static int declare(void *self, const struct tr_spec *t)
{
    struct build *b = self;
    const struct tr_dtype *type = type_of(b, t);
    if (type)
        tr_gguf_add_tensor(b->w, t->name, type, t->n_dim, t->dim);
    return type ? 0 : -1;
}

static int write_tensor(void *self, const struct tr_spec *t)
{
    struct build *b = self;
    return write_weights(b, t, type_of(b, t), b->n_written++ << 32);
}

static int make_file(struct build *b, const char *path)
{
    if (keyed_config(path, b->arch, b->words, b->n_vocab, &b->c, b->err))
        return -1;
    b->w = tr_gguf_create(path, b->err);
    if (!b->w || set_keys(b) || tr__each_spec(&b->c, b->also, declare, b) ||
        tr__each_spec(&b->c, b->also, write_tensor, b)) {
        tr_gguf_discard(b->w);
        return -1;
    }
    return tr_gguf_commit(b->w, b->err);
}

static int make_model(struct build *b, const struct opts *o)
{
    struct tr_gguf *vocab = NULL;
    int rc = -1;
    b->f32 = malloc(SLAB * sizeof *b->f32);
    b->packed = malloc(SLAB * sizeof *b->f32);
    if (!b->f32 || !b->packed) {
        tr_err_sys(b->err, "cannot make a model");
        goto out;
    }
    if (o->vocab && !(vocab = tr_gguf_open(o->vocab, b->err)))
        goto out;
    b->vocab = vocab;
    if (!set_n_vocab(b, o->n_vocab) && !make_words(b, o))
        rc = make_file(b, o->output);
out:
    tr_gguf_close(vocab);
    tr__config_free(&b->c);
    free(b->words);
    free(b->also);
    free(b->f32);
    free(b->packed);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .type = "f32", .arch = -1, .seed = 42, .noise = -1 };
    const struct cmd_opt table[] = {
        CMD_TEXT('o', "output", &o.output, "FILE", "where to write the model"),
        CMD_CHOICE(0, "shape", &o.shape, shape_name, "NAME", "sizes to start from"),
        CMD_CHOICE(0, "arch", &o.arch, arch_name, "NAME", "instead of the shape's"),
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
        CMD_LIST(0, "set", &o.set, "KEY=VALUE",
                 "a key behind ARCH., instead of the shape's"),
        CMD_LIST(0, "also", &o.also, "TENSOR", "one that the architecture may have"),
        CMD_FLOAT(0, "noise", &o.noise, 0, 10, "X",
                  "deviation of norms and biases too; of a form: 0.15"),
        CMD_INT(0, "seed", &o.seed, 0, 1LL << 53, "N", "of the weights"),
        CMD_END
    };
    const struct cmd cmd = { "mkmodel", "[--shape NAME] [OPTION…] -o OUT.gguf",
                             "write a model with random weights", table, 0, 0,
                             (const char *const[]){ "output", NULL } };
    struct tr_err err = { 0 };
    int n;
    cmd_parse(&cmd, argc, argv, &n);
    struct build b = { .seed = (uint64_t)o.seed, .err = &err };
    set_shape(&b, &o);
    set_type(&cmd, &b, o.type);
    return cmd_end(make_model(&b, &o) ? cmd_code(&err) : CMD_OK, &err);
}
