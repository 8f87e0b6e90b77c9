/* SPDX-License-Identifier: MIT
 *
 * OLMoE (Muennighoff et al. 2024): experts whose weights do not sum to 1, and norms of all
 * of q and of k.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_olmoe = {
    .name = "olmoe",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_EXPERTS,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .experts = { .gating = &tr_gating_softmax },
    .rope = TR_ROPE_NEOX,
    .qk_norm_whole = 1,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION, TR_QK_NORMS,
        TR_GATED_EXPERTS,
    },
};
