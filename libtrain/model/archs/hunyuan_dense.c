/* SPDX-License-Identifier: MIT
 *
 * Hunyuan (Tencent 2025): llama with a norm of each head of q and k behind rope.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_hunyuan_dense = {
    .name = "hunyuan-dense",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .qk_norm_late = 1,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION, TR_QK_NORMS,
        TR_GATED_MLP,
    },
};
