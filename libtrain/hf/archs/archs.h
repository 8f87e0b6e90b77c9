/* SPDX-License-Identifier: MIT
 *
 * What the tables of families are made of: how tensors change, kinds of keys, and rows that
 * most families have.
 */
#ifndef LIBTRAIN_HF_ARCHS_H
#define LIBTRAIN_HF_ARCHS_H

#include <libtrain/hf/map.h>

/* ---- hows (hows.c) ---------------------------------------------------------------- */

/* Queries and keys of the llama family: rope turns columns i and i + n/2 of a head there, 2i
 * and 2i + 1 in GGUF, so the rows of each head are sorted. */
extern const struct tr__hf_how tr__hf_q_pairs, tr__hf_k_pairs;
/* (in, out) there, (out, in) in GGUF. */
extern const struct tr__hf_how tr__hf_transposed;

/* ---- kinds of keys (keys.c, rope.c) ---------------------------------------------- */

extern const struct tr__hf_kind tr__hf_u32, tr__hf_f32, tr__hf_bool;
extern const struct tr__hf_kind tr__hf_file_type; /* no field */
extern const struct tr__hf_kind tr__hf_head_dim;  /* attention.key_length, .value_length */
extern const struct tr__hf_kind tr__hf_rope_dim;  /* the whole head */
extern const struct tr__hf_kind tr__hf_rope;      /* rope_parameters: all keys of it */

/* "ARCH." and the key, or the key. */
void tr__hf_key_name(char *to, size_t size, const struct tr__hf_arch *a, const char *key);
/* Set a field at a path, whose objects are there; v, which may be NULL (out of memory), is
 * the config's then. */
int tr__hf_put(struct tr_json *config, const char *path, struct tr_json *v,
               struct tr_err *err) TR_MUST_CHECK;
/* The number with the fewest digits that is x in f32. */
double tr__hf_short(float x);
/* rope_parameters of the blocks that see everything. */
const struct tr_json *tr__hf_rope_of(const struct tr_json *config);

#define TR_HF_U32(name, ...) { .kind = &tr__hf_u32, .key = name, .field = { __VA_ARGS__ } }
#define TR_HF_U32_MAY(name, ...)                                                         \
    { .kind = &tr__hf_u32, .key = name, .field = { __VA_ARGS__ }, .may = 1 }
#define TR_HF_F32(name, ...) { .kind = &tr__hf_f32, .key = name, .field = { __VA_ARGS__ } }
#define TR_HF_F32_MAY(name, ...)                                                         \
    { .kind = &tr__hf_f32, .key = name, .field = { __VA_ARGS__ }, .may = 1 }
#define TR_HF_KIND(k) { .kind = &tr__hf_##k }

/* Most families begin with these: sizes, rope, norms, … */
#define TR_HF_KEYS_SIZES                                                                 \
    TR_HF_U32("block_count", "num_hidden_layers"),                                       \
    TR_HF_U32("context_length", "max_position_embeddings"),                              \
    TR_HF_U32("embedding_length", "hidden_size"),                                        \
    TR_HF_U32("feed_forward_length", "intermediate_size"),                               \
    TR_HF_U32("attention.head_count", "num_attention_heads"),                            \
    TR_HF_U32("attention.head_count_kv", "num_key_value_heads"),                         \
    TR_HF_KIND(rope)
#define TR_HF_KEYS_RMS TR_HF_F32("attention.layer_norm_rms_epsilon", "rms_norm_eps")
#define TR_HF_KEYS_LAYER TR_HF_F32("attention.layer_norm_epsilon", "layer_norm_eps")
/* … and end with these */
#define TR_HF_KEYS_END TR_HF_KIND(head_dim), TR_HF_KIND(file_type)

/* ---- fields that may be missing --------------------------------------------------- */

#define TR_HF_IS(name, text) { .field = name, .value = text }
#define TR_HF_SAME(name, other) { .field = name, .of = other }
#define TR_HF_HEAD_DIM                                                                   \
    { .field = "head_dim", .of = "hidden_size", .over = "num_attention_heads" }

/* ---- rows of tensors -------------------------------------------------------------- */

/* a weight and, if it is there, its bias */
#define TR_HF_BOTH(to, from)                                                             \
    { to ".weight", from ".weight", 0, 0 }, { to ".bias", from ".bias", 0, 1 }
#define TR_HF_BOTH_AS(to, from, as)                                                      \
    { to ".weight", from ".weight", &tr__hf_##as, 0 },                                   \
    { to ".bias", from ".bias", &tr__hf_##as, 1 }
#define TR_HF_LEFT_OUT(from) { 0, from, 0, 1 }

#define TR_HF_ENDS                                                                       \
    { "token_embd.weight", "model.embed_tokens.weight", 0, 0 },                          \
    { "output_norm.weight", "model.norm.weight", 0, 0 },                                 \
    { "output.weight", "lm_head.weight", 0, 1 }
#define TR_HF_PRE_NORMS                                                                  \
    { "blk.%d.attn_norm.weight", "model.layers.%d.input_layernorm.weight", 0, 0 },       \
    { "blk.%d.ffn_norm.weight", "model.layers.%d.post_attention_layernorm.weight", 0, 0 }
#define TR_HF_ATTENTION                                                                  \
    TR_HF_BOTH("blk.%d.attn_q", "model.layers.%d.self_attn.q_proj"),                     \
    TR_HF_BOTH("blk.%d.attn_k", "model.layers.%d.self_attn.k_proj"),                     \
    TR_HF_BOTH("blk.%d.attn_v", "model.layers.%d.self_attn.v_proj"),                     \
    TR_HF_BOTH("blk.%d.attn_output", "model.layers.%d.self_attn.o_proj"),                \
    TR_HF_LEFT_OUT("model.layers.%d.self_attn.rotary_emb.inv_freq")
#define TR_HF_ATTENTION_PAIRS                                                            \
    TR_HF_BOTH_AS("blk.%d.attn_q", "model.layers.%d.self_attn.q_proj", q_pairs),         \
    TR_HF_BOTH_AS("blk.%d.attn_k", "model.layers.%d.self_attn.k_proj", k_pairs),         \
    TR_HF_BOTH("blk.%d.attn_v", "model.layers.%d.self_attn.v_proj"),                     \
    TR_HF_BOTH("blk.%d.attn_output", "model.layers.%d.self_attn.o_proj"),                \
    TR_HF_LEFT_OUT("model.layers.%d.self_attn.rotary_emb.inv_freq")
#define TR_HF_GATED_MLP                                                                  \
    TR_HF_BOTH("blk.%d.ffn_gate", "model.layers.%d.mlp.gate_proj"),                      \
    TR_HF_BOTH("blk.%d.ffn_up", "model.layers.%d.mlp.up_proj"),                          \
    TR_HF_BOTH("blk.%d.ffn_down", "model.layers.%d.mlp.down_proj")

/* rope_freqs.weight, made of rope_parameters of type llama3 */
#define TR_HF_LLAMA3 { "rope_freqs.weight", 0, 0, 1 }

#endif
