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

static const enum tr_slot_id required[] = {
    TR_TOKEN_EMBD, TR_POSITION_EMBD, TR_OUTPUT_NORM, TR_OUTPUT_NORM_BIAS,
    TR_ATTN_NORM, TR_ATTN_NORM_BIAS, TR_ATTN_QKV, TR_ATTN_QKV_BIAS,
    TR_ATTN_OUT, TR_ATTN_OUT_BIAS, TR_FFN_NORM, TR_FFN_NORM_BIAS,
    TR_FFN_UP, TR_FFN_UP_BIAS, TR_FFN_DOWN, TR_FFN_DOWN_BIAS, TR_N_SLOT
};
static const enum tr_slot_id optional[] = { TR_OUTPUT, TR_N_SLOT };

const struct tr_arch tr__arch_gpt2 = {
    .name = "gpt2",
    .eps_key = "attention.layer_norm_epsilon",
    .norm = tr_layer_norm,
    .activation = gelu,
    .rope = TR_ROPE_NONE,
    .required = required,
    .optional = optional,
};
