/* SPDX-License-Identifier: MIT
 *
 * Which documents are for validation.  Of each stratum, the documents of one group in one
 * set, one in every 1 / p is: without a table, so a stream of any length is divided while it
 * is read.  Seed 0 takes them at even distances; any other takes one of each such stretch by
 * chance.
 */
#include <libtrain/data/packing.h>
#include <libtrain/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void tr__split_init(struct tr__split *s, double p, uint64_t seed, uint64_t set)
{
    /* no set has the numbers of another */
    *s = (struct tr__split){ .p = p, .seed = seed ? seed + 0x9e3779b97f4a7c15u * set : 0 };
}

/* Document i is one if that brings their number to i * p, rounded. */
static int evenly(uint64_t i, double p)
{
    return floor((double)(i + 1) * p + 0.5) > floor((double)i * p + 0.5);
}

/* Stretch b of 1 / p documents has one at (b + u) / p; p is at most 1 / 2, so no two
 * stretches meet in one. */
static int by_chance(const struct tr__split *s, const struct tr__stratum *x, double p)
{
    double first = floor((double)x->n * p) - 1;

    for (double b = first < 0 ? 0 : first; b <= first + 2; b++) {
        struct tr_rng r = tr_rng_init(s->seed ^ x->key, (uint64_t)b);
        double u = (double)(tr_rng_u64(&r) >> 11) * 0x1p-53;
        if (floor((b + u) / p) == (double)x->n)
            return 1;
    }
    return 0;
}

static struct tr__stratum *stratum_of(struct tr__split *s, const char *group,
                                      struct tr_err *err)
{
    const char *name = group ? group : "";
    size_t i = tr__names_find(&s->by_name, s->stratum, sizeof *s->stratum, name);

    if (i != TR__NO_NAME)
        return &s->stratum[i];
    char *copy = strdup(name);
    if (copy && !tr__grow(&s->stratum, &s->cap, s->n + 1, sizeof *s->stratum)) {
        s->stratum[s->n] = (struct tr__stratum){ .name = copy,
                                                 .key = XXH3_64bits(name, strlen(name)) };
        if (!tr__names_add(&s->by_name, s->stratum, sizeof *s->stratum))
            return &s->stratum[s->n++];
    }
    free(copy);
    tr_err_set(err, TR_ENOMEM, "out of memory for %zu groups", s->n + 1);
    return NULL;
}

int tr__split_next(struct tr__split *s, const char *group, struct tr_err *err)
{
    if (s->p <= 0)
        return 0;
    struct tr__stratum *x = stratum_of(s, group, err);
    if (!x)
        return TR_ENOMEM;
    int flip = s->seed && s->p > 0.5;
    int val = s->seed ? by_chance(s, x, flip ? 1 - s->p : s->p) : evenly(x->n, s->p);
    x->n++;
    return val != flip;
}

void tr__split_release(struct tr__split *s)
{
    for (size_t i = 0; i < s->n; i++)
        free((char *)(uintptr_t)s->stratum[i].name);
    free(s->stratum);
    tr__names_release(&s->by_name);
    *s = (struct tr__split){ 0 };
}
