/* SPDX-License-Identifier: MIT
 *
 * Qwen1.5 and Qwen2 with experts (Qwen Team 2024), A2.7B and 57B-A14B: qwen2 whose MLPs are
 * experts, weighed by their share of all, and one that all positions see, behind a gate.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_qwen2moe = {
    .name = "qwen2moe",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_EXPERTS | TR_KEYS_EXPERT_FF | TR_KEYS_SHARED,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .experts = { .gating = &tr_gating_softmax },
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION, TR_QKV_BIASES(TR_MUST), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_GATED_EXPERTS, TR_SHARED_EXPERT,
    },
};
