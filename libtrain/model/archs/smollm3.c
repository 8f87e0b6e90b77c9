/* SPDX-License-Identifier: MIT
 *
 * SmolLM3 (Bakouch et al. 2025): llama without rope in every fourth block.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_smollm3 = {
    .name = "smollm3",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .rope = TR_ROPE_PAIRS,
    .rope_where = TR_ROPE_NOT_EVERY_4TH,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION,
        TR_GATED_MLP,
    },
};
