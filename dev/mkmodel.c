/* SPDX-License-Identifier: MIT
 *
 * mkmodel - write a model with random weights: for benchmarks, tests of memory, and as the
 * start of a training from nothing.
 *
 *   mkmodel --shape smollm2-135m --n-vocab 49152 -o random.gguf
 *   mkmodel --shape tiny --vocab vocab.gguf --layers 2 -o small.gguf
 *
 * The keys are written first, and the tensors are those that the model loader demands for
 * them (libtrain/model/tensors.c).  Matrices and tables are normal with deviation 0.02, the
 * projections that end in the residual stream with 0.02 / sqrt(2 layers) (Radford et al.
 * 2019), short convolutions with 0.3, norms are 1, biases 0, what is -exp(theta) is -1.  The
 * bytes depend on the options alone, not on the number of threads.
 */
#include "../cmds/shared/common.h"

#include <libtrain/model/model.h>
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

#define TR_ARCH(name) ARCH_##name,
enum {
#include <libtrain/model/archs/archs.def>
};
#undef TR_ARCH
#define TR_ARCH(name) &tr__arch_##name,
static const struct tr_arch *const archs[] = {
#include <libtrain/model/archs/archs.def>
    NULL
};
#undef TR_ARCH

static const char *arch_name(int i)
{
    return archs[i] ? archs[i]->name : NULL;
}

struct shape {
    int arch;
    int64_t n_layer, n_embd, n_head, n_head_kv, n_ff, n_ctx, n_vocab;
    float rope_base;
    const char *keys; /* further ones: "name=1 name=2.5 name=[1,2]" behind "ARCH." */
};

static const char *const shape_names[] = { "tiny",         "gpt2-124m",  "gpt2-355m",
                                           "smollm2-135m", "llama-1b",   "llama-3b",
                                           "qwen3-0.6b",   "gemma3-270m", "qwen3.5-0.8b",
                                           "lfm2-350m",    "granite4-h-350m",
                                           "experts-16x2", NULL };
static const char *shape_name(int i)
{
    return shape_names[i];
}

static const struct shape shapes[] = {
    { ARCH_llama, 4, 128, 4, 2, 384, 256, 2048, 10000, "" },
    { ARCH_gpt2, 12, 768, 12, 12, 3072, 1024, 50257, 10000, "" },
    { ARCH_gpt2, 24, 1024, 16, 16, 4096, 1024, 50257, 10000, "" },
    { ARCH_llama, 30, 576, 9, 3, 1536, 8192, 49152, 100000, "" },
    /* Llama 3.2 1B and 3B, with plain rope */
    { ARCH_llama, 16, 2048, 32, 8, 8192, 8192, 128256, 500000, "" },
    { ARCH_llama, 28, 3072, 24, 8, 8192, 8192, 128256, 500000, "" },
    { ARCH_qwen3, 28, 1024, 16, 8, 3072, 40960, 151936, 1000000,
      "attention.key_length=128 attention.value_length=128 rope.dimension_count=128" },
    { ARCH_gemma3, 18, 640, 4, 1, 2048, 32768, 262144, 1000000,
      "attention.key_length=256 attention.value_length=256 rope.dimension_count=256 "
      "attention.sliding_window=512" },
    { ARCH_qwen35, 24, 1024, 8, 2, 3584, 262144, 248320, 10000000,
      "attention.key_length=256 attention.value_length=256 rope.dimension_count=64 "
      "ssm.conv_kernel=4 ssm.state_size=128 ssm.group_count=16 ssm.time_step_rank=16 "
      "ssm.inner_size=2048 full_attention_interval=4" },
    { ARCH_lfm2, 16, 1024, 16, 8, 4608, 128000, 65536, 1000000,
      "attention.head_count_kv=[0,0,8,0,0,8,0,0,8,0,8,0,8,0,8,0] shortconv.l_cache=3" },
    { ARCH_granitehybrid, 32, 768, 12, 4, 2048, 32768, 100352, 10000,
      "attention.head_count_kv=[0,0,0,0,0,0,0,0,0,0,4,0,0,4,0,0,0,4,0,0,0,0,0,0,0,0,0,4,0,0,"
      "0,0] ssm.conv_kernel=4 ssm.state_size=128 ssm.group_count=1 ssm.time_step_rank=48 "
      "ssm.inner_size=1536 embedding_scale=12.0 residual_scale=0.246 attention.scale=0.015625 "
      "logit_scale=3.0 rope.scaling.finetuned=false" },
    /* nobody's: a small model whose experts are most of it */
    { ARCH_qwen3moe, 12, 512, 8, 4, 1024, 4096, 32768, 1000000,
      "expert_count=16 expert_used_count=2 expert_feed_forward_length=512" },
};

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
};

