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
/* One more in GGUF than there: norms of Gemma and others. */
extern const struct tr__hf_how tr__hf_plus_one;
/* A state's decay: log a there, -a in GGUF; in GGUF one column, as the second one says. */
extern const struct tr__hf_how tr__hf_minus_exp_column, tr__hf_column_of;
/* (n) there, rows of a group each in GGUF. */
extern const struct tr__hf_how tr__hf_group_rows;
/* q, k and v of a head one behind the other there, of all heads in GGUF. */
extern const struct tr__hf_how tr__hf_qkv_heads;
/* The same of a head of keys with its queries: its q, its k and its v (InternLM2). */
extern const struct tr__hf_how tr__hf_groups_q, tr__hf_groups_k, tr__hf_groups_v;
/* Upper and lower half of the rows of each matrix, and those turned, even or odd. */
extern const struct tr__hf_how tr__hf_half_0, tr__hf_half_1;
extern const struct tr__hf_how tr__hf_turned_even, tr__hf_turned_odd;
/* Columns 2 c and 2 c + 1. */
extern const struct tr__hf_how tr__hf_even_columns, tr__hf_odd_columns;
/* Heads of values stand by the key that they share there, by turns in GGUF: rows, rows of one
 * number, those behind q and k, columns, and a decay of each. */
extern const struct tr__hf_how tr__hf_turns, tr__hf_turns_one, tr__hf_turns_behind,
    tr__hf_turns_columns, tr__hf_turns_minus_exp;
/* Made of rope_parameters (factors.c). */
extern const struct tr__hf_how tr__hf_llama3, tr__hf_long_factors, tr__hf_short_factors;
/* The factor of this frequency, of rope_parameters of type llama3. */
float tr__hf_llama3_factor(const struct tr_json *rope, float freq);
/* rope_parameters of such a tensor (factors_back.c). */
int tr__hf_llama3_back(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                       struct tr_err *err) TR_MUST_CHECK;
int tr__hf_long_back(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                     struct tr_err *err) TR_MUST_CHECK;
int tr__hf_short_back(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                      struct tr_err *err) TR_MUST_CHECK;

/* ---- kinds of keys (keys.c, rope.c) ---------------------------------------------- */

extern const struct tr__hf_kind tr__hf_u32, tr__hf_f32, tr__hf_bool;
extern const struct tr__hf_kind tr__hf_file_type; /* no field */
extern const struct tr__hf_kind tr__hf_has;       /* no key: a tensor */
extern const struct tr__hf_kind tr__hf_head_dim;  /* attention.key_length, .value_length */
extern const struct tr__hf_kind tr__hf_rope_dim;  /* the whole head */
extern const struct tr__hf_kind tr__hf_rope;      /* rope_parameters: all keys of it */

extern const struct tr__hf_kind tr__hf_rope_base; /* rope.freq_base alone */
extern const struct tr__hf_kind tr__hf_rope_part;      /* partial_rotary_factor, of n_embd / n_head */
extern const struct tr__hf_kind tr__hf_rope_part_head; /* of head_dim */
extern const struct tr__hf_kind tr__hf_not_scaled;     /* rope.scaling.type is none */
/* No key: rope is not scaled, or by factors alone. */
extern const struct tr__hf_kind tr__hf_unscaled, tr__hf_long_or_unscaled;
extern const struct tr__hf_kind tr__hf_original;       /* rope.scaling.original_context_length */
extern const struct tr__hf_kind tr__hf_window_layers;  /* layer_types: which have the window */
extern const struct tr__hf_kind tr__hf_query_scale;    /* query_pre_attn_scalar; no key */
extern const struct tr__hf_kind tr__hf_no_bos;         /* tokenizer.ggml.add_bos_token */
extern const struct tr__hf_kind tr__hf_window_or_0;    /* attention.sliding_window */
extern const struct tr__hf_kind tr__hf_kv_by_layer;    /* attention.head_count_kv: 0 where
                                                          layer_types says conv */
