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

#define SIZE(name, value)                                                                \
    static int64_t name(const struct tr_config *c, const struct tr_layer *l)             \
    {                                                                                    \
        (void)c, (void)l;                                                                \
        return value;                                                                    \
    }
SIZE(vocab, c->n_vocab)
SIZE(ctx, c->n_ctx)
SIZE(embd, c->n_embd)
SIZE(half_rot, (c->rope[0].n_rot ? c->rope[0].n_rot : c->rope[1].n_rot) / 2)
SIZE(heads, l->n_head)
SIZE(head, l->head_dim)
SIZE(q, l->n_head * l->head_dim)
SIZE(kv, l->n_head_kv * l->head_dim)
SIZE(qkv, q(c, l) + 2 * kv(c, l))
SIZE(q_norm, c->arch->qk_norm_whole ? q(c, l) : head(c, l))
SIZE(k_norm, c->arch->qk_norm_whole ? kv(c, l) : head(c, l))
SIZE(ff, l->n_ff)
SIZE(input, c->n_input)
SIZE(inputs, c->n_layer * c->n_input)
SIZE(one, 1)
SIZE(up, c->arch->fused_gate_up ? 2 * l->n_ff : l->n_ff)
SIZE(three_embd, 3 * c->n_embd)
SIZE(taps, c->conv_taps)
SIZE(q_rows, c->arch->attn_gate ? 2 * q(c, l) : q(c, l))
SIZE(value_heads, c->ssm.time_step_rank)
SIZE(values, c->ssm.inner_size)
SIZE(value, c->ssm.inner_size / c->ssm.time_step_rank)
SIZE(groups, c->ssm.group_count)
SIZE(group, c->ssm.inner_size / c->ssm.group_count)
SIZE(ssm_conv, c->ssm.inner_size + 2 * c->ssm.group_count * c->ssm.state_size)
SIZE(ssm_in, ssm_conv(c, l) + c->ssm.inner_size + c->ssm.time_step_rank)
SIZE(experts, l->n_expert)
SIZE(expert_ff, l->n_ff_expert)
SIZE(expert_ff2, 2 * l->n_ff_expert)
SIZE(shared_ff, l->n_ff_shared)
SIZE(delta_qkv, 2 * c->ssm.group_count * c->ssm.state_size + c->ssm.inner_size)

void tr__slot_name(char *name, int64_t layer, enum tr_slot_id id)
{
    if (id < TR_N_GLOBAL)
        snprintf(name, TR__TENSOR_NAME_BYTES, "%s", tr__slots[id].suffix);
    else
        snprintf(name, TR__TENSOR_NAME_BYTES, "blk.%lld.%s", (long long)layer,
                 tr__slots[id].suffix);
}

static int block_has(const struct tr_config *c, int64_t layer, enum tr_slot_id id)
{
    unsigned part = tr__slots[id].part;
    return !part || layer < 0 || layer >= c->n_layer || part & c->layer[layer].parts;
}

enum tr_slot_id tr__slot_find(const struct tr_config *c, const char *name, int64_t *layer)
{
    enum tr_slot_id found = TR_N_SLOT;
    *layer = tr_gguf_block(name, &name);
    int id = *layer < 0 ? 0 : TR_N_GLOBAL, end = *layer < 0 ? TR_N_GLOBAL : TR_N_SLOT;
    for (; id < end; id++)
        if (!strcmp(tr__slots[id].suffix, name)) {
            found = (enum tr_slot_id)id;
            if (block_has(c, *layer, found))
                break;
        }
    return found;
}

void tr__slot_shape(enum tr_slot_id id, const struct tr_config *c, const struct tr_layer *l,
                    int64_t *dim)
{
    for (int i = 0; i < tr__slots[id].n_dim; i++)
        dim[i] = tr__slots[id].dim[i](c, l);
}

#define VECTOR(name, n) .suffix = name, .n_dim = 1, .dim = { n }
#define MATRIX(name, rows, cols) .suffix = name, .n_dim = 2, .dim = { rows, cols }
#define LINEAR(name, n_out, n_in) MATRIX(name, n_out, n_in), .linear = 1
/* matrices of experts */
#define LINEARS(name, n_out, n_in)                                                       \
    .suffix = name, .n_dim = 3, .dim = { experts, n_out, n_in }, .linear = 1
#define FLAT(name, rows, cols) MATRIX(name, rows, cols), .vector = 1, .f32 = 1
#define ATTENTION .part = TR_PART_ATTENTION
#define KV .part = TR_PART_KV
#define MLP .part = TR_PART_MLP
#define SHORTCONV .part = TR_PART_SHORTCONV
#define INPUT .part = TR_PART_INPUT
#define DELTA .part = TR_PART_DELTA
#define EXPERTS .part = TR_PART_EXPERTS
#define SHARED .part = TR_PART_SHARED
#define MAMBA2 .part = TR_PART_MAMBA2

