/* SPDX-License-Identifier: MIT
 *
 * Granite 3 and 4 (IBM 2024): llama with scales of embeddings, residuals, scores and logits.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_granite = {
    .name = "granite",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_SCALES | TR_KEYS_ROPE_SWITCH,
    .activation = tr_swiglu,
    .rope = TR_ROPE_PAIRS,
    .logits_divided = 1,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION,
        TR_GATED_MLP,
    },
};