struct build {
    const struct tr_arch *arch;
    struct tr_config c; /* sizes for the keys, then what is read from these */
    struct tr_layer layer; /* sizes that all blocks have */
    const struct shape *shape;
    const struct tr_dtype *type;
    const struct mix *mix;       /* NULL: every matrix in `type` */
    const struct tr_gguf *vocab; /* NULL: no tokenizer */
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

static void set_type(const struct cmd *cmd, struct build *b, const char *name)
{
    int mixed = !strcasecmp(name, "q4_k_m");
    b->mix = mixed ? q4_k_m : NULL;
    b->type = tr_dtype_by_name(mixed ? "Q4_K" : name);
    if (!b->type || !b->type->from_f32)
        cmd_usage(cmd, "cannot write type '%s'", name);
}

static void set_shape(const struct cmd *cmd, struct build *b, const struct opts *o)
{
    const struct shape *s = &shapes[o->shape];
    struct tr_config *c = &b->c;
    struct tr_layer *l = &b->layer;
    b->arch = archs[o->arch < 0 ? s->arch : o->arch];
    *c = (struct tr_config){ .arch = b->arch, .n_vocab = s->n_vocab, .n_ctx = s->n_ctx,
                             .n_embd = s->n_embd, .n_layer = s->n_layer };
    *l = (struct tr_layer){ .n_head = s->n_head, .n_head_kv = s->n_head_kv,
                            .n_ff = s->n_ff };
    b->shape = s;
    take(&c->n_layer, o->n_layer);
    take(&c->n_embd, o->n_embd);
    take(&l->n_head, o->n_head);
    take(&l->n_head_kv, o->n_head_kv ? o->n_head_kv : o->n_head);
    take(&l->n_ff, o->n_ff ? o->n_ff : o->n_embd ? 4 * o->n_embd : 0);
    take(&c->n_ctx, o->n_ctx);
    take(&c->n_vocab, o->n_vocab);
    if (b->arch->rope == TR_ROPE_NONE) /* GPT-2 has no grouped heads */
        l->n_head_kv = l->n_head;
    if (c->n_embd % l->n_head || l->n_head % l->n_head_kv)
        cmd_usage(cmd, "%lld heads (%lld of k and v) do not divide a width of %lld",
                  (long long)l->n_head, (long long)l->n_head_kv, (long long)c->n_embd);
    l->head_dim = c->n_embd / l->n_head;
}

/* ==== metadata ==== */

/* The vocabulary's own lists with entries of type "unused" behind them up to n. */
static int pad_vocab(struct build *b, const struct tr_gguf_kv *tokens, struct tr_err *err)
{
    enum { UNUSED = 5, NAME = 24 };
    uint64_t n = (uint64_t)b->c.n_vocab, cursor = 0;
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
    b->c.n_vocab = wanted ? wanted : n;
    return wanted > n ? pad_vocab(b, tokens, err) : 0;
}

static const char *key_of(const struct build *b, const char *suffix, char *buf, size_t size)
{
    snprintf(buf, size, "%s.%s", b->arch->name, suffix);
    return buf;
}

/* "[1,2]", "true", or a number: with a point it is no integer. */
static void set_value(struct tr_gguf_writer *w, const char *key, char *value)
{
    enum { MOST = 512 };
    int32_t list[MOST];
    uint64_t n = 0;
    if (!strcmp(value, "true") || !strcmp(value, "false"))
        tr_gguf_set_bool(w, key, *value == 't');
    else if (*value != '[' && strchr(value, '.'))
        tr_gguf_set_f32(w, key, strtof(value, NULL));
    else if (*value != '[')
        tr_gguf_set_u32(w, key, (uint32_t)strtoul(value, NULL, 10));
    for (char *p = value; *value == '[' && *p && *p != ']' && n < MOST;)
        list[n++] = (int32_t)strtol(p + 1, &p, 10);
    if (n)
        tr_gguf_set_array(w, key, TR_GGUF_I32, list, n);
}

static void set_own_keys(const struct build *b)
{
    char text[600], key[96], *save = NULL;
    snprintf(text, sizeof text, "%s", b->shape->keys);
    for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
        char *value = strchr(p, '=');
        *value++ = 0;
        set_value(b->w, key_of(b, p, key, sizeof key), value);
    }
}

