/* SPDX-License-Identifier: MIT
 *
 * Qwen3 (Yang et al. 2025): llama with a norm of each head of q and k before rope.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_qwen3 = {
    .name = "qwen3",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION, TR_QK_NORMS,
        TR_GATED_MLP,
    },
};
