/* SPDX-License-Identifier: MIT
 *
 * The order of an epoch without a table: a Feistel network is a permutation of 2^(2h)
 * numbers whatever its round function does, and walking its cycle until the result is
 * below n makes of it a permutation of n (Black, Rogaway: Ciphers with arbitrary finite
 * domains, 2002).  The domain is below 4 n, so a walk takes under four rounds on average;
 * small n get a larger domain, because few Feistel permutations exist of a tiny one.
 */
#include <libtrain/pack.h>
#include <libtrain/rng.h>

enum { ROUNDS = 8, MIN_HALF = 4 };

static uint64_t feistel(const uint64_t *key, unsigned half, uint64_t x)
{
    uint64_t mask = ((uint64_t)1 << half) - 1, left = x >> half, right = x & mask;

    for (int r = 0; r < ROUNDS; r++) {
        struct tr_rng g = tr_rng_init(key[r], right);
        uint64_t next = left ^ (tr_rng_u64(&g) & mask);
        left = right;
        right = next;
    }
    return left << half | right;
}

uint64_t tr_pack_order(uint64_t seed, uint64_t epoch, uint64_t n_seq, uint64_t i)
{
    struct tr_rng keys = tr_rng_init(seed, epoch ^ 0x6f7264657220u); /* "order " */
    uint64_t key[ROUNDS];
    unsigned half = MIN_HALF;

    if (i >= n_seq)
        tr_fatal("order: place %llu of %llu", (unsigned long long)i,
                 (unsigned long long)n_seq);
    for (int r = 0; r < ROUNDS; r++)
        key[r] = tr_rng_u64(&keys);
    while (half < 32 && (uint64_t)1 << 2 * half < n_seq)
        half++;
    do
        i = feistel(key, half, i);
    while (i >= n_seq);
    return i;
}
