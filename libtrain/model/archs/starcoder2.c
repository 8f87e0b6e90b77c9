/* SPDX-License-Identifier: MIT
 *
 * StarCoder2 (Lozhkov et al. 2024): layer norm, biases everywhere, gelu without a gate.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_starcoder2 = {
    .name = "starcoder2",
    .eps_key = TR_EPS_LAYER,
    .norm = tr_layer_norm,
    .activation = tr__arch_gelu,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_LAST_BIAS,
        TR_PRE_NORMS, TR_PRE_BIASES,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_PLAIN_MLP, TR_PLAIN_MLP_BIASES(TR_MAY),
    },
};
