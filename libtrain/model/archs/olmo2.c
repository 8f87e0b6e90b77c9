/* SPDX-License-Identifier: MIT
 *
 * OLMo 2 (OLMo Team 2024): norms behind attention and MLP only, and of all of q and of k.
 * Olmo 3: a window in three of four blocks, which rope without scaling.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_olmo2 = {
    .name = "olmo2",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_WINDOW,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .qk_norm_whole = 1,
    .window_period = 4,
    .window_rope_plain = 1,
    .tensor = {
        TR_ENDS, TR_POST_NORMS,
        TR_ATTENTION, TR_QK_NORMS,
        TR_GATED_MLP,
    },
};
