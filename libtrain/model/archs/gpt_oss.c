/* SPDX-License-Identifier: MIT
 *
 * gpt-oss (OpenAI 2025): experts with biases behind a clamped gate, a window in every other
 * block, a sink in the softmax of every head, and yarn whose bounds are not rounded.  The
 * norm of the MLP is stored under the name of one behind attention.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_gpt_oss = {
    .name = "gpt-oss",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_WINDOW | TR_KEYS_EXPERTS | TR_KEYS_EXPERT_FF,
    .norm = tr__arch_rms_norm,
    .mlp_norm = TR_ATTN_POST_NORM,
    .activation = tr__arch_swiglu_clamped,
    .experts = { .gating = &tr_gating_softmax, .normalise = 1 },
    .window_period = 2,
    .rope = TR_ROPE_NEOX,
    .yarn_no_truncate = 1,
    .tensor = {
        TR_ENDS, [TR_ATTN_NORM] = TR_MUST, [TR_ATTN_POST_NORM] = TR_MUST,
        TR_ATTENTION, TR_QKV_BIASES(TR_MUST), [TR_ATTN_OUT_BIAS] = TR_MUST,
        [TR_ATTN_SINKS] = TR_MUST,
        TR_GATED_EXPERTS, [TR_ROUTER_BIAS] = TR_MUST, [TR_GATE_EXPERTS_BIAS] = TR_MUST,
        [TR_UP_EXPERTS_BIAS] = TR_MUST, [TR_DOWN_EXPERTS_BIAS] = TR_MUST,
    },
};