extern const struct tr__hf_kind tr__hf_sigmoid;        /* expert_gating_func */
extern const struct tr__hf_kind tr__hf_long_attn;      /* rope.scaling.attn_factor of longrope */

/* ---- by block (layers.c) ---------------------------------------------------------- */

/* A list with an entry a block, or NULL if the field is not there. */
int tr__hf_layer_types(const struct tr__hf_in *in, const char *field,
                       const struct tr_json **list, struct tr_err *err) TR_MUST_CHECK;
/* Truth values: is it this word?  Nothing without the field.  And back. */
int tr__hf_set_layers(const struct tr__hf_in *in, const char *key, const char *field,
                      const char *word, struct tr_err *err) TR_MUST_CHECK;
int tr__hf_put_layers(const struct tr__hf_out *out, const char *key, const char *field,
                      const char *word, const char *other, struct tr_err *err) TR_MUST_CHECK;
/* Numbers: `yes` where it is this word, else `no`.  And back: yes for what is above 0. */
int tr__hf_set_by_layer(const struct tr__hf_in *in, const char *key, const char *field,
                        const char *word, int32_t yes, int32_t no,
                        struct tr_err *err) TR_MUST_CHECK;
int tr__hf_put_by_layer(const struct tr__hf_out *out, const char *key, const char *field,
                        const char *yes, const char *no, struct tr_err *err) TR_MUST_CHECK;

/* "ARCH." and the key, or the key. */
void tr__hf_key_name(char *to, size_t size, const struct tr__hf_arch *a, const char *key);
/* Set a field at a path of one or two names; v, which may be NULL (out of memory), is
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
#define TR_HF_BOOL(name, ...)                                                            \
    { .kind = &tr__hf_bool, .key = name, .field = { __VA_ARGS__ } }
#define TR_HF_BOOL_MAY(name, ...)                                                        \
    { .kind = &tr__hf_bool, .key = name, .field = { __VA_ARGS__ }, .may = 1 }
/* a field that says whether blocks have this tensor; import looks at the tensors alone */
#define TR_HF_HAS(tensor, name)                                                          \
    { .kind = &tr__hf_has, .key = tensor, .field = { name } }
#define TR_HF_KIND(k) { .kind = &tr__hf_##k }

/* Most families begin with these: sizes, rope, norms, … */
#define TR_HF_KEYS_SIZES                                                                 \
    TR_HF_U32("block_count", "num_hidden_layers"),                                       \
    TR_HF_U32("context_length", "max_position_embeddings"),                              \
    TR_HF_U32("embedding_length", "hidden_size"),                                        \
    TR_HF_U32("feed_forward_length", "intermediate_size"),                               \
    TR_HF_U32("attention.head_count", "num_attention_heads"),                            \
    TR_HF_U32("attention.head_count_kv", "num_key_value_heads")
/* where experts may stand for the MLP */
#define TR_HF_KEYS_SIZES_FF_MAY                                                          \
    TR_HF_U32("block_count", "num_hidden_layers"),                                       \
    TR_HF_U32("context_length", "max_position_embeddings"),                              \
    TR_HF_U32("embedding_length", "hidden_size"),                                        \
    TR_HF_U32_MAY("feed_forward_length", "intermediate_size"),                           \
    TR_HF_U32("attention.head_count", "num_attention_heads"),                            \
    TR_HF_U32("attention.head_count_kv", "num_key_value_heads")
#define TR_HF_KEYS_RMS TR_HF_F32("attention.layer_norm_rms_epsilon", "rms_norm_eps")
#define TR_HF_KEYS_LAYER TR_HF_F32("attention.layer_norm_epsilon", "layer_norm_eps")
/* … and end with these */
#define TR_HF_KEYS_END TR_HF_KIND(head_dim), TR_HF_KIND(file_type)

