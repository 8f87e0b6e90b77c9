/* SPDX-License-Identifier: MIT
 *
 * What mkmodel can write: the tensors of an architecture, the sizes of known models, and
 * which types a mixed quantisation gives them.
 */
#ifndef DEV_SHAPES_H
#define DEV_SHAPES_H

#include <stddef.h>
#include <stdint.h>

enum dim { NONE, VOCAB, CTX, EMBD, FF, KV, QKV, N_DIM };
enum init { NORMAL, RESIDUAL, ONE, ZERO };

struct part {
    const char *name;
    enum dim row, col; /* (row, col), or a vector of `row` numbers where col is NONE */
    enum init init;
};

struct arch {
    const char *name, *eps_key;
    int grouped;              /* heads of k and v may be fewer */
    const struct part *whole; /* both lists end with a NULL name */
    const struct part *block;
};

static const struct part gpt2_whole[] = {
    { "token_embd.weight", VOCAB, EMBD, NORMAL },
    { "position_embd.weight", CTX, EMBD, NORMAL },
    { "output_norm.weight", EMBD, NONE, ONE },
    { "output_norm.bias", EMBD, NONE, ZERO },
    { NULL, NONE, NONE, ZERO },
};
static const struct part gpt2_block[] = {
    { "attn_norm.weight", EMBD, NONE, ONE },
    { "attn_norm.bias", EMBD, NONE, ZERO },
    { "attn_qkv.weight", QKV, EMBD, NORMAL },
    { "attn_qkv.bias", QKV, NONE, ZERO },
    { "attn_output.weight", EMBD, EMBD, RESIDUAL },
    { "attn_output.bias", EMBD, NONE, ZERO },
    { "ffn_norm.weight", EMBD, NONE, ONE },
    { "ffn_norm.bias", EMBD, NONE, ZERO },
    { "ffn_up.weight", FF, EMBD, NORMAL },
    { "ffn_up.bias", FF, NONE, ZERO },
    { "ffn_down.weight", EMBD, FF, RESIDUAL },
    { "ffn_down.bias", EMBD, NONE, ZERO },
    { NULL, NONE, NONE, ZERO },
};
static const struct part llama_whole[] = { /* the token table is the output too */
    { "token_embd.weight", VOCAB, EMBD, NORMAL },
    { "output_norm.weight", EMBD, NONE, ONE },
    { NULL, NONE, NONE, ZERO },
};
static const struct part llama_block[] = {
    { "attn_norm.weight", EMBD, NONE, ONE },
    { "attn_q.weight", EMBD, EMBD, NORMAL },
    { "attn_k.weight", KV, EMBD, NORMAL },
    { "attn_v.weight", KV, EMBD, NORMAL },
    { "attn_output.weight", EMBD, EMBD, RESIDUAL },
    { "ffn_norm.weight", EMBD, NONE, ONE },
    { "ffn_gate.weight", FF, EMBD, NORMAL },
    { "ffn_up.weight", FF, EMBD, NORMAL },
    { "ffn_down.weight", EMBD, FF, RESIDUAL },
    { NULL, NONE, NONE, ZERO },
};

enum { GPT2, LLAMA };
static const char *const arch_names[] = { "gpt2", "llama", NULL };
static const struct arch archs[] = {
    [GPT2] = { "gpt2", "attention.layer_norm_epsilon", 0, gpt2_whole, gpt2_block },
    [LLAMA] = { "llama", "attention.layer_norm_rms_epsilon", 1, llama_whole, llama_block },
};

struct shape {
    int arch;
    int64_t n_layer, n_embd, n_head, n_head_kv, n_ff, n_ctx, n_vocab;
    float rope_base;
};

static const char *const shape_names[] = { "tiny",         "gpt2-124m", "gpt2-355m",
                                           "smollm2-135m", "llama-1b",  "llama-3b",
                                           NULL };
static const struct shape shapes[] = {
    { LLAMA, 4, 128, 4, 2, 384, 256, 2048, 10000 },
    { GPT2, 12, 768, 12, 12, 3072, 1024, 50257, 10000 },
    { GPT2, 24, 1024, 16, 16, 4096, 1024, 50257, 10000 },
    { LLAMA, 30, 576, 9, 3, 1536, 8192, 49152, 100000 },
    { LLAMA, 16, 2048, 32, 8, 8192, 8192, 128256, 500000 }, /* Llama 3.2 1B, plain rope */
    { LLAMA, 28, 3072, 24, 8, 8192, 8192, 128256, 500000 }, /* Llama 3.2 3B, the same */
};

/* Q4_K_M as llama-quantize mixes it for these architectures with a tied output: Q4_K but
 * for these.  A part with `some` gets its better type in the first and the last eighth of
 * the blocks and in every third one between them.  (llama.cpp, src/llama-quant.cpp.) */
static const struct mix {
    const char *part, *type;
    int some;
} q4_k_m[] = {
    { "token_embd.weight", "Q6_K", 0 },
    { "attn_qkv.weight", "Q6_K", 1 },
    { "attn_v.weight", "Q6_K", 1 },
    { "ffn_down.weight", "Q6_K", 1 },
    { NULL, NULL, 0 },
};

#endif
