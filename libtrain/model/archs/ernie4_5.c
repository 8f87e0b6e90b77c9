/* SPDX-License-Identifier: MIT
 *
 * ERNIE 4.5 (Baidu 2025), the dense models: llama with a head size of its own.
 */
#include <libtrain/model/archs/archs.h>

const struct tr_arch tr__arch_ernie4_5 = {
    .name = "ernie4_5",
    .eps_key = TR_EPS_RMS,
    .norm = tr__arch_rms_norm,
    .activation = tr_swiglu,
    .rope = TR_ROPE_PAIRS,
    .tensor = {
        TR_ENDS, TR_PRE_NORMS,
        TR_ATTENTION,
        TR_GATED_MLP,
    },
};
