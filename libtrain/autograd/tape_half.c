/* SPDX-License-Identifier: MIT
 *
 * Results that wait for backward as F16, where the caller asked for half the memory.  They
 * are made as f32 in the memory of their segment, put away when it ends and fetched when the
 * reverse sweep comes to it, so that operations never see anything but f32.
 */
#include <libtrain/quants/quants.h>
#include <libtrain/autograd/tape.h>

enum { PIECE = 1 << 14 }; /* numbers that a thread converts at once */

int tr__wants_half(const struct tr_tape *tp, const struct tr_tensor *t)
{
    return tp->keep_half && tp->mode == TR_TAPE_TRAIN && tr_tensor_count(t) > 1;
}

void tr__make_half(struct tr_tape *tp, struct tr_tensor *t)
{
    t->is_half = 1;
    t->half = tr_arena_array(&tp->kept, (size_t)tr_tensor_count(t), sizeof *t->half);
}

static void to_half(const float *x, uint16_t *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float v = x[i] > 65504.0f ? 65504.0f : x[i];
        y[i] = tr__f32_to_f16(v < -65504.0f ? -65504.0f : v);
    }
}

void tr__put_away(const struct tr_tape *tp, const struct tr_tensor *t)
{
    int64_t n = tp->planning || tr__tape_failed(tp) ? 0 : tr_tensor_count(t);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i += PIECE)
        to_half((const float *)t->data + i, t->half + i, n - i < PIECE ? n - i : PIECE);
}

void tr__fetch(struct tr_tape *tp, struct tr_tensor *t)
{
    t->data = tr_arena_alloc(&tp->segment, tr__tape_bytes(t));
    int64_t n = tp->planning || tr__tape_failed(tp) ? 0 : tr_tensor_count(t);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i += PIECE)
        tr_f16.to_f32(t->half + i, (float *)t->data + i, n - i < PIECE ? n - i : PIECE);
}
