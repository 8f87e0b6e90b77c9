/* SPDX-License-Identifier: MIT
 *
 * Qwen3.5 and 3.6 with experts (Qwen Team 2026), 35B-A3B and larger ones: those of Qwen3,
 * and one that all positions see, behind a gate.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_qwen35moe = {
    .name = "qwen35moe",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_SSM | TR_KEYS_RECURRENT | TR_KEYS_EXPERTS | TR_KEYS_EXPERT_FF |
            TR_KEYS_SHARED | TR_KEYS_AHEAD,
    .norm = tr__arch_rms_norm,
    .mlp_norm = TR_ATTN_POST_NORM,
    .without_kv = &tr__mixer_delta,
    .attn_gate = 1,
    .activation = tr_swiglu,
    .experts = { .gating = &tr_gating_softmax, .normalise = 1 },
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, [TR_ATTN_NORM] = TR_MUST, [TR_ATTN_POST_NORM] = TR_MUST,
        [TR_ATTN_Q] = TR_MUST, [TR_ATTN_K] = TR_MUST, [TR_ATTN_V] = TR_MUST,
        [TR_ATTN_OUT] = TR_MUST, TR_QK_NORMS, TR_DELTA,
        TR_GATED_EXPERTS, [TR_GATE_UP_EXPERTS] = TR_MAY, TR_SHARED_EXPERT,
    },
};