static int set_keys(struct build *b, int64_t wanted, struct tr_err *err)
{
    const struct tr_config *c = &b->c;
    const struct tr_layer *l = &b->layer;
    char key[96];
    tr_gguf_set_string(b->w, "general.architecture", b->arch->name);
    tr_gguf_set_string(b->w, "general.name", "random weights");
    if (b->vocab && copy_vocab(b, wanted, err))
        return -1;
    if (!b->vocab) /* llama.cpp's word for a model without tokenizer */
        tr_gguf_set_string(b->w, "tokenizer.ggml.model", "none");
    const struct { const char *suffix; int64_t value; } ints[] = {
        { "vocab_size", c->n_vocab },
        { "context_length", c->n_ctx },
        { "embedding_length", c->n_embd },
        { "block_count", c->n_layer },
        { "feed_forward_length", l->n_ff },
        { "attention.head_count", l->n_head },
        { "attention.head_count_kv", l->n_head_kv },
    };
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        tr_gguf_set_u32(b->w, key_of(b, ints[i].suffix, key, sizeof key),
                        (uint32_t)ints[i].value);
    tr_gguf_set_f32(b->w, key_of(b, b->arch->eps_key, key, sizeof key), 1e-5f);
    if (b->arch->rope != TR_ROPE_NONE) {
        tr_gguf_set_f32(b->w, key_of(b, "rope.freq_base", key, sizeof key),
                        b->shape->rope_base);
        tr_gguf_set_u32(b->w, key_of(b, "rope.dimension_count", key, sizeof key),
                        (uint32_t)l->head_dim);
    }
    set_own_keys(b);
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

/* Deviation of the numbers of a part; 0: all of them are `*constant`. */
static float deviation(const struct build *b, enum tr_slot_id id, float *constant)
{
    const struct tr_slot *slot = &tr__slots[id];
    *constant = slot->minus_exp ? -1 : !strstr(slot->suffix, ".bias");
    if (slot->n_dim == 1 || slot->vector)
        return 0;
    if (id == TR_ATTN_OUT || id == TR_DELTA_OUT || id == TR_SHORTCONV_OUT ||
        id == TR_SSM_OUT || id == TR_FFN_DOWN || id == TR_DOWN_EXPERTS ||
        id == TR_DOWN_SHARED) /* they end in the residual stream */
        return 0.02f / sqrtf(2 * (float)b->c.n_layer);
    return id == TR_DELTA_CONV || id == TR_SHORTCONV_CONV || id == TR_SSM_CONV ? 0.3f
                                                                               : 0.02f;
}

/* `first` numbers the random streams of a tensor. */
static int write_weights(struct build *b, enum tr_slot_id id, int64_t n,
                         const struct tr_dtype *type, uint64_t first, struct tr_err *err)
{
    float constant, scale = deviation(b, id, &constant);
    for (int64_t at = 0; at < n; at += SLAB) {
        int64_t m = n - at < SLAB ? n - at : SLAB;
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < m; i += CHUNK) {
            int64_t k = m - i < CHUNK ? m - i : CHUNK;
            uint64_t stream = first + (uint64_t)((at + i) / CHUNK);
            char *to = (char *)b->packed + i / type->block * type->bytes;
            fill(b->f32 + i, k, tr_rng_init(b->seed, stream), scale, constant);
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
static const struct tr_dtype *wanted_type(const struct build *b, enum tr_slot_id id,
                                          int64_t layer)
{
    for (const struct mix *m = b->mix; m && m->type; m++)
        if (m->part == id && (!m->some || is_favoured(layer, b->c.n_layer)))
            return tr_dtype_by_name(m->type);
    return b->type;
}

/* One tensor; called once to declare it and once to write it. */
static int do_part(struct build *b, enum tr_slot_id id, int64_t layer, uint64_t index,
                   int write, struct tr_err *err)
{
    const struct tr_slot *slot = &tr__slots[id];
    char name[TR__TENSOR_NAME_BYTES];
    tr__slot_name(name, layer, id);
    struct tr_gguf_tensor t = { .name = name, .dtype = &tr_f32, .n_dim = slot->n_dim,
                                .dim = { 1, 1, 1, 1 } };
    tr__slot_shape(id, &b->c, layer < 0 ? NULL : &b->c.layer[layer], t.dim);
    const struct tr_dtype *type = tr_recipe_type(&t, wanted_type(b, id, layer), err);
    if (!type)
        return -1;
    if (!write) {
        tr_gguf_add_tensor(b->w, name, type, t.n_dim, t.dim);
        return 0;
    }
    return write_weights(b, id, t.dim[0] * t.dim[1] * t.dim[2], type, index << 32, err);
}

static int has_part(const struct build *b, enum tr_slot_id id, int64_t layer)
{
    unsigned part = tr__slots[id].part;
    return b->arch->tensor[id] == TR_MUST &&
           (layer < 0 || !part || part & b->c.layer[layer].parts);
}

static int all_parts(struct build *b, int write, struct tr_err *err)
{
    uint64_t index = 0;
    for (int64_t layer = -1; layer < b->c.n_layer; layer++)
        for (int id = layer < 0 ? 0 : TR_N_GLOBAL;
             id < (layer < 0 ? TR_N_GLOBAL : TR_N_SLOT); id++)
            if (has_part(b, (enum tr_slot_id)id, layer) &&
                do_part(b, (enum tr_slot_id)id, layer, index++, write, err))
                return -1;
    return 0;
}

/* A file of keys alone says what the blocks are. */
static int read_keys(struct build *b, const struct opts *o, struct tr_err *err)
{
    b->w = tr_gguf_create(o->output, err);
    if (!b->w || set_keys(b, o->n_vocab, err))
        return -1;
    int rc = tr_gguf_commit(b->w, err);
    b->w = NULL;
    struct tr_gguf *g = rc ? NULL : tr_gguf_open(o->output, err);
    rc = g ? tr__config_read(g, b->arch, b->c.n_vocab, &b->c, err) : -1;
    tr_gguf_close(g);
    return rc;
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
    if (read_keys(b, o, err))
        goto out;
    b->w = tr_gguf_create(o->output, err);
    if (!b->w || set_keys(b, o->n_vocab, err))
        goto out;
    if (all_parts(b, 0, err) || all_parts(b, 1, err))
        goto out;
    rc = tr_gguf_commit(b->w, err);
    b->w = NULL;
out:
    tr_gguf_discard(b->w);
    tr_gguf_close(vocab);
    tr__config_free(&b->c);
    free(b->f32);
    free(b->packed);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .type = "f32", .arch = -1, .seed = 42 };
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
    set_type(&cmd, &b, o.type);
    return cmd_end(make_model(&b, &o, &err) ? cmd_code(&err) : CMD_OK, &err);
}
