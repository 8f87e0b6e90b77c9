/* SPDX-License-Identifier: MIT
 *
 * Command R7B and Aya (Cohere 2024): attention and MLP side by side behind one layer norm
 * without bias, a window and rope in three of four blocks, logits scaled.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_cohere2 = {
    .name = "cohere2",
    .eps_key = TR_EPS_LAYER,
    .norm = tr_layer_norm,
    .keys = TR_KEYS_SCALES | TR_KEYS_WINDOW,
    .parallel = 1,
    .activation = tr_swiglu,
    .rope = TR_ROPE_PAIRS,
    .rope_where = TR_ROPE_WINDOWED,
    .window_period = 4,
    .tensor = {
        TR_ENDS,
        [TR_ATTN_NORM] = TR_MUST,
        TR_ATTENTION,
        TR_GATED_MLP,
    },
};
