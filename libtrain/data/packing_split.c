/* SPDX-License-Identifier: MIT
 *
 * Which documents are for validation.  Of each stratum, the documents of one group in one
 * set, one in every 1 / p is: without a table, so a stream of any length is divided while it
 * is read.  Seed 0 takes them at even distances, and begins each stratum at another place of
 * such a distance, so that many small ones give their share together; any other seed takes
 * one of each such stretch by chance.
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

/* Document i is one if that brings their number to i * p, rounded at `phase`.  Those of the
 * first stratum are rounded at 1 / 2, the others at multiples of the golden ratio from there,
 * which no few of them lie near to each other. */
static int evenly(const struct tr__split *s, const struct tr__stratum *x)
{
    double phase = fmod(0.5 + 0.6180339887498949 * (double)(x - s->stratum), 1);
    return floor((double)(x->n + 1) * s->p + phase) > floor((double)x->n * s->p + phase);
}

/* The first document of stretch b. */
static double stretch(double b, double p)
{
    return floor(b / p + 0.5);
}

/* Each stretch has one; p is at most 1 / 2, so none is empty. */
static int by_chance(const struct tr__split *s, const struct tr__stratum *x, double p)
{
    double i = (double)x->n, b = floor(i * p);

    while (b > 0 && stretch(b, p) > i)
        b--;
    while (stretch(b + 1, p) <= i)
        b++;
    struct tr_rng r = tr_rng_init(s->seed ^ x->key, (uint64_t)b);
    double first = stretch(b, p), n = stretch(b + 1, p) - first;
    return first + (double)tr_rng_below(&r, (uint64_t)n) == i;
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
    int val = s->seed ? by_chance(s, x, flip ? 1 - s->p : s->p) : evenly(s, x);
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
