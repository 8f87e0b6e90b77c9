/* SPDX-License-Identifier: MIT
 *
 * What descriptions of architectures have in common: the two kinds of norm, MLPs without a
 * gate, and lists of tensors that belong together.
 */
#ifndef LIBTRAIN_MODEL_ARCHS_H
#define LIBTRAIN_MODEL_ARCHS_H

#include <libtrain/model/model.h>

#define TR_EPS_RMS "attention.layer_norm_rms_epsilon"
#define TR_EPS_LAYER "attention.layer_norm_epsilon"

/* tr_rms_norm as a norm of an architecture: a bias it has not. */
struct tr_tensor *tr__arch_rms_norm(struct tr_tape *tp, struct tr_tensor *x,
                                    struct tr_tensor *w, struct tr_tensor *b, float eps);

/* gelu(up) in its tanh form and exactly, max(up, 0)^2: MLPs without a gate. */
struct tr_tensor *tr__arch_gelu(struct tr_tape *tp, struct tr_tensor *gate,
                                struct tr_tensor *up);
struct tr_tensor *tr__arch_gelu_erf(struct tr_tape *tp, struct tr_tensor *gate,
                                    struct tr_tensor *up);
struct tr_tensor *tr__arch_relu2(struct tr_tape *tp, struct tr_tensor *gate,
                                 struct tr_tensor *up);

/* gpt-oss's: tr_swiglu_clamped with its numbers. */
struct tr_tensor *tr__arch_swiglu_clamped(struct tr_tape *tp, struct tr_tensor *gate,
                                          struct tr_tensor *up);

/* ---- lists of tensors ------------------------------------------------------------- */

/* token table, last norm, an output matrix that may be the table */
#define TR_ENDS                                                                          \
    [TR_TOKEN_EMBD] = TR_MUST, [TR_OUTPUT_NORM] = TR_MUST, [TR_OUTPUT] = TR_MAY

/* factors of rope for contexts of two lengths */
#define TR_LONGROPE [TR_ROPE_FACTORS_LONG] = TR_MAY, [TR_ROPE_FACTORS_SHORT] = TR_MAY

/* q, k and v in three matrices or in one, and the matrix behind attention */
#define TR_ATTENTION                                                                     \
    [TR_ATTN_QKV] = TR_MAY, [TR_ATTN_Q] = TR_MUST, [TR_ATTN_K] = TR_MUST,                \
    [TR_ATTN_V] = TR_MUST, [TR_ATTN_OUT] = TR_MUST

#define TR_QKV_BIASES(need)                                                              \
    [TR_ATTN_QKV_BIAS] = TR_MAY, [TR_ATTN_Q_BIAS] = need, [TR_ATTN_K_BIAS] = need,       \
    [TR_ATTN_V_BIAS] = need

#define TR_QK_NORMS [TR_ATTN_Q_NORM] = TR_MUST, [TR_ATTN_K_NORM] = TR_MUST

/* norms before attention and MLP */
#define TR_PRE_NORMS [TR_ATTN_NORM] = TR_MUST, [TR_FFN_NORM] = TR_MUST

/* biases of layer norms: of the last one, of those before attention and MLP */
#define TR_LAST_BIAS [TR_OUTPUT_NORM_BIAS] = TR_MUST
#define TR_PRE_BIASES [TR_ATTN_NORM_BIAS] = TR_MUST, [TR_FFN_NORM_BIAS] = TR_MUST

/* and behind them */
#define TR_POST_NORMS [TR_ATTN_POST_NORM] = TR_MUST, [TR_FFN_POST_NORM] = TR_MUST

#define TR_GATED_MLP                                                                     \
    [TR_FFN_GATE] = TR_MUST, [TR_FFN_UP] = TR_MUST, [TR_FFN_DOWN] = TR_MUST

/* a router and the experts that it chooses from, each gated */
#define TR_GATED_EXPERTS                                                                 \
    [TR_ROUTER] = TR_MUST, [TR_GATE_EXPERTS] = TR_MUST, [TR_UP_EXPERTS] = TR_MUST,       \
    [TR_DOWN_EXPERTS] = TR_MUST

/* and one that all see, behind a gate of its own */
#define TR_SHARED_EXPERT                                                                 \
    TR_SHARED_MLP, [TR_SHARED_GATE] = TR_MUST

/* without a gate on what it gives */
#define TR_SHARED_MLP                                                                    \
    [TR_GATE_SHARED] = TR_MUST, [TR_UP_SHARED] = TR_MUST, [TR_DOWN_SHARED] = TR_MUST

/* a gated delta net */
#define TR_DELTA                                                                         \
    [TR_DELTA_QKV] = TR_MUST, [TR_DELTA_GATE] = TR_MUST, [TR_DELTA_CONV] = TR_MUST,      \
    [TR_DELTA_ALPHA] = TR_MUST, [TR_DELTA_DT_BIAS] = TR_MUST, [TR_DELTA_A] = TR_MUST,    \
    [TR_DELTA_BETA] = TR_MUST, [TR_DELTA_NORM] = TR_MUST, [TR_DELTA_OUT] = TR_MUST

/* Mamba-2 but for its norm */
#define TR_MAMBA2                                                                        \
    [TR_SSM_IN] = TR_MUST, [TR_SSM_CONV] = TR_MUST, [TR_SSM_CONV_BIAS] = TR_MAY,         \
    [TR_SSM_DT_BIAS] = TR_MUST, [TR_SSM_A] = TR_MUST, [TR_SSM_D] = TR_MUST,              \
    [TR_SSM_OUT] = TR_MUST

#define TR_GATED_MLP_BIASES(need) [TR_FFN_GATE_BIAS] = need, TR_PLAIN_MLP_BIASES(need)

#define TR_PLAIN_MLP [TR_FFN_UP] = TR_MUST, [TR_FFN_DOWN] = TR_MUST
#define TR_PLAIN_MLP_BIASES(need) [TR_FFN_UP_BIAS] = need, [TR_FFN_DOWN_BIAS] = need

#endif
