/* SPDX-License-Identifier: MIT
 *
 * Qwen3.5 and 3.6 (Qwen Team 2026): three of four blocks have a gated delta net in place of
 * attention; the others are those of Qwen3 with rope on a part of the head and a gate on
 * what attention gives.  The norm of the MLP is stored under the name of one behind
 * attention.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_qwen35 = {
    .name = "qwen35",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_SSM | TR_KEYS_RECURRENT | TR_KEYS_AHEAD,
    .norm = tr__arch_rms_norm,
    .mlp_norm = TR_ATTN_POST_NORM,
    .without_kv = &tr__mixer_delta,
    .attn_gate = 1,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        TR_ENDS, [TR_ATTN_NORM] = TR_MUST, [TR_ATTN_POST_NORM] = TR_MUST,
        [TR_ATTN_Q] = TR_MUST, [TR_ATTN_K] = TR_MUST, [TR_ATTN_V] = TR_MUST,
        [TR_ATTN_OUT] = TR_MUST, TR_QK_NORMS, TR_DELTA, TR_GATED_MLP,
    },
};
