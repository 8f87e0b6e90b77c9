/* SPDX-License-Identifier: MIT
 *
 * Models of a few numbers, written as GGUF, for tests that need a file to open.
 */
#include "tiny_model.h"

#include <libtrain/gguf.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the formula ------------------------------------------------------------------ */

/* FNV-1a of the name, then a mixer of the usual form: shifts and odd factors. */
uint32_t tiny_bits(const char *name, int64_t i)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    uint32_t x = (uint32_t)i * 2654435769u + h;
    x = (x ^ x >> 16) * 2146121005u;
    x ^= x >> 15;
    x = (x ^ x >> 16) * 2221713035u;
    return x ^ x >> 16;
}

static int ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

void tiny_numbers(const char *name, float *v, int64_t n)
{
    int norm = ends_with(name, "_norm.weight") || ends_with(name, "_norm_1.weight") ||
               ends_with(name, "_norm_2.weight"), scale = ends_with(name, ".scale");
    float centre = norm || scale ? 1 : 0;
    float unit = norm                         ? 0x1p-10f
                 : scale                      ? 0x1p-8f
                 : ends_with(name, ".lora_b") ? 0x1p-12f
                 : ends_with(name, ".bias")   ? 0x1p-11f
                                              : 0x1p-9f;
    if (!strcmp(name, "rope_freqs.weight")) {
        const float factor[] = { 1, 1.5f, 4, 8 };
        memcpy(v, factor, sizeof factor);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        v[i] = centre + unit * (float)((int)(tiny_bits(name, i) % 257) - 128);
}

void tiny_tokens(int32_t *id, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        id[i] = (int32_t)(tiny_bits("tokens", i) % TINY_VOCAB);
}

/* ---- models ----------------------------------------------------------------------- */

enum { W = TINY_WIDTH, V = TINY_VOCAB, F = TINY_FF };

static const struct tiny_weight gpt2_weight[] = {
    { "token_embd.weight", 0, 0, 2, { V, W } },
    { "position_embd.weight", 0, 0, 2, { TINY_CTX, W } },
    { "output_norm.weight", 0, 0, 1, { W } },
    { "output_norm.bias", 0, 0, 1, { W } },
    { "attn_norm.weight", 1, 0, 1, { W } },
    { "attn_norm.bias", 1, 0, 1, { W } },
    { "attn_qkv.weight", 1, 1, 2, { 3 * W, W } },
    { "attn_qkv.bias", 1, 0, 1, { 3 * W } },
    { "attn_output.weight", 1, 1, 2, { W, W } },
    { "attn_output.bias", 1, 0, 1, { W } },
    { "ffn_norm.weight", 1, 0, 1, { W } },
    { "ffn_norm.bias", 1, 0, 1, { W } },
    { "ffn_up.weight", 1, 1, 2, { F, W } },
    { "ffn_up.bias", 1, 0, 1, { F } },
    { "ffn_down.weight", 1, 1, 2, { W, F } },
    { "ffn_down.bias", 1, 0, 1, { W } },
    { 0 },
};

#define LLAMA_LAYER \
    { "attn_norm.weight", 1, 0, 1, { W } }, { "attn_q.weight", 1, 1, 2, { W, W } }, \
    { "attn_k.weight", 1, 1, 2, { W / 2, W } }, \
    { "attn_v.weight", 1, 1, 2, { W / 2, W } }, \
    { "attn_output.weight", 1, 1, 2, { W, W } }, { "ffn_norm.weight", 1, 0, 1, { W } }, \
    { "ffn_gate.weight", 1, 1, 2, { F, W } }, { "ffn_up.weight", 1, 1, 2, { F, W } }, \
    { "ffn_down.weight", 1, 1, 2, { W, F } }

static const struct tiny_weight llama_weight[] = {
    { "token_embd.weight", 0, 0, 2, { V, W } },
    { "output_norm.weight", 0, 0, 1, { W } },
    { "output.weight", 0, 0, 2, { V, W } },
    LLAMA_LAYER,
    { 0 },
};
static const struct tiny_weight llama3_weight[] = {
    { "token_embd.weight", 0, 0, 2, { V, W } },
    { "output_norm.weight", 0, 0, 1, { W } },
    { "rope_freqs.weight", 0, 0, 1, { 4 } },
    LLAMA_LAYER,
    { 0 },
};

const struct tiny tiny_gpt2 = { "gpt2", "gpt2", gpt2_weight };
const struct tiny tiny_llama = { "llama", "llama", llama_weight };
const struct tiny tiny_llama3 = { "llama3", "llama", llama3_weight };

/* ---- files ------------------------------------------------------------------------ */

static void set_number(struct tr_gguf_writer *g, const char *arch, const char *key,
                       uint32_t v)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", arch, key);
    tr_gguf_set_u32(g, name, v);
}

