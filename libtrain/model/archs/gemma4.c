/* SPDX-License-Identifier: MIT
 *
 * Gemma 4 (Google 2026): gemma 3 without a scale of scores and with values normed too;
 * heads are as wide as the kind of the block says, and only blocks that see all positions
 * have factors of rope.  Its small models give every block inputs of its own, and the last
 * blocks the keys and values of earlier ones.  Where a block has no matrix of values, keys
 * as they are before their norm stand in for them.  The model with experts has an MLP
 * beside them, and a norm for each.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_gemma4 = {
    .name = "gemma4",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .keys = TR_KEYS_CAPS | TR_KEYS_WINDOW | TR_KEYS_ACROSS | TR_KEYS_EXPERTS |
            TR_KEYS_EXPERT_FF,
    .activation = tr_geglu,
    .experts_beside = 1,
    .experts = { .gating = &tr_gating_softmax, .normalise = 1 },
    .v_norm = 1,
    .attn_scale = 1,
    .rope = TR_ROPE_NEOX,
    .window_period = 6,
    .window_rope_base = 10000,
    .window_rope_plain = 1,
    .embd_scale_sqrt = 1,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS, TR_POST_NORMS,
        [TR_ATTN_Q] = TR_MUST, [TR_ATTN_K] = TR_MUST, [TR_ATTN_V] = TR_MAY,
        [TR_ATTN_OUT] = TR_MUST, TR_QK_NORMS,
        TR_GATED_MLP,
        TR_GATED_EXPERTS, [TR_GATE_UP_EXPERTS] = TR_MAY, [TR_ROUTER_NORM] = TR_MUST,
        [TR_EXPERT_FACTOR] = TR_MAY, [TR_EXPERTS_NORM] = TR_MUST,
        [TR_EXPERTS_POST_NORM] = TR_MUST, [TR_BESIDE_POST_NORM] = TR_MUST,
        [TR_ROPE_FREQS] = TR_MAY, [TR_LAYER_SCALE] = TR_MAY,
        [TR_INPUTS_EMBD] = TR_MUST, [TR_INPUTS_PROJ] = TR_MUST, [TR_INPUTS_NORM] = TR_MUST,
        [TR_INPUT_GATE] = TR_MUST, [TR_INPUT_PROJ] = TR_MUST,
        [TR_INPUT_POST_NORM] = TR_MUST,
    },
};
