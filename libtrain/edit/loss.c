/* SPDX-License-Identifier: MIT
 *
 * What packing takes from numbers, as it goes on: every eighth piece is unpacked again,
 * which tells the error to a few thousandths and costs next to nothing beside packing.
 * Next: slab.c.
 */
#include <libtrain/edit/edit.h>

/* Numbers, multiples of every block. */
enum { PIECE = 1 << 11, EVERY = 8, MAX_PART = 1 << 9 };

static struct tr__loss of_piece(const struct tr__numbers *x, const struct tr_dtype *to,
                                const void *packed, int64_t at)
{
    _Alignas(64) float a[PIECE], b[PIECE];
    struct tr__loss loss = { 0 };
    loss.n = x->n - at < PIECE ? x->n - at : PIECE;
    const char *before = (const char *)x->data + at / x->type->block * x->type->bytes;
    const char *after = (const char *)packed + at / to->block * to->bytes;
    x->type->to_f32(before, a, loss.n);
    to->to_f32(after, b, loss.n);
    for (int64_t i = 0; i < loss.n; i++) {
        double d = (double)a[i] - (double)b[i];
        loss.square += d * d;
        loss.power += (double)a[i] * (double)a[i];
    }
    return loss;
}

/* Parts are added in their order, so that the sum does not depend on the threads. */
void tr__loss_add(struct tr__loss *loss, const struct tr__numbers *x,
                  const struct tr_dtype *to, const void *packed)
{
    struct tr__loss part[MAX_PART];
    int64_t step = (int64_t)PIECE * EVERY, n = (x->n + step - 1) / step;
    if (x->type == to || !x->type->to_f32 || !to->to_f32)
        return;
    if (n > MAX_PART)
        n = MAX_PART;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        part[i] = of_piece(x, to, packed, i * step);
    for (int64_t i = 0; i < n; i++) {
        loss->square += part[i].square;
        loss->power += part[i].power;
        loss->n += part[i].n;
    }
}
