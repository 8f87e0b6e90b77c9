/* SPDX-License-Identifier: MIT
 *
 * Nemotron (Parmar et al. 2024), Minitron: layer norm whose weight is stored with the 1 that it
 * adds, squared relu without a gate, rope on part of a head.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_nemotron = {
    .name = "nemotron",
    .eps_key = TR_EPS_LAYER,
    .norm = tr_layer_norm,
    .activation = tr__arch_relu2,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_LAST_BIAS, TR_PRE_NORMS, TR_PRE_BIASES,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_PLAIN_MLP, TR_PLAIN_MLP_BIASES(TR_MAY),
    },
};
