/* SPDX-License-Identifier: MIT
 *
 * InternLM 2 and 2.5 (Shanghai AI Laboratory 2024): a llama whose q, k and v are one matrix
 * where it was made, and three in a GGUF.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_internlm2 = {
    .name = "internlm2",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .rope = TR_ROPE_PAIRS,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_GATED_MLP,
    },
};
