/* SPDX-License-Identifier: MIT
 *
 * GPT-2 (Radford et al. 2019): learned positions, layer norm before attention and MLP, one
 * matrix for q, k and v, biases everywhere, tanh gelu.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_gpt2 = {
    .name = "gpt2",
    .eps_key = TR_EPS_LAYER,
    .norm = tr_layer_norm,
    .activation = tr__arch_gelu,
    .rope = TR_ROPE_NONE,
    .tensor = {
        TR_ENDS, [TR_POSITION_EMBD] = TR_MUST, TR_LAST_BIAS,
        TR_PRE_NORMS, TR_PRE_BIASES,
        [TR_ATTN_QKV] = TR_MUST, [TR_ATTN_QKV_BIAS] = TR_MUST,
        [TR_ATTN_OUT] = TR_MUST, [TR_ATTN_OUT_BIAS] = TR_MUST,
        TR_PLAIN_MLP, TR_PLAIN_MLP_BIASES(TR_MUST),
    },
};
