/* SPDX-License-Identifier: MIT
 *
 * Arcee Foundation Models (Arcee 2025): llama with squared relu without a gate.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_arcee = {
    .name = "arcee",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .activation = tr__arch_relu2,
    .rope = TR_ROPE_PAIRS,
    .tensor = {
        TR_ENDS, [TR_ROPE_FREQS] = TR_MAY, TR_PRE_NORMS,
        TR_ATTENTION,
        TR_PLAIN_MLP,
    },
};
