/* SPDX-License-Identifier: MIT
 *
 * The llama family (Touvron et al. 2023), which in GGUF also holds Mistral, SmolLM,
 * TinyLlama and Llama 3: rope, RMS norm before attention and MLP, grouped heads, gated
 * silu; biases where a file has them.  llama.cpp's converter permutes q and k so that rope
 * turns pairs (2i, 2i + 1).
 */
#include <libtrain/model/model.h>

static struct tr_tensor *rms_norm(struct tr_tape *tp, struct tr_tensor *x,
                                  struct tr_tensor *w, struct tr_tensor *b, float eps)
{
    (void)b;
    return tr_rms_norm(tp, x, w, eps);
}

const struct tr_arch tr__arch_llama = {
    .name = "llama",
    .eps_key = "attention.layer_norm_rms_epsilon",
    .norm = rms_norm,
    .activation = tr_swiglu,
    .rope = TR_ROPE_PAIRS,
    .tensor = {
        [TR_TOKEN_EMBD] = TR_MUST, [TR_OUTPUT_NORM] = TR_MUST, [TR_OUTPUT] = TR_MAY,
        [TR_ROPE_FREQS] = TR_MAY,
        [TR_ATTN_NORM] = TR_MUST, [TR_ATTN_QKV] = TR_MAY, [TR_ATTN_QKV_BIAS] = TR_MAY,
        [TR_ATTN_Q] = TR_MUST, [TR_ATTN_Q_BIAS] = TR_MAY,
        [TR_ATTN_K] = TR_MUST, [TR_ATTN_K_BIAS] = TR_MAY,
        [TR_ATTN_V] = TR_MUST, [TR_ATTN_V_BIAS] = TR_MAY,
        [TR_ATTN_OUT] = TR_MUST, [TR_ATTN_OUT_BIAS] = TR_MAY,
        [TR_FFN_NORM] = TR_MUST,
        [TR_FFN_GATE] = TR_MUST, [TR_FFN_GATE_BIAS] = TR_MAY,
        [TR_FFN_UP] = TR_MUST, [TR_FFN_UP_BIAS] = TR_MAY,
        [TR_FFN_DOWN] = TR_MUST, [TR_FFN_DOWN_BIAS] = TR_MAY,
    },
};
