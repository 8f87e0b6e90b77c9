/* SPDX-License-Identifier: MIT
 *
 * GPT-2 (Radford et al. 2019): learned positions, layer norm before attention and MLP, one
 * matrix for q, k and v, biases everywhere, tanh gelu.
 */
#include <libtrain/model/model.h>

static struct tr_tensor *gelu(struct tr_tape *tp, struct tr_tensor *gate,
                              struct tr_tensor *up)
{
    (void)gate;
    return tr_gelu(tp, up);
}

const struct tr_arch tr__arch_gpt2 = {
    .name = "gpt2",
    .eps_key = "attention.layer_norm_epsilon",
    .norm = tr_layer_norm,
    .activation = gelu,
    .rope = TR_ROPE_NONE,
    .tensor = {
        [TR_TOKEN_EMBD] = TR_MUST, [TR_POSITION_EMBD] = TR_MUST,
        [TR_OUTPUT_NORM] = TR_MUST, [TR_OUTPUT_NORM_BIAS] = TR_MUST, [TR_OUTPUT] = TR_MAY,
        [TR_ATTN_NORM] = TR_MUST, [TR_ATTN_NORM_BIAS] = TR_MUST,
        [TR_ATTN_QKV] = TR_MUST, [TR_ATTN_QKV_BIAS] = TR_MUST,
        [TR_ATTN_OUT] = TR_MUST, [TR_ATTN_OUT_BIAS] = TR_MUST,
        [TR_FFN_NORM] = TR_MUST, [TR_FFN_NORM_BIAS] = TR_MUST,
        [TR_FFN_UP] = TR_MUST, [TR_FFN_UP_BIAS] = TR_MUST,
        [TR_FFN_DOWN] = TR_MUST, [TR_FFN_DOWN_BIAS] = TR_MUST,
    },
};
