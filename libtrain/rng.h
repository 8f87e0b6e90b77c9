/* SPDX-License-Identifier: MIT
 *
 * Random numbers as a pure function of (seed, stream, counter): the state is one counter,
 * so a run can be stopped and resumed anywhere.  The mixing function is the finaliser of
 * SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
 */
#ifndef LIBTRAIN_RNG_H
#define LIBTRAIN_RNG_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_rng {
    uint64_t key, counter;
};

/* A generator of its own for every (seed, stream); streams do not overlap in practice. */
struct tr_rng tr_rng_init(uint64_t seed, uint64_t stream);

uint64_t tr_rng_u64(struct tr_rng *r);
/* Uniform in [0, n), n > 0. */
uint64_t tr_rng_below(struct tr_rng *r, uint64_t n);
/* Uniform in [0, 1), 24 bits. */
float tr_rng_uniform(struct tr_rng *r);
/* Normal with mean 0 and deviation 1 (Box-Muller); uses two numbers. */
float tr_rng_normal(struct tr_rng *r);

/* 32 mixed bits of a key and a counter, for use in vectorised loops: the finaliser of
 * MurmurHash3 (Appleby 2011) over their exclusive or. */
static inline uint32_t tr_hash32(uint32_t key, uint32_t i)
{
    uint32_t x = i ^ key;
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    return x ^ (x >> 16);
}

#ifdef __cplusplus
}
#endif
#endif
