/* SPDX-License-Identifier: MIT
 *
 * What a merge does: w + scale * b a, a piece of rows at a time, in f32.
 */
#include <libtrain/lora/pair.h>

#include <cblas.h>

void tr_lora_add_to(const struct tr_lora *l, const char *name, float user_scale, int64_t r0,
                    int64_t n, float *w)
{
    const struct tr_lora_pair *p = tr__lora_find(l, name);
    if (!p)
        return;
    int n_in = (int)p->a.dim[1];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, n_in, p->rank,
                tr__lora_scale(l, p, user_scale), (const float *)p->b.data + r0 * p->rank,
                p->rank, p->a.data, n_in, 1, w, n_in);
}
