/* SPDX-License-Identifier: MIT
 *
 * What a teacher says of a row: the k likeliest ids, the likeliest first and of equals the
 * lower id, and the logarithms of probabilities.  They are found with a heap whose root is
 * the worst that is kept.  What all others have is added up of theirs, not 1 less the sum,
 * which would be rounding alone where k ids have nearly all.
 */
#include <libtrain/objective/objective.h>

static const double LEAST = -100; /* below what exp in f32 can hold */

static int is_better(const float *z, int32_t a, int32_t b)
{
    return z[a] > z[b] || (z[a] == z[b] && a < b);
}

/* The entry at `at` may be better than those below it. */
static void sift(const float *z, int32_t *heap, int64_t k, int64_t at)
{
    for (;;) {
        int64_t worst = at;
        for (int64_t child = 2 * at + 1; child <= 2 * at + 2 && child < k; child++)
            if (is_better(z, heap[worst], heap[child]))
                worst = child;
        if (worst == at)
            return;
        int32_t id = heap[at];
        heap[at] = heap[worst];
        heap[worst] = id;
        at = worst;
    }
}

static void find_top(const float *z, int64_t n, int32_t *heap, int64_t k)
{
    for (int64_t i = 0; i < k; i++)
        heap[i] = (int32_t)i;
    for (int64_t i = k / 2; i-- > 0;)
        sift(z, heap, k, i);
    for (int64_t i = k; i < n; i++)
        if (is_better(z, (int32_t)i, heap[0])) {
            heap[0] = (int32_t)i;
            sift(z, heap, k, 0);
        }
    for (int64_t left = k; left-- > 1;) { /* the worst goes last */
        int32_t id = heap[0];
        heap[0] = heap[left];
        heap[left] = id;
        sift(z, heap, left, 0);
    }
}

static double top_row(float *z, int64_t n, int32_t target, float scale, const double *option,
                      const struct tr_top *top)
{
    (void)scale, (void)option;
    float max = tr__row_max(z, n), at_target = z[target];
    find_top(z, n, top->id, top->k);
    for (int64_t i = 0; i < top->k; i++)
        top->log_p[i] = z[top->id[i]] - max;
    double log_sum = log(tr__row_exp(z, n, max));
    for (int64_t i = 0; i < top->k; i++) {
        top->log_p[i] = (float)fmax(LEAST, (double)top->log_p[i] - log_sum);
        z[top->id[i]] = 0;
    }
    double rest = tr__row_sum(z, n);
    top->log_p[top->k] = (float)(rest > 0 ? fmax(LEAST, log(rest) - log_sum) : LEAST);
    return log_sum + (double)max - (double)at_target;
}

const struct tr_loss_kind tr__loss_top = { .name = "top", .row_top = top_row };
