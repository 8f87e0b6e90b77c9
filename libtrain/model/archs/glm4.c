/* SPDX-License-Identifier: MIT
 *
 * GLM-4 (GLM Team 2024): norms before and behind attention and MLP, biases of q, k and v, one
 * matrix for gate and up, rope on part of a head.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_glm4 = {
    .name = "glm4",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .fused_gate_up = 1,
    .activation = tr_swiglu,
    .rope = TR_ROPE_PAIRS,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS, TR_POST_NORMS,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY),
        TR_PLAIN_MLP,
    },
};
