/* SPDX-License-Identifier: MIT
 *
 * GLM-4.5 and 4.6 (Zhipu AI 2025), 106B-A12B and 355B-A32B: experts scored each by itself, with
 * a bias for choosing, one that all positions see, plain MLPs in the first blocks; rope on half
 * of a head.  The last block only predicts further ahead.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_glm4moe = {
    .name = "glm4moe",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_EXPERTS | TR_KEYS_EXPERT_FF | TR_KEYS_EXPERT_WEIGHTS | TR_KEYS_GATING |
            TR_KEYS_SHARED_COUNT | TR_KEYS_AHEAD,
    .norm = tr__arch_rms_norm,
    .mlp_norm = TR_ATTN_POST_NORM,
    .activation = tr_swiglu,
    .experts = { .gating = &tr_gating_sigmoid },
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, [TR_ATTN_NORM] = TR_MUST, [TR_ATTN_POST_NORM] = TR_MUST,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY),
        [TR_ATTN_Q_NORM] = TR_MAY, [TR_ATTN_K_NORM] = TR_MAY,
        TR_GATED_MLP, TR_GATED_EXPERTS, [TR_CHOICE_BIAS] = TR_MUST, TR_SHARED_MLP,
    },
};
