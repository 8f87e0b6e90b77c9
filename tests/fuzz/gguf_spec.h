/* SPDX-License-Identifier: MIT
 *
 * GGUF files put together by hand, so that each part can be wrong.  Nothing of libtrain is
 * used here: a writer that shared code with the reader would share its mistakes.
 */
#ifndef TESTS_GGUF_SPEC_H
#define TESTS_GGUF_SPEC_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 };
enum { T_F32 = 0, T_F16 = 1, T_Q8_0 = 8, T_I8 = 24, T_BF16 = 30 };

struct bytes {
    unsigned char *p;
    size_t n, cap;
};

static void put(struct bytes *b, const void *data, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = 2 * (b->n + n) + 256;
        b->p = realloc(b->p, b->cap);
        if (!b->p)
            exit(99);
    }
    if (n)
        memcpy(b->p + b->n, data, n);
    b->n += n;
}

static void put_u32(struct bytes *b, uint64_t v)
{
    uint32_t x = (uint32_t)v;
    put(b, &x, 4);
}

static void put_u64(struct bytes *b, uint64_t v)
{
    put(b, &v, 8);
}

static void put_zero(struct bytes *b, uint64_t n)
{
    static const unsigned char zero[256];
    for (; n; n -= n < 256 ? n : 256)
        put(b, zero, n < 256 ? (size_t)n : 256);
}

static void put_text(struct bytes *b, const char *s)
{
    put_u64(b, strlen(s));
    put(b, s, strlen(s));
}

/* A file in the making.  What is wrong is said before the base is built (`other_…`), or
 * put into one of the parts afterwards. */
struct spec {
    struct bytes kv, info, data, after;
    char magic[5];
    uint64_t version, n_kv, n_tensor, alignment;
    uint64_t keep, drop; /* bytes of the whole file to keep, or to drop from its end */
    const char *other_key; /* this key gets another type and value, or 0 dimensions: none */
    uint32_t other_type;
    uint64_t other_value;
    const char *other_tensor; /* this tensor is left out or turned */
    int turned;
    int ones; /* write the dimensions of 1 that every tensor has behind its own */
    int fused; /* block 1 of the base has no matrices for q, k and v */
    int64_t shift; /* of the offset of the last tensor of the base */
};

