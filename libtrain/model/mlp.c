/* SPDX-License-Identifier: MIT
 *
 * The MLP of a block, from its normed rows to what its last matrix takes: gated or not.
 */
#include <libtrain/model/decoder.h>

struct tr_tensor *tr__mlp(const struct tr__decoder *d, struct tr_tensor *x)
{
    struct tr_tensor *gate = NULL;
    if (tr__tensor(d, TR_FFN_GATE))
        gate = tr__project(d, x, TR_FFN_GATE, TR_FFN_GATE_BIAS, NULL);
    struct tr_tensor *up = tr__project(d, x, TR_FFN_UP, TR_FFN_UP_BIAS, NULL);
    return d->m->arch->activation(d->tp, gate, up);
}