#define TR_HF_KEYS_EXPERTS                                                               \
    TR_HF_U32("expert_count", "num_experts", "num_local_experts"),                       \
    TR_HF_U32("expert_used_count", "num_experts_per_tok")
#define TR_HF_KEYS_SCALES                                                                \
    TR_HF_F32_MAY("attention.scale", "attention_multiplier"),                            \
    TR_HF_F32_MAY("embedding_scale", "embedding_multiplier"),                            \
    TR_HF_F32_MAY("residual_scale", "residual_multiplier"),                              \
    TR_HF_F32_MAY("logit_scale", "logits_scaling")

/* ---- fields that may be missing --------------------------------------------------- */

#define TR_HF_IS(name, text) { .field = name, .value = text }
#define TR_HF_SAME(name, other) { .field = name, .of = other }
#define TR_HF_HEAD_DIM                                                                   \
    { .field = "head_dim", .of = "hidden_size", .over = "num_attention_heads" }

#define TR_HF_SILU { "hidden_act", "\"silu\"", { "\"swish\"" } }

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

#define TR_HF_PLAIN_MLP(layer, up, down)                                                 \
    TR_HF_BOTH("blk.%d.ffn_up", layer "." up), TR_HF_BOTH("blk.%d.ffn_down", layer "." down)
#define TR_HF_QK_NORMS                                                                   \
    { "blk.%d.attn_q_norm.weight", "model.layers.%d.self_attn.q_norm.weight", 0, 0 },    \
    { "blk.%d.attn_k_norm.weight", "model.layers.%d.self_attn.k_norm.weight", 0, 0 }
/* norms behind attention and MLP alone */
#define TR_HF_POST_NORMS                                                                 \
    { "blk.%d.post_attention_norm.weight",                                               \
      "model.layers.%d.post_attention_layernorm.weight", 0, 0 },                         \
    { "blk.%d.post_ffw_norm.weight", "model.layers.%d.post_feedforward_layernorm.weight",\
      0, 0 }
/* Gemma's four, each one more in GGUF, or as they are with 0 */
#define TR_HF_FOUR_NORMS(as)                                                             \
    { "blk.%d.attn_norm.weight", "model.layers.%d.input_layernorm.weight", as, 0 },      \
    { "blk.%d.post_attention_norm.weight",                                               \
      "model.layers.%d.post_attention_layernorm.weight", as, 0 },                        \
    { "blk.%d.ffn_norm.weight", "model.layers.%d.pre_feedforward_layernorm.weight", as,  \
      0 },                                                                               \
    { "blk.%d.post_ffw_norm.weight", "model.layers.%d.post_feedforward_layernorm.weight",\
      as, 0 }
/* layer norms, with a bias */
#define TR_HF_LAYER_NORMS(last)                                                          \
    TR_HF_BOTH("output_norm", last),                                                     \
    TR_HF_BOTH("blk.%d.attn_norm", "model.layers.%d.input_layernorm"),                   \
    TR_HF_BOTH("blk.%d.ffn_norm", "model.layers.%d.post_attention_layernorm")
#define TR_HF_TABLES                                                                     \
    { "token_embd.weight", "model.embed_tokens.weight", 0, 0 },                          \
    { "output.weight", "lm_head.weight", 0, 1 }
/* a router, and experts of three matrices each, in the converter's order */
#define TR_HF_EXPERTS(mlp)                                                               \
    { "blk.%d.ffn_gate_inp.weight", mlp ".gate.weight", 0, 0 },                          \
    { "blk.%d.ffn_down_exps.weight", mlp ".experts.%d.down_proj.weight", 0, 0 },         \
    { "blk.%d.ffn_gate_exps.weight", mlp ".experts.%d.gate_proj.weight", 0, 0 },         \
    { "blk.%d.ffn_up_exps.weight", mlp ".experts.%d.up_proj.weight", 0, 0 }
