/* SPDX-License-Identifier: MIT
 *
 * Random numbers from a key and a counter (splitmix64's mixing): any stream can be entered at
 * any place without having drawn what is before it, which is why a run goes on bit for bit.
 */
#include <libtrain/rng.h>

#include <math.h>

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct tr_rng tr_rng_init(uint64_t seed, uint64_t stream)
{
    return (struct tr_rng){ .key = mix(seed + 0x9e3779b97f4a7c15u * (mix(stream) | 1)) };
}

uint64_t tr_rng_u64(struct tr_rng *r)
{
    return mix(r->key + 0x9e3779b97f4a7c15u * ++r->counter);
}

uint64_t tr_rng_below(struct tr_rng *r, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n; /* reject the tail: no modulo bias */
    uint64_t v;
    do
        v = tr_rng_u64(r);
    while (v >= limit);
    return v % n;
}

float tr_rng_uniform(struct tr_rng *r)
{
    return (float)(tr_rng_u64(r) >> 40) * 0x1p-24f;
}

float tr_rng_normal(struct tr_rng *r)
{
    double u = ((double)(tr_rng_u64(r) >> 11) + 1.0) * 0x1p-53; /* (0, 1] */
    double v = (double)(tr_rng_u64(r) >> 11) * 0x1p-53;
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}
