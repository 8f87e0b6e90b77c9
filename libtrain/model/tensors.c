/* SPDX-License-Identifier: MIT
 *
 * The tensors of a decoder: names as llama.cpp writes them, shapes in terms of the
 * hyper-parameters.
 */
#include <libtrain/model/model.h>

static int64_t vocab(const struct tr_config *c) { return c->n_vocab; }
static int64_t ctx(const struct tr_config *c) { return c->n_ctx; }
static int64_t embd(const struct tr_config *c) { return c->n_embd; }
static int64_t ff(const struct tr_config *c) { return c->n_ff; }
static int64_t half_rot(const struct tr_config *c) { return c->rope.n_rot / 2; }
static int64_t q(const struct tr_config *c) { return c->n_head * c->head_dim; }
static int64_t kv(const struct tr_config *c) { return c->n_head_kv * c->head_dim; }
static int64_t qkv(const struct tr_config *c) { return q(c) + 2 * kv(c); }

#define VECTOR(suffix, n) { suffix, 1, { n, NULL }, 0, 0 }
#define TABLE(suffix, rows) { suffix, 2, { rows, embd }, 0, 0 }
#define LINEAR(suffix, n_out, n_in) { suffix, 2, { n_out, n_in }, 1, 0 }

const struct tr_slot tr__slots[TR_N_SLOT] = {
    [TR_TOKEN_EMBD] = TABLE("token_embd.weight", vocab),
    [TR_POSITION_EMBD] = TABLE("position_embd.weight", ctx),
    [TR_OUTPUT_NORM] = VECTOR("output_norm.weight", embd),
    [TR_OUTPUT_NORM_BIAS] = VECTOR("output_norm.bias", embd),
    [TR_OUTPUT] = TABLE("output.weight", vocab),
    [TR_ROPE_FREQS] = { "rope_freqs.weight", 1, { half_rot, NULL }, 0, 1 },
    [TR_ATTN_NORM] = VECTOR("attn_norm.weight", embd),
    [TR_ATTN_NORM_BIAS] = VECTOR("attn_norm.bias", embd),
    [TR_ATTN_QKV] = LINEAR("attn_qkv.weight", qkv, embd),
    [TR_ATTN_QKV_BIAS] = VECTOR("attn_qkv.bias", qkv),
    [TR_ATTN_Q] = LINEAR("attn_q.weight", q, embd),
    [TR_ATTN_Q_BIAS] = VECTOR("attn_q.bias", q),
    [TR_ATTN_K] = LINEAR("attn_k.weight", kv, embd),
    [TR_ATTN_K_BIAS] = VECTOR("attn_k.bias", kv),
    [TR_ATTN_V] = LINEAR("attn_v.weight", kv, embd),
    [TR_ATTN_V_BIAS] = VECTOR("attn_v.bias", kv),
    [TR_ATTN_OUT] = LINEAR("attn_output.weight", embd, q),
    [TR_ATTN_OUT_BIAS] = VECTOR("attn_output.bias", embd),
    [TR_FFN_NORM] = VECTOR("ffn_norm.weight", embd),
    [TR_FFN_NORM_BIAS] = VECTOR("ffn_norm.bias", embd),
    [TR_FFN_GATE] = LINEAR("ffn_gate.weight", ff, embd),
    [TR_FFN_UP] = LINEAR("ffn_up.weight", ff, embd),
    [TR_FFN_UP_BIAS] = VECTOR("ffn_up.bias", ff),
    [TR_FFN_DOWN] = LINEAR("ffn_down.weight", embd, ff),
    [TR_FFN_DOWN_BIAS] = VECTOR("ffn_down.bias", embd),
};
