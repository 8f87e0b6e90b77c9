/* SPDX-License-Identifier: MIT
 *
 * Phi-2 (Microsoft 2023): attention and MLP side by side behind one layer norm, biases
 * everywhere, of the output matrix too, gelu without a gate, rope on part of a head.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_phi2 = {
    .name = "phi2",
    .eps_key = TR_EPS_LAYER,
    .norm = tr_layer_norm,
    .parallel = 1,
    .activation = tr__arch_gelu,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_LAST_BIAS, [TR_OUTPUT_BIAS] = TR_MUST,
        [TR_ATTN_NORM] = TR_MUST, [TR_ATTN_NORM_BIAS] = TR_MUST,
        TR_ATTENTION, TR_QKV_BIASES(TR_MUST), [TR_ATTN_OUT_BIAS] = TR_MUST,
        TR_PLAIN_MLP, TR_PLAIN_MLP_BIASES(TR_MUST),
    },
};
