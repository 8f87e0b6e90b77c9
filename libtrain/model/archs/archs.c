/* SPDX-License-Identifier: MIT
 *
 * Operations in the form in which an architecture names them (archs.h).
 */
#include <libtrain/model/archs/archs.h>

struct tr_tensor *tr__arch_rms_norm(struct tr_tape *tp, struct tr_tensor *x,
                                    struct tr_tensor *w, struct tr_tensor *b, float eps)
{
    (void)b;
    return tr_rms_norm(tp, x, w, eps);
}

struct tr_tensor *tr__arch_gelu(struct tr_tape *tp, struct tr_tensor *gate,
                                struct tr_tensor *up)
{
    (void)gate;
    return tr_gelu(tp, up);
}

struct tr_tensor *tr__arch_gelu_erf(struct tr_tape *tp, struct tr_tensor *gate,
                                    struct tr_tensor *up)
{
    (void)gate;
    return tr_gelu_erf(tp, up);
}

struct tr_tensor *tr__arch_relu2(struct tr_tape *tp, struct tr_tensor *gate,
                                 struct tr_tensor *up)
{
    (void)gate;
    return tr_relu2(tp, up);
}

struct tr_tensor *tr__arch_swiglu_clamped(struct tr_tape *tp, struct tr_tensor *gate,
                                          struct tr_tensor *up)
{
    return tr_swiglu_clamped(tp, gate, up, 1.702f, 7);
}
