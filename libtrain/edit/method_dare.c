/* SPDX-License-Identifier: MIT
 *
 * Drop and rescale (Yu et al. 2023, "Language models are super Mario"): each change is kept
 * with probability `density` and divided by it, so that its mean stays.  Which are kept is a
 * hash of seed, tensor, model and place, whatever pieces and threads there are.  Next:
 * method_ties.c.
 */
#include <libtrain/edit/method.h>
#include <libtrain/rng.h>

/* FNV-1a: Fowler, Noll, Vo. */
static uint32_t hash_name(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

void tr__dare(const struct tr__mixing *m, size_t k, int64_t at, int64_t n, float *d)
{
    double density = m->args->density;
    struct tr_rng rng = tr_rng_init(m->args->seed, (uint64_t)k << 32 | hash_name(m->name));
    uint64_t key = tr_rng_u64(&rng);
    float scale = (float)(1 / density);
    for (int64_t i = 0; i < n; i++) {
        uint64_t place = (uint64_t)(at + i);
        uint32_t block = (uint32_t)(place >> 32) * 0x9e3779b9u;
        uint32_t draw = tr_hash32((uint32_t)key + block, (uint32_t)place);
        d[i] = (double)draw < density * 0x1p32 ? d[i] * scale : 0;
    }
}

static void combine(const struct tr__mixing *m, const struct tr__mixed *x)
{
    tr__vectors_add(m, x, &(struct tr__vectors){ tr__dare, 0 });
}

const struct tr_merge_method tr__method_dare = {
    .name = "dare", .help = "as task, of a random part of the changes", .least = 1,
    .takes = "weight density lambda seed normalize", .most = TR_MERGE_MAX_MODEL,
    .combine = combine,
};