const struct tr_slot tr__slots[TR_N_SLOT] = {
    [TR_TOKEN_EMBD] = { MATRIX("token_embd.weight", vocab, embd), .named = 1, .table = 1 },
    [TR_POSITION_EMBD] = { MATRIX("position_embd.weight", ctx, embd) },
    [TR_TOKEN_EMBD_NORM] = { VECTOR("token_embd_norm.weight", embd) },
    [TR_OUTPUT_NORM] = { VECTOR("output_norm.weight", embd) },
    [TR_OUTPUT_NORM_BIAS] = { VECTOR("output_norm.bias", embd) },
    [TR_OUTPUT] = { MATRIX("output.weight", vocab, embd), .named = 1 },
    [TR_OUTPUT_BIAS] = { VECTOR("output.bias", vocab) },
    [TR_ROPE_FREQS] = { VECTOR("rope_freqs.weight", half_rot), .frozen = 1 },
    [TR_ROPE_FACTORS_LONG] = { VECTOR("rope_factors_long.weight", half_rot), .frozen = 1,
                               .with = TR_ROPE_FACTORS_SHORT },
    [TR_ROPE_FACTORS_SHORT] = { VECTOR("rope_factors_short.weight", half_rot), .frozen = 1,
                                .with = TR_ROPE_FACTORS_LONG },
    [TR_INPUTS_EMBD] = { MATRIX("per_layer_token_embd.weight", vocab, inputs), INPUT },
    [TR_INPUTS_PROJ] = { MATRIX("per_layer_model_proj.weight", inputs, embd), INPUT },
    [TR_INPUTS_NORM] = { VECTOR("per_layer_proj_norm.weight", input), INPUT },

    [TR_ATTN_NORM] = { VECTOR("attn_norm.weight", embd) },
    [TR_ATTN_NORM_BIAS] = { VECTOR("attn_norm.bias", embd) },
    [TR_ATTN_QKV] = { LINEAR("attn_qkv.weight", qkv, embd), ATTENTION },
    [TR_ATTN_QKV_BIAS] = { VECTOR("attn_qkv.bias", qkv), ATTENTION, .with = TR_ATTN_QKV },
    [TR_ATTN_Q] = { LINEAR("attn_q.weight", q_rows, embd), ATTENTION,
                    .instead = TR_ATTN_QKV },
    [TR_ATTN_Q_BIAS] = { VECTOR("attn_q.bias", q), ATTENTION, .instead = TR_ATTN_QKV },
    [TR_ATTN_K] = { LINEAR("attn_k.weight", kv, embd), KV, .instead = TR_ATTN_QKV },
    [TR_ATTN_K_BIAS] = { VECTOR("attn_k.bias", kv), KV, .instead = TR_ATTN_QKV },
    [TR_ATTN_V] = { LINEAR("attn_v.weight", kv, embd), KV, .instead = TR_ATTN_QKV },
    [TR_ATTN_V_BIAS] = { VECTOR("attn_v.bias", kv), KV, .instead = TR_ATTN_QKV },
    [TR_ATTN_Q_NORM] = { VECTOR("attn_q_norm.weight", q_norm), ATTENTION },
    [TR_ATTN_K_NORM] = { VECTOR("attn_k_norm.weight", k_norm), KV },
    [TR_ATTN_SINKS] = { VECTOR("attn_sinks.weight", heads), ATTENTION },
    [TR_ATTN_OUT] = { LINEAR("attn_output.weight", embd, q), ATTENTION },
    [TR_ATTN_OUT_BIAS] = { VECTOR("attn_output.bias", embd), ATTENTION },
    [TR_ATTN_POST_NORM] = { VECTOR("post_attention_norm.weight", embd) },
    [TR_FFN_NORM] = { VECTOR("ffn_norm.weight", embd) },
    [TR_FFN_NORM_BARE] = { VECTOR("ffn_norm", embd) }, /* Falcon-H1 calls it so */
    [TR_FFN_NORM_BIAS] = { VECTOR("ffn_norm.bias", embd) },
    [TR_FFN_GATE] = { LINEAR("ffn_gate.weight", ff, embd), MLP },
    [TR_FFN_GATE_BIAS] = { VECTOR("ffn_gate.bias", ff), MLP },
    [TR_FFN_UP] = { LINEAR("ffn_up.weight", up, embd), MLP },
    [TR_FFN_UP_BIAS] = { VECTOR("ffn_up.bias", up), MLP },
    [TR_FFN_DOWN] = { LINEAR("ffn_down.weight", embd, ff), MLP },
    [TR_FFN_DOWN_BIAS] = { VECTOR("ffn_down.bias", embd), MLP },
    [TR_FFN_POST_NORM] = { VECTOR("post_ffw_norm.weight", embd) },

    [TR_SHORTCONV_IN] = { LINEAR("shortconv.in_proj.weight", three_embd, embd), SHORTCONV },
    [TR_SHORTCONV_CONV] = { MATRIX("shortconv.conv.weight", embd, taps), .f32 = 1,
                            SHORTCONV },
    [TR_SHORTCONV_OUT] = { LINEAR("shortconv.out_proj.weight", embd, embd), SHORTCONV },
    [TR_INPUT_GATE] = { LINEAR("inp_gate.weight", input, embd), INPUT },
    [TR_INPUT_PROJ] = { LINEAR("proj.weight", embd, input), INPUT },
    [TR_INPUT_POST_NORM] = { VECTOR("post_norm.weight", embd), INPUT },
    [TR_LAYER_SCALE] = { VECTOR("layer_output_scale.weight", one), .frozen = 1 },

    [TR_DELTA_QKV] = { LINEAR("attn_qkv.weight", delta_qkv, embd), DELTA },
    [TR_DELTA_GATE] = { LINEAR("attn_gate.weight", values, embd), DELTA },
    [TR_DELTA_CONV] = { MATRIX("ssm_conv1d.weight", delta_qkv, taps), .f32 = 1, DELTA },
    [TR_DELTA_ALPHA] = { LINEAR("ssm_alpha.weight", value_heads, embd), DELTA },
    [TR_DELTA_DT_BIAS] = { VECTOR("ssm_dt.bias", value_heads), DELTA },
    [TR_DELTA_A] = { VECTOR("ssm_a", value_heads), DELTA, .minus_exp = 1 },
    [TR_DELTA_BETA] = { LINEAR("ssm_beta.weight", value_heads, embd), DELTA },
    [TR_DELTA_NORM] = { VECTOR("ssm_norm.weight", value), DELTA },
    [TR_DELTA_OUT] = { LINEAR("ssm_out.weight", embd, values), DELTA },

    [TR_SSM_IN] = { LINEAR("ssm_in.weight", ssm_in, embd), MAMBA2 },
    [TR_SSM_CONV] = { MATRIX("ssm_conv1d.weight", ssm_conv, taps), .f32 = 1, MAMBA2 },
    [TR_SSM_CONV_BIAS] = { VECTOR("ssm_conv1d.bias", ssm_conv), MAMBA2 },
    [TR_SSM_DT_BIAS] = { VECTOR("ssm_dt.bias", value_heads), MAMBA2 },
    [TR_SSM_A] = { FLAT("ssm_a", value_heads, one), MAMBA2, .minus_exp = 1 },
    [TR_SSM_D] = { FLAT("ssm_d", value_heads, one), MAMBA2 },
    [TR_SSM_NORM] = { FLAT("ssm_norm.weight", groups, group), MAMBA2 },
    [TR_SSM_OUT] = { LINEAR("ssm_out.weight", embd, values), MAMBA2 },

    [TR_ROUTER] = { LINEAR("ffn_gate_inp.weight", experts, embd), EXPERTS, .router = 1 },
    [TR_ROUTER_BIAS] = { VECTOR("ffn_gate_inp.bias", experts), EXPERTS },
    [TR_CHOICE_BIAS] = { VECTOR("exp_probs_b.bias", experts), EXPERTS, .frozen = 1 },
    [TR_GATE_UP_EXPERTS] = { LINEARS("ffn_gate_up_exps.weight", expert_ff2, embd),
                             EXPERTS },
    [TR_GATE_EXPERTS] = { LINEARS("ffn_gate_exps.weight", expert_ff, embd), EXPERTS,
                          .instead = TR_GATE_UP_EXPERTS },
    [TR_GATE_EXPERTS_BIAS] = { FLAT("ffn_gate_exps.bias", experts, expert_ff), EXPERTS },
    [TR_UP_EXPERTS] = { LINEARS("ffn_up_exps.weight", expert_ff, embd), EXPERTS,
                        .instead = TR_GATE_UP_EXPERTS },
    [TR_UP_EXPERTS_BIAS] = { FLAT("ffn_up_exps.bias", experts, expert_ff), EXPERTS },
    [TR_DOWN_EXPERTS] = { LINEARS("ffn_down_exps.weight", embd, expert_ff), EXPERTS },
    [TR_DOWN_EXPERTS_BIAS] = { FLAT("ffn_down_exps.bias", experts, embd), EXPERTS },
    [TR_GATE_SHARED] = { LINEAR("ffn_gate_shexp.weight", shared_ff, embd), SHARED },
    [TR_UP_SHARED] = { LINEAR("ffn_up_shexp.weight", shared_ff, embd), SHARED },
    [TR_DOWN_SHARED] = { LINEAR("ffn_down_shexp.weight", embd, shared_ff), SHARED },
    [TR_ROUTER_NORM] = { VECTOR("ffn_gate_inp.scale", embd), EXPERTS },
    [TR_EXPERT_FACTOR] = { VECTOR("ffn_down_exps.scale", experts), EXPERTS },
    [TR_EXPERTS_NORM] = { VECTOR("pre_ffw_norm_2.weight", embd), EXPERTS },
    [TR_EXPERTS_POST_NORM] = { VECTOR("post_ffw_norm_2.weight", embd), EXPERTS },
    [TR_BESIDE_POST_NORM] = { VECTOR("post_ffw_norm_1.weight", embd), EXPERTS },
    [TR_SHARED_GATE] = { LINEAR("ffn_gate_inp_shexp.weight", one, embd), SHARED },
};