static void add_kv(struct spec *s, const char *key, uint32_t type, uint64_t v)
{
    static const unsigned size[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    if (s->other_key && strcmp(s->other_key, key) == 0) {
        type = s->other_type;
        v = s->other_value;
    }
    put_text(&s->kv, key);
    put_u32(&s->kv, type);
    if (type == ARRAY) { /* two u32: the lower half of v, the upper half */
        put_u32(&s->kv, U32);
        put_u64(&s->kv, 2);
    }
    put(&s->kv, &v, type == ARRAY ? 8 : size[type]);
    s->n_kv++;
}

static void add_kv_f32(struct spec *s, const char *key, float f)
{
    uint32_t bits;
    memcpy(&bits, &f, 4);
    add_kv(s, key, F32, bits);
}

static void add_kv_text(struct spec *s, const char *key, const char *v)
{
    if (s->other_key && strcmp(s->other_key, key) == 0) {
        add_kv(s, key, U32, 0);
        return;
    }
    put_text(&s->kv, key);
    put_u32(&s->kv, STRING);
    put_text(&s->kv, v);
    s->n_kv++;
}

static void add_info(struct spec *s, const char *name, uint32_t type, uint32_t n_dim,
                     const uint64_t *dim, uint64_t offset)
{
    put_text(&s->info, name);
    put_u32(&s->info, n_dim);
    for (uint32_t i = 0; i < n_dim && i < 8; i++)
        put_u64(&s->info, dim[i]);
    put_u32(&s->info, type);
    put_u64(&s->info, offset);
    s->n_tensor++;
}

static void pad(struct bytes *b, uint64_t alignment)
{
    while (alignment && alignment <= 1 << 20 && b->n % alignment)
        put_zero(b, 1);
}

/* A tensor with data that are there: small f32 numbers, zeros for other types. */
static void add_tensor(struct spec *s, const char *name, uint64_t d0, uint64_t d1)
{
    uint64_t dim[4] = { d0, d1 ? d1 : 1, 1, 1 };
    if (s->other_tensor && strcmp(s->other_tensor, name) == 0) {
        if (!s->turned)
            return;
        dim[0] = d1;
        dim[1] = d0;
    }
    pad(&s->data, s->alignment);
    add_info(s, name, T_F32, s->ones ? 4 : d1 ? 2 : 1, dim, s->data.n);
    for (uint64_t i = 0; i < d0 * (d1 ? d1 : 1); i++) {
        float x = 0.01f * (float)(i % 17) - 0.08f;
        put(&s->data, &x, 4);
    }
}

/* The base of the rows about structure: two keys, two tensors; the second one ends 20
 * bytes into its 32, so that there is padding to lose. */
enum { BASE_PADDING = 12 };
static void base(struct spec *s)
{
    add_kv_text(s, "test.name", "base");
    add_kv(s, "test.count", U32, 7);
    add_tensor(s, "a.weight", 8, 4);
    add_tensor(s, "b.weight", 5, 0);
    s->info.n -= 8;
    uint64_t offset = 128 + (uint64_t)s->shift;
    put_u64(&s->info, s->alignment == 32 ? offset : s->data.n - 20);
}

/* The base of the rows about models: a llama of `x` blocks. */
static void model(struct spec *s, unsigned n_layer)
{
    static const struct { const char *name; unsigned d0, d1; } block[] = {
        { "attn_norm", 8, 0 }, { "attn_q", 8, 8 }, { "attn_k", 8, 4 },
        { "attn_v", 8, 4 },
        { "attn_output", 8, 8 }, { "ffn_norm", 8, 0 }, { "ffn_gate", 8, 16 },
        { "ffn_up", 8, 16 }, { "ffn_down", 16, 8 },
    };
    char name[64];
    add_kv_text(s, "general.architecture", "llama");
    add_kv(s, "llama.block_count", U32, n_layer);
    add_kv(s, "llama.context_length", U32, 16);
    add_kv(s, "llama.embedding_length", U32, 8);
    add_kv(s, "llama.feed_forward_length", U32, 16);
    add_kv(s, "llama.attention.head_count", U32, 2);
    add_kv(s, "llama.attention.head_count_kv", U32, 1);
    add_kv_f32(s, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    add_kv_f32(s, "llama.rope.freq_base", 10000);
    add_tensor(s, "token_embd.weight", 8, 6);
    for (unsigned l = 0; l < n_layer; l++)
        for (size_t i = 0; i < sizeof block / sizeof *block; i++) {
            snprintf(name, sizeof name, "blk.%u.%s.weight", l, block[i].name);
            if (s->fused && l == 1 && i >= 1 && i <= 3)
                continue;
            add_tensor(s, name, block[i].d0, block[i].d1);
        }
    add_tensor(s, "output_norm.weight", 8, 0);
}

/* The whole file, malloc'ed; frees the parts. */
static struct bytes assemble(struct spec *s)
{
    struct bytes b = { 0 };
    put(&b, s->magic, 4);
    put_u32(&b, s->version);
    put_u64(&b, s->n_tensor);
    put_u64(&b, s->n_kv);
    put(&b, s->kv.p, s->kv.n);
    put(&b, s->info.p, s->info.n);
    pad(&b, s->n_tensor ? s->alignment : 1);
    pad(&s->data, s->alignment);
    put(&b, s->data.p, s->data.n);
    put(&b, s->after.p, s->after.n);
    b.n = s->keep < b.n ? s->keep : b.n;
    b.n -= s->drop < b.n ? s->drop : b.n;
    free(s->kv.p);
    free(s->info.p);
    free(s->data.p);
    free(s->after.p);
    return b;
}

#endif
