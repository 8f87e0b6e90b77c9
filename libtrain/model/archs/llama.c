/* SPDX-License-Identifier: MIT
 *
 * The llama family (Touvron et al. 2023), which in GGUF also holds Mistral, Mixtral (Jiang
 * et al. 2024), SmolLM, TinyLlama and Llama 3: rope, RMS norm before attention and MLP, grouped heads, gated
 * silu; biases where a file has them.  llama.cpp's converter permutes q and k so that rope
 * turns pairs (2i, 2i + 1).
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_llama = {
    .name = "llama",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_EXPERTS,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .experts = { .gating = &tr_gating_softmax, .normalise = 1 },
    .rope = TR_ROPE_PAIRS,
    .tensor = {
        TR_ENDS, [TR_ROPE_FREQS] = TR_MAY, TR_LONGROPE, TR_PRE_NORMS,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_GATED_MLP, [TR_FFN_GATE_BIAS] = TR_MAY, [TR_FFN_UP_BIAS] = TR_MAY,
        [TR_FFN_DOWN_BIAS] = TR_MAY, TR_GATED_EXPERTS,
    },
};
