/* SPDX-License-Identifier: MIT
 *
 * Nemotron-H and Nemotron Nano 2 (NVIDIA 2025): a block is Mamba-2, attention without rope,
 * or an MLP with squared relu, each with its norm and nothing else.  NVIDIA's code keeps the
 * steps of Mamba-2 above 0.001, or what the model's configuration says; a GGUF does not say
 * it, and llama.cpp does not do it either.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_nemotron_h = {
    .name = "nemotron_h",
    .eps_key = TR_EPS_RMS,
    .eps_key_else = TR_EPS_LAYER,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_SSM,
    .without_kv = &tr__mixer_mamba2,
    .mixer_alone = 1,
    .activation = tr__arch_relu2,
    .tensor = {
        TR_ENDS, [TR_ATTN_NORM] = TR_MUST,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY), [TR_ATTN_OUT_BIAS] = TR_MAY,
        TR_MAMBA2, [TR_SSM_NORM] = TR_MUST,
        TR_PLAIN_MLP, TR_PLAIN_MLP_BIASES(TR_MAY),
    },
};
