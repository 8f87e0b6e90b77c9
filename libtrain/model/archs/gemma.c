/* SPDX-License-Identifier: MIT
 *
 * Gemma (Gemma Team 2024): norms whose weight is stored with the 1 that it adds, rows of the
 * token table scaled by sqrt(n_embd), gated gelu.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_gemma = {
    .name = "gemma",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .activation = tr_geglu,
    .rope = TR_ROPE_NEOX,
    .embd_scale_sqrt = 1,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION,
        TR_GATED_MLP,
    },
};
