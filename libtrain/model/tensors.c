/* SPDX-License-Identifier: MIT
 *
 * The tensors of a decoder: names as llama.cpp writes them, shapes in terms of the
 * hyper-parameters.  Everything that walks over weights (binding, adapters, training in
 * full, making random models) goes by this table, so a tensor that is added here and in an
 * architecture is known everywhere.  Next: weights.c, which finds them in a file.
 */
#include <libtrain/model/model.h>

#include <stdio.h>
#include <string.h>

static int64_t vocab(const struct tr_config *c) { return c->n_vocab; }
static int64_t ctx(const struct tr_config *c) { return c->n_ctx; }
static int64_t embd(const struct tr_config *c) { return c->n_embd; }
static int64_t ff(const struct tr_config *c) { return c->n_ff; }
static int64_t half_rot(const struct tr_config *c) { return c->rope.n_rot / 2; }
static int64_t q(const struct tr_config *c) { return c->n_head * c->head_dim; }
static int64_t kv(const struct tr_config *c) { return c->n_head_kv * c->head_dim; }
static int64_t qkv(const struct tr_config *c) { return q(c) + 2 * kv(c); }

void tr__slot_name(char *name, int64_t layer, enum tr_slot_id id)
{
    if (id < TR_N_GLOBAL)
        snprintf(name, TR__TENSOR_NAME_BYTES, "%s", tr__slots[id].suffix);
    else
        snprintf(name, TR__TENSOR_NAME_BYTES, "blk.%lld.%s", (long long)layer,
                 tr__slots[id].suffix);
}

enum tr_slot_id tr__slot_find(const char *name, int64_t *layer)
{
    *layer = tr_gguf_block(name, &name);
    int id = *layer < 0 ? 0 : TR_N_GLOBAL, end = *layer < 0 ? TR_N_GLOBAL : TR_N_SLOT;
    while (id < end && strcmp(tr__slots[id].suffix, name))
        id++;
    return id < end ? (enum tr_slot_id)id : TR_N_SLOT;
}

#define VECTOR(name, n) .suffix = name, .n_dim = 1, .dim = { n, NULL }
#define MATRIX(name, rows, cols) .suffix = name, .n_dim = 2, .dim = { rows, cols }
#define LINEAR(name, n_out, n_in) MATRIX(name, n_out, n_in), .linear = 1

const struct tr_slot tr__slots[TR_N_SLOT] = {
    [TR_TOKEN_EMBD] = { MATRIX("token_embd.weight", vocab, embd) },
    [TR_POSITION_EMBD] = { MATRIX("position_embd.weight", ctx, embd) },
    [TR_OUTPUT_NORM] = { VECTOR("output_norm.weight", embd) },
    [TR_OUTPUT_NORM_BIAS] = { VECTOR("output_norm.bias", embd) },
    [TR_OUTPUT] = { MATRIX("output.weight", vocab, embd) },
    [TR_ROPE_FREQS] = { VECTOR("rope_freqs.weight", half_rot), .frozen = 1 },
    [TR_ATTN_NORM] = { VECTOR("attn_norm.weight", embd) },
    [TR_ATTN_NORM_BIAS] = { VECTOR("attn_norm.bias", embd) },
    [TR_ATTN_QKV] = { LINEAR("attn_qkv.weight", qkv, embd) },
    [TR_ATTN_QKV_BIAS] = { VECTOR("attn_qkv.bias", qkv), .with = TR_ATTN_QKV },
    [TR_ATTN_Q] = { LINEAR("attn_q.weight", q, embd), .instead = TR_ATTN_QKV },
    [TR_ATTN_Q_BIAS] = { VECTOR("attn_q.bias", q), .instead = TR_ATTN_QKV },
    [TR_ATTN_K] = { LINEAR("attn_k.weight", kv, embd), .instead = TR_ATTN_QKV },
    [TR_ATTN_K_BIAS] = { VECTOR("attn_k.bias", kv), .instead = TR_ATTN_QKV },
    [TR_ATTN_V] = { LINEAR("attn_v.weight", kv, embd), .instead = TR_ATTN_QKV },
    [TR_ATTN_V_BIAS] = { VECTOR("attn_v.bias", kv), .instead = TR_ATTN_QKV },
    [TR_ATTN_OUT] = { LINEAR("attn_output.weight", embd, q) },
    [TR_ATTN_OUT_BIAS] = { VECTOR("attn_output.bias", embd) },
    [TR_FFN_NORM] = { VECTOR("ffn_norm.weight", embd) },
    [TR_FFN_NORM_BIAS] = { VECTOR("ffn_norm.bias", embd) },
    [TR_FFN_GATE] = { LINEAR("ffn_gate.weight", ff, embd) },
    [TR_FFN_GATE_BIAS] = { VECTOR("ffn_gate.bias", ff) },
    [TR_FFN_UP] = { LINEAR("ffn_up.weight", ff, embd) },
    [TR_FFN_UP_BIAS] = { VECTOR("ffn_up.bias", ff) },
    [TR_FFN_DOWN] = { LINEAR("ffn_down.weight", embd, ff) },
    [TR_FFN_DOWN_BIAS] = { VECTOR("ffn_down.bias", embd) },
};
