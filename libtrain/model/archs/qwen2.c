/* SPDX-License-Identifier: MIT
 *
 * Qwen2 and Qwen2.5 (Yang et al. 2024): llama with biases on q, k and v.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_qwen2 = {
    .name = "qwen2",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION, TR_QKV_BIASES(TR_MUST), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_GATED_MLP,
    },
};
