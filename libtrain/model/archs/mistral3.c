/* SPDX-License-Identifier: MIT
 *
 * Ministral 3 and Mistral Small 3 (Mistral AI 2025): llama with yarn whose factor of scores
 * cancels, and queries that grow behind the original context.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_mistral3 = {
    .name = "mistral3",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_GROW,
    .activation = tr_swiglu,
    .rope = TR_ROPE_PAIRS,
    .tensor = {
        TR_ENDS, [TR_ROPE_FREQS] = TR_MAY, TR_LONGROPE, TR_PRE_NORMS,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_GATED_MLP,
    },
};
