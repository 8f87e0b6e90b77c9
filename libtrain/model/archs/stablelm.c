/* SPDX-License-Identifier: MIT
 *
 * StableLM 2 (Bellagente et al. 2024): llama with layer norm, biases of q, k and v, rope on a
 * quarter of a head.  The large one is parallel.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_stablelm = {
    .name = "stablelm",
    .eps_key = TR_EPS_LAYER,
    .norm = tr_layer_norm,
    .keys = TR_KEYS_PARALLEL,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, TR_LAST_BIAS,
        [TR_ATTN_NORM] = TR_MUST, [TR_ATTN_NORM_BIAS] = TR_MUST,
        [TR_FFN_NORM] = TR_MAY, [TR_FFN_NORM_BIAS] = TR_MAY,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY),
        TR_GATED_MLP,
    },
};
