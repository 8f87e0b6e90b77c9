/* SPDX-License-Identifier: MIT
 *
 * Drawing the next token.  A vocabulary is long and few of it are wanted: the likeliest are
 * taken from a heap of few candidates, and it is never sorted.  generate.c draws.
 */
#include <libtrain/generate.h>

#include <math.h>

/* Whether a comes before b: the likelier, of equals the one with the lower id. */
static int is_before(const struct tr_candidate *a, const struct tr_candidate *b)
{
    return a->p != b->p ? a->p > b->p : a->id < b->id;
}

/* Let candidate i of a heap, whose first is at [0], sink to where it belongs. */
static void sink(struct tr_candidate *c, int64_t n, int64_t i)
{
    struct tr_candidate sinking = c[i];
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(&c[child + 1], &c[child]))
            child++;
        if (!is_before(&c[child], &sinking))
            break;
        c[i] = c[child];
    }
    c[i] = sinking;
}

static void make_heap(struct tr_candidate *c, int64_t n)
{
    for (int64_t i = n / 2; i-- > 0;)
        sink(c, n, i);
}

/* Move the first of a heap of n behind the n - 1 others. */
static struct tr_candidate *take(struct tr_candidate *c, int64_t n)
{
    struct tr_candidate first = c[0];
    c[0] = c[n - 1];
    c[n - 1] = first;
    sink(c, n - 1, 0);
    return &c[n - 1];
}

/* Logits whose largest is looked for at once. */
enum { CHUNK = 32 };

static float largest(const float *logit)
{
    float max = -INFINITY;
#pragma omp simd reduction(max : max)
    for (int i = 0; i < CHUNK; i++)
        max = logit[i] > max ? logit[i] : max;
    return max;
}

/* Fill c with candidates among which are the top k of n (0: all n); returns how many.  At
 * least k logits are no less than the k-th of the chunks' largest, and hardly more are, so
 * the heap is made of few. */
static int64_t gather(const float *logit, int64_t n, int64_t k, struct tr_candidate *c)
{
    int64_t n_chunk = n / CHUNK, gathered = 0;
    float least = -INFINITY;
    if (k && k < n_chunk) {
        for (int64_t i = 0; i < n_chunk; i++)
            c[i] = (struct tr_candidate){ largest(logit + i * CHUNK), (int32_t)i };
        make_heap(c, n_chunk);
        for (int64_t i = 0; i < k; i++)
            least = take(c, n_chunk - i)->p;
    }
    for (int64_t i = 0; i < n; i++)
        if (!(logit[i] < least)) /* a NaN stays, so there is always one */
            c[gathered++] = (struct tr_candidate){ logit[i], (int32_t)i };
    return gathered;
}

static int32_t likeliest(const float *logit, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (logit[i] > logit[best])
            best = i;
    return (int32_t)best;
}

/* From a heap of n, take the top k and of these the least number whose probability reaches
 * top_p; returns how many these are, and their sum.  They lie at the end of c, the
 * likeliest last.  A vocabulary is long and few are wanted, so it is never sorted. */
static int64_t cut(const struct tr_sampling *o, struct tr_candidate *c, int64_t n,
                   double *sum)
{
    int64_t k = o->top_k && o->top_k < n ? o->top_k : n, taken = 0, i = 0;
    float top = c[0].p, temp = (float)o->temp;
    double all = 0, kept = 0;
    if (k == n)
        for (int64_t j = 0; j < n; j++)
            all += (double)expf((c[j].p - top) / temp);
    else
        for (; taken < k; taken++)
            all += (double)expf((take(c, n - taken)->p - top) / temp);
    for (; i < k && (!i || kept < o->top_p * all); i++) {
        if (i == taken)
            take(c, n - taken++);
        struct tr_candidate *next = &c[n - 1 - i];
        kept += (double)(next->p = expf((next->p - top) / temp));
    }
    *sum = kept;
    return i;
}

int32_t tr_sample(const struct tr_sampling *o, const float *logit, int64_t n,
                  struct tr_candidate *c, struct tr_rng *rng)
{
    if (o->temp == 0)
        return likeliest(logit, n);
    n = gather(logit, n, o->top_k, c);
    make_heap(c, n);
    double sum;
    int64_t n_kept = cut(o, c, n, &sum);
    double at = (double)tr_rng_uniform(rng) * sum;
    for (int64_t i = 1; i < n_kept; i++)
        if ((at -= (double)c[n - i].p) < 0)
            return c[n - i].id;
    return c[n - n_kept].id;
}
