/* SPDX-License-Identifier: MIT
 *
 * Gemma 3 (Gemma Team 2025): gemma 2 with norms of each head of q and k in place of the caps,
 * and a window in five of six blocks, which have a base of rope of their own.  The model of
 * 62 blocks scales scores by the width of the model.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_gemma3 = {
    .name = "gemma3",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_CAPS | TR_KEYS_WINDOW,
    .activation = tr_geglu,
    .rope = TR_ROPE_NEOX,
    .window_period = 6,
    .window_rope_base = 10000,
    .window_rope_plain = 1,
    .embd_scale_sqrt = 1,
    .wide_heads_layers = 62,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS, TR_POST_NORMS,
        TR_ATTENTION, TR_QK_NORMS,
        TR_GATED_MLP,
    },
};
