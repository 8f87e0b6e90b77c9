/* SPDX-License-Identifier: MIT
 *
 * Gemma 2 (Gemma Team 2024): gemma with norms behind attention and MLP too, soft caps of
 * scores and logits, and a window in every other block.  The model of 46 blocks scales scores
 * by the width of the model.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_gemma2 = {
    .name = "gemma2",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_CAPS | TR_KEYS_WINDOW,
    .activation = tr_geglu,
    .rope = TR_ROPE_NEOX,
    .window_period = 2,
    .embd_scale_sqrt = 1,
    .wide_heads_layers = 46,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS, TR_POST_NORMS,
        TR_ATTENTION,
        TR_GATED_MLP,
    },
};
