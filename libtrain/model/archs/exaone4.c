/* SPDX-License-Identifier: MIT
 *
 * EXAONE 4 (LG AI Research 2025): norms behind attention and MLP only, and of each head of q
 * and k.  The large one has a window in three of four blocks, and rope only there.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_exaone4 = {
    .name = "exaone4",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_WINDOW,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .rope_where = TR_ROPE_WINDOWED,
    .window_period = 4,
    .tensor = {
        TR_ENDS, [TR_ROPE_FREQS] = TR_MAY, TR_POST_NORMS,
        TR_ATTENTION, TR_QK_NORMS,
        TR_GATED_MLP,
    },
};
