/* SPDX-License-Identifier: MIT
 *
 * GPT-NeoX and Pythia (Black et al. 2022; Biderman et al. 2023): attention and MLP side by side
 * with a layer norm each, one matrix for q, k and v, biases everywhere, exact gelu, rope on part
 * of a head.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_gptneox = {
    .name = "gptneox",
    .eps_key = TR_EPS_LAYER,
    .norm = tr_layer_norm,
    .keys = TR_KEYS_PARALLEL,
    .parallel = 1,
    .activation = tr__arch_gelu_erf,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_LAST_BIAS, TR_PRE_NORMS, TR_PRE_BIASES,
        [TR_ATTN_QKV] = TR_MUST, [TR_ATTN_QKV_BIAS] = TR_MUST,
        [TR_ATTN_OUT] = TR_MUST, [TR_ATTN_OUT_BIAS] = TR_MUST,
        TR_PLAIN_MLP, TR_PLAIN_MLP_BIASES(TR_MUST),
    },
};
