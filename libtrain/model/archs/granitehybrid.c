/* SPDX-License-Identifier: MIT
 *
 * Granite 4 H (IBM 2025): Granite with Mamba-2 in place of attention in most blocks, mostly
 * without rope; the larger ones have experts and one more that all positions see.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_granitehybrid = {
    .name = "granitehybrid",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_SCALES | TR_KEYS_SSM | TR_KEYS_ROPE_SWITCH | TR_KEYS_EXPERTS |
            TR_KEYS_SHARED,
    .without_kv = &tr__mixer_mamba2,
    .activation = tr_swiglu,
    .experts = { .gating = &tr_gating_softmax, .normalise = 1 },
    .rope = TR_ROPE_PAIRS,
    .logits_divided = 1,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION, TR_MAMBA2, [TR_SSM_NORM] = TR_MUST,
        TR_GATED_MLP, TR_GATED_EXPERTS, TR_SHARED_MLP,
    },
};
