/* SPDX-License-Identifier: MIT
 *
 * LFM2 and LFM2.5 (Liquid AI 2025): most blocks have a gated short convolution in place of
 * attention; the others are those of Qwen3.  Blocks without key/value heads are the former.
 * The last norm is stored under the name of one of the token table.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_lfm2 = {
    .name = "lfm2",
    .eps_key = TR_EPS_RMS,
    .keys = TR_KEYS_SHORTCONV,
    .norm = tr__arch_rms_norm,
    .output_norm = TR_TOKEN_EMBD_NORM,
    .without_kv = &tr__mixer_shortconv,
    .activation = tr_swiglu,
    .rope = TR_ROPE_NEOX,
    .tensor = {
        [TR_TOKEN_EMBD] = TR_MUST, [TR_TOKEN_EMBD_NORM] = TR_MUST, [TR_OUTPUT] = TR_MAY,
        TR_PRE_NORMS, TR_ATTENTION, TR_QK_NORMS, TR_GATED_MLP,
        [TR_SHORTCONV_IN] = TR_MUST, [TR_SHORTCONV_CONV] = TR_MUST,
        [TR_SHORTCONV_OUT] = TR_MUST,
    },
};
