/* SPDX-License-Identifier: MIT
 *
 * MiniCPM 1B and 2B, MiniCPM 4 (OpenBMB 2024): a llama whose embeddings, blocks and logits
 * have factors, as granite's have.  Files from before llama.cpp had keys for them are refused,
 * since nothing says what they mean.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_minicpm = {
    .name = "minicpm",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_SCALES,
    .scales_must = 1,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .rope = TR_ROPE_PAIRS,
    .logits_divided = 1,
    .tensor = {
        TR_ENDS, [TR_ROPE_FREQS] = TR_MAY, TR_LONGROPE, TR_PRE_NORMS,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_GATED_MLP, TR_GATED_MLP_BIASES(TR_MAY),
    },
};
