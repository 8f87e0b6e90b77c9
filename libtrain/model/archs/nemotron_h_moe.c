/* SPDX-License-Identifier: MIT
 *
 * Nemotron 3 Nano (NVIDIA 2025): Nemotron-H with experts in place of each MLP, without
 * gates as that has none, and one more that all positions see.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_nemotron_h_moe = {
    .name = "nemotron_h_moe",
    .eps_key = TR_EPS_RMS,
    .eps_key_else = TR_EPS_LAYER,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_SSM | TR_KEYS_EXPERTS | TR_KEYS_EXPERT_FF | TR_KEYS_SHARED |
            TR_KEYS_EXPERT_WEIGHTS,
    .without_kv = &tr__mixer_mamba2,
    .mixer_alone = 1,
    .activation = tr__arch_relu2,
    .experts = { .gating = &tr_gating_sigmoid, .eps = 1e-20f },
    .tensor = {
        TR_ENDS, [TR_ATTN_NORM] = TR_MUST,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_MAMBA2, [TR_SSM_NORM] = TR_MUST,
        [TR_ROUTER] = TR_MUST, [TR_CHOICE_BIAS] = TR_MUST, [TR_UP_EXPERTS] = TR_MUST,
        [TR_DOWN_EXPERTS] = TR_MUST, [TR_UP_SHARED] = TR_MUST, [TR_DOWN_SHARED] = TR_MUST,
    },
};
