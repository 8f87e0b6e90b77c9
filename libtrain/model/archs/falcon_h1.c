/* SPDX-License-Identifier: MIT
 *
 * Falcon-H1 (Zuo et al. 2025): every block has attention and Mamba-2 side by side.  The
 * factors of its parametrisation are in the weights of a file already.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_falcon_h1 = {
    .name = "falcon-h1",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_SSM,
    .mlp_norm = TR_FFN_NORM_BARE,
    .with_kv = &tr__mixer_hybrid,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, [TR_ATTN_NORM] = TR_MUST, [TR_FFN_NORM_BARE] = TR_MUST,
        TR_ATTENTION, TR_QKV_BIASES(TR_MAY), TR_MAMBA2, [TR_SSM_NORM] = TR_MAY,
        TR_GATED_MLP, TR_GATED_MLP_BIASES(TR_MAY),
    },
};
