/* SPDX-License-Identifier: MIT
 *
 * LFM2 with experts (Liquid AI 2025) in all blocks but the first ones, chosen with the help
 * of a bias that is not trained.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_lfm2moe = {
    .name = "lfm2moe",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_SHORTCONV | TR_KEYS_EXPERTS | TR_KEYS_EXPERT_FF | TR_KEYS_GATING,
    .norm = tr__arch_rms_norm,
    .output_norm = TR_TOKEN_EMBD_NORM,
    .without_kv = &tr__mixer_shortconv,
    .activation = tr_swiglu,
    .experts = { .gating = &tr_gating_sigmoid, .normalise = 1, .eps = 1e-6f },
    .rope = TR_ROPE_NEOX,
    .tensor = {
        [TR_TOKEN_EMBD] = TR_MUST, [TR_TOKEN_EMBD_NORM] = TR_MUST, [TR_OUTPUT] = TR_MAY,
        TR_PRE_NORMS, TR_ATTENTION, TR_QK_NORMS, TR_GATED_MLP,
        TR_GATED_EXPERTS, [TR_CHOICE_BIAS] = TR_MAY,
        [TR_SHORTCONV_IN] = TR_MUST, [TR_SHORTCONV_CONV] = TR_MUST,
        [TR_SHORTCONV_OUT] = TR_MUST,
    },
};