#define TR_HF_SHARED(of)                                                                 \
    { "blk.%d.ffn_gate_shexp.weight", of ".gate_proj.weight", 0, 0 },                    \
    { "blk.%d.ffn_up_shexp.weight", of ".up_proj.weight", 0, 0 },                        \
    { "blk.%d.ffn_down_shexp.weight", of ".down_proj.weight", 0, 0 }

/* experts that are stacks there too */
#define TR_HF_EXPERT_STACKS(mlp)                                                         \
    { "blk.%d.ffn_down_exps.weight", mlp ".experts.down_proj", 0, 1 },                   \
    { "blk.%d.ffn_gate_exps.weight", mlp ".experts.gate_up_proj", &tr__hf_half_0, 1 },   \
    { "blk.%d.ffn_up_exps.weight", mlp ".experts.gate_up_proj", &tr__hf_half_1, 1 }
/* what blocks that predict further tokens have beside a block; their norms `as` */
#define TR_HF_AHEAD(as)                                                                  \
    { "blk.%d.nextn.eh_proj.weight", "model.layers.%d.eh_proj.weight", 0, 1 },           \
    { "blk.%d.nextn.enorm.weight", "model.layers.%d.enorm.weight", as, 1 },              \
    { "blk.%d.nextn.hnorm.weight", "model.layers.%d.hnorm.weight", as, 1 },              \
    { "blk.%d.nextn.shared_head_norm.weight", "model.layers.%d.shared_head.norm.weight", \
      as, 1 },                                                                           \
    { "blk.%d.nextn.shared_head_head.weight", "model.layers.%d.shared_head.head.weight", \
      0, 1 },                                                                            \
    { "blk.%d.nextn.embed_tokens.weight", "model.layers.%d.embed_tokens.weight", 0, 1 }

/* LFM2's blocks but for their MLPs */
#define TR_HF_LFM2_BLOCKS                                                                \
    { "token_embd.weight", "model.embed_tokens.weight", 0, 0 },                          \
    { "token_embd_norm.weight", "model.embedding_norm.weight", 0, 0 },                   \
    { "output.weight", "lm_head.weight", 0, 1 },                                         \
    { "blk.%d.attn_norm.weight", "model.layers.%d.operator_norm.weight", 0, 0 },         \
    { "blk.%d.ffn_norm.weight", "model.layers.%d.ffn_norm.weight", 0, 0 },               \
    { "blk.%d.attn_q.weight", "model.layers.%d.self_attn.q_proj.weight", 0, 0 },         \
    { "blk.%d.attn_k.weight", "model.layers.%d.self_attn.k_proj.weight", 0, 0 },         \
    { "blk.%d.attn_v.weight", "model.layers.%d.self_attn.v_proj.weight", 0, 0 },         \
    { "blk.%d.attn_output.weight", "model.layers.%d.self_attn.out_proj.weight", 0, 0 },  \
    { "blk.%d.attn_q_norm.weight", "model.layers.%d.self_attn.q_layernorm.weight", 0, 0 },\
    { "blk.%d.attn_k_norm.weight", "model.layers.%d.self_attn.k_layernorm.weight", 0, 0 },\
    { "blk.%d.shortconv.conv.weight", "model.layers.%d.conv.conv.weight", 0, 0 },        \
    { "blk.%d.shortconv.in_proj.weight", "model.layers.%d.conv.in_proj.weight", 0, 0 },  \
    { "blk.%d.shortconv.out_proj.weight", "model.layers.%d.conv.out_proj.weight", 0, 0 }

/* rope_freqs.weight, made of rope_parameters of type llama3 */
#define TR_HF_LLAMA3 { "rope_freqs.weight", 0, &tr__hf_llama3, 1 }
/* factors of longrope */
#define TR_HF_LONGROPE                                                                   \
    { "rope_factors_long.weight", 0, &tr__hf_long_factors, 1 },                                  \
    { "rope_factors_short.weight", 0, &tr__hf_short_factors, 1 }

#endif
