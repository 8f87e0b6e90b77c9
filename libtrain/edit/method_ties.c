/* SPDX-License-Identifier: MIT
 *
 * Trim, elect sign, merge (Yadav et al. 2023, "TIES-merging"): of each model's change of a
 * tensor only the largest stay, each number goes where the sum of those goes, and only models
 * that agree count in its mean.
 *
 * The least size that stays is found exactly and in little memory: sizes of floats are in the
 * order of their bits, so one pass counts upper halves, and the next one the lower halves of
 * those whose upper half is the right one.
 */
#include <libtrain/edit/method.h>

#include <string.h>

enum { LOW_BITS = 15, N_HIGH = 1 << 16, N_LOW = 1 << LOW_BITS };

struct sizes {
    uint64_t count[N_HIGH]; /* of upper halves, then of lower ones */
    uint64_t above;         /* numbers with a larger upper half */
    uint32_t high, least;   /* the upper half, and all, of the least that stays */
};

static size_t state_bytes(size_t n_model)
{
    return n_model * sizeof(struct sizes);
}

static uint32_t size_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits & 0x7fffffffu;
}

static void count(struct sizes *s, int pass, const float *model, const float *base, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = size_bits(model[i] - base[i]);
        if (!pass)
            s->count[bits >> LOW_BITS]++;
        else if (bits >> LOW_BITS == s->high)
            s->count[bits & (N_LOW - 1)]++;
    }
}

static void look(const struct tr__mixing *m, int pass, const struct tr__mixed *x)
{
    struct sizes *s = m->state;
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < m->args->n; k++)
        count(&s[k], pass, x->model[k], x->base, x->n);
}

/* Walk down to the half that holds the last of `wanted`, with `above` larger ones seen. */
static uint32_t walk(const struct sizes *s, uint32_t from, uint64_t wanted, uint64_t *above)
{
    uint32_t half = from;
    while (half > 0 && *above + s->count[half] < wanted)
        *above += s->count[half--];
    return half;
}

static void settle(const struct tr__mixing *m, int pass)
{
    struct sizes *s = m->state;
    uint64_t wanted = (uint64_t)(m->args->density * (double)m->count);
    wanted = wanted ? wanted : 1;
    for (size_t k = 0; k < m->args->n; k++) {
        if (!pass)
            s[k].high = walk(&s[k], N_HIGH - 1, wanted, &s[k].above);
        else
            s[k].least = s[k].high << LOW_BITS |
                         walk(&s[k], N_LOW - 1, wanted, &s[k].above);
        memset(s[k].count, 0, sizeof s[k].count);
    }
}

static void trim(const struct tr__mixing *m, size_t k, int64_t at, int64_t n, float *d)
{
    const struct sizes *s = m->state;
    (void)at;
    for (int64_t i = 0; i < n; i++)
        d[i] = size_bits(d[i]) < s[k].least ? 0 : d[i];
}

static void combine(const struct tr__mixing *m, const struct tr__mixed *x)
{
    tr__vectors_add(m, x, &(struct tr__vectors){ trim, 1 });
}

static void combine_dare(const struct tr__mixing *m, const struct tr__mixed *x)
{
    tr__vectors_add(m, x, &(struct tr__vectors){ tr__dare, 1 });
}

const struct tr_merge_method tr__method_ties = {
    .name = "ties", .help = "the largest changes, where their signs agree", .least = 1,
    .takes = "weight density lambda normalize", .most = TR_MERGE_MAX_MODEL, .normalize = 1, .passes = 2, .state_bytes = state_bytes,
    .look = look, .settle = settle, .combine = combine,
};

const struct tr_merge_method tr__method_dare_ties = {
    .name = "dare-ties", .help = "a random part of the changes, where their signs agree",
    .takes = "weight density lambda seed normalize", .least = 1, .most = TR_MERGE_MAX_MODEL,
    .normalize = 1, .combine = combine_dare,
};
