/* SPDX-License-Identifier: MIT
 *
 * Phi-3 and Phi-4 (Abdin et al. 2024): llama with one matrix for q, k and v and one for gate
 * and up.  llama.cpp reads a window of these files and does not use it.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_phi3 = {
    .name = "phi3",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .fused_gate_up = 1,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_LONGROPE, TR_PRE_NORMS,
        TR_ATTENTION,
        TR_PLAIN_MLP,
    },
};