static void set_keys(struct tr_gguf_writer *g, const char *arch)
{
    int gpt2 = !strcmp(arch, "gpt2");
    tr_gguf_set_string(g, "general.architecture", arch);
    set_number(g, arch, "context_length", TINY_CTX);
    set_number(g, arch, "embedding_length", TINY_WIDTH);
    set_number(g, arch, "block_count", TINY_LAYERS);
    set_number(g, arch, "feed_forward_length", TINY_FF);
    set_number(g, arch, "attention.head_count", gpt2 ? 2 : 4);
    if (gpt2) {
        tr_gguf_set_f32(g, "gpt2.attention.layer_norm_epsilon", 1e-5f);
        return;
    }
    set_number(g, arch, "attention.head_count_kv", 2);
    tr_gguf_set_f32(g, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    tr_gguf_set_f32(g, "llama.rope.freq_base", 10000);
}

/* Calls visit for every tensor of the model, with its full name. */
typedef void visit_fn(struct tr_gguf_writer *g, const char *name,
                      const struct tiny_weight *w, int option);

static void walk(const struct tiny *t, visit_fn *visit, struct tr_gguf_writer *g,
                 int option)
{
    char name[64];
    for (const struct tiny_weight *w = t->weight; w->name; w++)
        if (!w->in_layer)
            visit(g, w->name, w, option);
    for (int i = 0; i < TINY_LAYERS; i++)
        for (const struct tiny_weight *w = t->weight; w->name; w++) {
            snprintf(name, sizeof name, "blk.%d.%s", i, w->name);
            if (w->in_layer)
                visit(g, name, w, option);
        }
}

static void declare(struct tr_gguf_writer *g, const char *name, const struct tiny_weight *w,
                    int option)
{
    (void)option;
    tr_gguf_add_tensor(g, name, &tr_f32, w->n_dim, w->dim);
}

static void write_zero_or(struct tr_gguf_writer *g, const char *name, int64_t n, int zero)
{
    float *v = calloc((size_t)n, sizeof *v);
    ck_assert_ptr_nonnull(v);
    if (!zero)
        tiny_numbers(name, v, n);
    ck_assert_int_eq(tr_gguf_write(g, v, n * (int64_t)sizeof *v, NULL), 0);
    free(v);
}

static void fill(struct tr_gguf_writer *g, const char *name, const struct tiny_weight *w,
                 int option)
{
    (void)option;
    write_zero_or(g, name, w->n_dim == 2 ? w->dim[0] * w->dim[1] : w->dim[0], 0);
}

void tiny_model_write(const struct tiny *t, const char *path)
{
    struct tr_gguf_writer *g = tr_gguf_create(path, NULL);
    ck_assert_ptr_nonnull(g);
    set_keys(g, t->arch);
    walk(t, declare, g, 0);
    walk(t, fill, g, 0);
    ck_assert_int_eq(tr_gguf_commit(g, NULL), 0);
}

/* ---- adapters --------------------------------------------------------------------- */

static void declare_pair(struct tr_gguf_writer *g, const char *name,
                         const struct tiny_weight *w, int option)
{
    char full[80];
    (void)option;
    if (!w->linear)
        return;
    snprintf(full, sizeof full, "%s.lora_a", name);
    tr_gguf_add_tensor(g, full, &tr_f32, 2, (int64_t[]){ TINY_RANK, w->dim[1] });
    snprintf(full, sizeof full, "%s.lora_b", name);
    tr_gguf_add_tensor(g, full, &tr_f32, 2, (int64_t[]){ w->dim[0], TINY_RANK });
}

static void fill_pair(struct tr_gguf_writer *g, const char *name,
                      const struct tiny_weight *w, int b_zero)
{
    char full[80];
    if (!w->linear)
        return;
    snprintf(full, sizeof full, "%s.lora_a", name);
    write_zero_or(g, full, TINY_RANK * w->dim[1], 0);
    snprintf(full, sizeof full, "%s.lora_b", name);
    write_zero_or(g, full, w->dim[0] * TINY_RANK, b_zero);
}

void tiny_adapter_write(const struct tiny *t, const char *path, int b_zero)
{
    struct tr_gguf_writer *g = tr_gguf_create(path, NULL);
    ck_assert_ptr_nonnull(g);
    tr_gguf_set_string(g, "general.architecture", t->arch);
    tr_gguf_set_string(g, "general.type", "adapter");
    tr_gguf_set_string(g, "adapter.type", "lora");
    tr_gguf_set_f32(g, "adapter.lora.alpha", 8);
    walk(t, declare_pair, g, 0);
    walk(t, fill_pair, g, b_zero);
    ck_assert_int_eq(tr_gguf_commit(g, NULL), 0);
}

/* ---- data ------------------------------------------------------------------------- */

void tiny_pack_write(const char *path, int64_t rows, int64_t cols, const int32_t *id,
                     uint32_t n_vocab)
{
    int32_t pos[1024];
    struct tr_pack_writer *w = tr_pack_create(path, (uint32_t)cols - 1, 0, n_vocab, NULL);
    ck_assert_ptr_nonnull(w);
    ck_assert_int_le(cols, 1024);
    for (int32_t i = 0; i < 1024; i++)
        pos[i] = i;
    for (int64_t i = 0; i < rows; i++, id += cols) {
        struct tr_pack_seq seq = { (int32_t)cols - 1, id, id + 1, .pos = pos };
        ck_assert_int_eq(tr_pack_write(w, &seq, NULL), 0);
    }
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
}

void tiny_data_write(const char *path, int64_t rows)
{
    int32_t id[4096];
    int64_t n = rows * (TINY_CTX + 1);
    ck_assert_int_le(n, 4096);
    tiny_tokens(id, n);
    tiny_pack_write(path, rows, TINY_CTX + 1, id, TINY_VOCAB);
}
