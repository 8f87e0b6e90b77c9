/* SPDX-License-Identifier: MIT
 *
 * Frequent substrings of words.  All suffixes of all words are sorted, so that those with a
 * common beginning lie side by side; a beginning that as many share as share no longer one
 * is a node of the suffix tree, and one pass with a stack visits these (Abouelhoda, Kurtz
 * and Ohlebusch 2004).  Words come once each, with their counts as weights.
 *
 * Suffixes are looked at no further than a token may be long, so sorting by symbols, one
 * after the other (Bentley and Sedgewick 1997), is fast enough.
 */
#include <libtrain/vocabulary/pieces.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

struct suffix {
    size_t at; /* in words->sym */
    uint32_t n; /* symbols, no more than the longest token has */
    uint32_t word;
};

struct sorting {
    const uint32_t *sym;
    struct suffix *s;
};

/* ---- sorting ------------------------------------------------------------------------ */

/* 0 where the suffix has ended. */
static uint64_t key(const struct sorting *x, const struct suffix *s, uint32_t depth)
{
    return depth < s->n ? (uint64_t)x->sym[s->at + depth] + 1 : 0;
}

static void swap(struct suffix *a, struct suffix *b)
{
    struct suffix c = *a;
    *a = *b;
    *b = c;
}

/* [from, *less) is below the middle one at this depth, [*more, to) above. */
static uint64_t part(const struct sorting *x, size_t from, size_t to, uint32_t depth,
                     size_t *less, size_t *more)
{
    uint64_t middle = key(x, &x->s[from + (to - from) / 2], depth);
    size_t lo = from, hi = to;
    for (size_t i = from; i < hi;) {
        uint64_t k = key(x, &x->s[i], depth);
        if (k < middle)
            swap(&x->s[lo++], &x->s[i++]);
        else if (k > middle)
            swap(&x->s[i], &x->s[--hi]);
        else
            i++;
    }
    *less = lo;
    *more = hi;
    return middle;
}

/* As deep as a token is long, and for each symbol as the logarithm of what is left: the
 * larger part is done in the loop. */
static void sort(const struct sorting *x, size_t from, size_t to, uint32_t depth)
{
    while (to - from > 1) {
        size_t less, more;
        uint64_t middle = part(x, from, to, depth, &less, &more);
        if (middle)
            sort(x, less, more, depth + 1);
        if (less - from < to - more) {
            sort(x, from, less, depth);
            from = more;
        } else {
            sort(x, more, to, depth);
            to = less;
        }
    }
}

static struct suffix *suffixes(const struct tr__words *w, uint32_t longest, size_t *n)
{
    size_t k = 0;
    struct suffix *s = malloc((w->n_sym + 1) * sizeof *s);
    for (size_t i = 0; s && i < w->n; i++)
        for (uint32_t j = 0; j < w->word[i].n; j++) {
            uint32_t left = w->word[i].n - j;
            s[k++] = (struct suffix){ w->word[i].start + j, left < longest ? left : longest,
                                      (uint32_t)i };
        }
    *n = k;
    return s;
}

/* ---- nodes -------------------------------------------------------------------------- */

struct branch {
    uint32_t depth;
    uint64_t count;
    size_t at;
};

struct visit {
    struct branch *open; /* (n) each inside of the one before */
    size_t n, cap;
    const uint32_t *sym;
    struct tr__pieces *to;
};

static int push(struct visit *v, uint32_t depth, uint64_t count, size_t at)
{
    if (v->n && v->open[v->n - 1].depth == depth) {
        v->open[v->n - 1].count += count;
        return 0;
    }
    if (tr__grow(&v->open, &v->cap, v->n + 1, sizeof *v->open))
        return -1;
    v->open[v->n++] = (struct branch){ depth, count, at };
    return 0;
}

static int add(struct visit *v, const struct branch *b)
{
    struct tr__pieces *p = v->to;
    if (b->depth < 2 || b->count < 2)
        return 0;
    if (tr__grow(&p->at, &p->cap, p->n + 1, sizeof *p->at))
        return -1;
    p->at[p->n++] = (struct tr__piece){ v->sym + b->at, b->depth,
                                        (double)b->count * b->depth };
    return 0;
}

/* What comes next shares `depth` symbols with what came last. */
static int close_to(struct visit *v, uint32_t depth)
{
    uint64_t count = 0;
    size_t at = 0;
    while (v->n && v->open[v->n - 1].depth > depth) {
        struct branch *b = &v->open[--v->n];
        b->count += count;
        if (add(v, b))
            return -1;
        count = b->count;
        at = b->at;
    }
    return depth && count ? push(v, depth, count, at) : 0;
}

static uint32_t common(const uint32_t *sym, const struct suffix *a, const struct suffix *b)
{
    uint32_t n = 0;
    while (n < a->n && n < b->n && sym[a->at + n] == sym[b->at + n])
        n++;
    return n;
}

static int visit_all(const struct tr__words *w, const struct suffix *s, size_t n,
                     struct tr__pieces *to)
{
    struct visit v = { .sym = w->sym, .to = to };
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = push(&v, s[i].n, w->word[s[i].word].count, s[i].at);
        if (!rc)
            rc = close_to(&v, i + 1 < n ? common(w->sym, &s[i], &s[i + 1]) : 0);
    }
    free(v.open);
    return rc;
}

/* ---- the most frequent -------------------------------------------------------------- */

static int by_score(const void *x, const void *y)
{
    const struct tr__piece *a = x, *b = y;
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    uint32_t n = a->n < b->n ? a->n : b->n;
    for (uint32_t i = 0; i < n; i++)
        if (a->sym[i] != b->sym[i])
            return a->sym[i] < b->sym[i] ? -1 : 1;
    return a->n < b->n ? -1 : a->n > b->n;
}

int tr__pieces_frequent(const struct tr__words *words, uint32_t longest, size_t most,
                        struct tr__pieces *p, struct tr_err *err)
{
    size_t n, before = p->n;
    struct suffix *s = suffixes(words, longest, &n);
    int rc = s ? 0 : -1;
    if (!rc) {
        sort(&(struct sorting){ words->sym, s }, 0, n, 0);
        rc = visit_all(words, s, n, p);
    }
    free(s);
    if (rc)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu places in words",
                          words->n_sym);
    qsort(p->at + before, p->n - before, sizeof *p->at, by_score);
    p->n = p->n - before > most ? before + most : p->n;
    return 0;
}
