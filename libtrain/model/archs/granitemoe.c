/* SPDX-License-Identifier: MIT
 *
 * Granite 3 with experts (IBM 2024), 1B-A400M and 3B-A800M, and the form with one more that
 * all positions see.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_granitemoe = {
    .name = "granitemoe",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_SCALES | TR_KEYS_EXPERTS | TR_KEYS_SHARED,
    .activation = tr_swiglu,
    .experts = { .gating = &tr_gating_softmax, .normalise = 1 },
    .rope = TR_ROPE_PAIRS,
    .logits_divided = 1,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION,
        TR_GATED_EXPERTS, TR_SHARED_MLP,
    },
};
