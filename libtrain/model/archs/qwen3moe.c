/* SPDX-License-Identifier: MIT
 *
 * Qwen3 with experts (Yang et al. 2025), 30B-A3B and larger ones.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_qwen3moe = {
    .name = "qwen3moe",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_EXPERTS | TR_KEYS_EXPERT_FF,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .experts = { .gating = &tr_gating_softmax, .normalise = 1 },
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION, TR_QK_NORMS,
        TR_GATED_EXPERTS,
    },
};
