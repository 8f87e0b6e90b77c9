/* SPDX-License-Identifier: MIT
 *
 * A main for the fuzz targets without libFuzzer: replay files, or try the same N changes
 * of each of them every time.
 *
 *   fuzz_x FILE...          replay
 *   fuzz_x -n N FILE...     and N mutations of each
 */
#include <libtrain/file.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* xorshift64*: Marsaglia 2003, Vigna 2016. */
static uint64_t next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d;
}

/* One change; `room` is at least twice the size.  Returns the new size. */
static size_t mutate(uint8_t *p, size_t n, size_t room, uint64_t *rng)
{
    static const uint64_t edge[] = { 0, 1, 2, 3, 8, 9, 31, 32, 63, 64, 65, 255, 1u << 31,
                                     UINT32_MAX, 1ull << 32, 1ull << 61, 1ull << 62,
                                     1ull << 63, UINT64_MAX, UINT64_MAX - 31 };
    if (n < 8)
        return n;
    size_t at = next(rng) % n, k = next(rng) % 32 + 1;
    uint64_t v = edge[next(rng) % (sizeof edge / sizeof *edge)];
    switch (next(rng) % 6) {
    case 0:
        p[at] ^= (uint8_t)(1u << next(rng) % 8);
        return n;
    case 1:
        p[at] = (uint8_t)v;
        return n;
    case 2:
        memcpy(p + at, &v, n - at < 8 ? n - at : 8);
        return n;
    case 3: /* drop some bytes */
        k = k < n - at ? k : n - at;
        memmove(p + at, p + at + k, n - at - k);
        return n - k;
    case 4: /* say some bytes again */
        k = k < n - at ? k : n - at;
        if (n + k > room)
            return n;
        memmove(p + at + k, p + at, n - at);
        return n + k;
    default:
        return next(rng) % 4 ? n : at;
    }
}

/* Targets read exactly `n` bytes of a block of that size, for the sanitizers' sake. */
static void run(const uint8_t *data, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact)
        exit(1);
    memcpy(exact, data, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static int run_file(const char *path, long n_mutation)
{
    struct tr_err err = { 0 };
    char *data;
    size_t n, room;
    if (tr_read_all(path, &data, &n, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    run((uint8_t *)data, n);
    room = 2 * n + 64;
    uint8_t *work = malloc(room);
    uint64_t rng = 0x9e3779b97f4a7c15 ^ n;
    for (long i = 0; work && i < n_mutation; i++) {
        size_t m = n;
        memcpy(work, data, n);
        for (uint64_t k = next(&rng) % 4 + 1; k-- > 0;)
            m = mutate(work, m, room, &rng);
        run(work, m);
    }
    free(work);
    free(data);
    return work == NULL;
}

int main(int argc, char **argv)
{
    int first = 1;
    long n = 0;
    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        n = strtol(argv[2], NULL, 10);
        first = 3;
    }
    for (int i = first; i < argc; i++)
        if (run_file(argv[i], n))
            return 1;
    printf("%d files, %ld mutations of each\n", argc - first, n);
    return argc == first;
}
