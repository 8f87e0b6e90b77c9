/* SPDX-License-Identifier: MIT
 *
 * Prints the hashes in tests/unit/test_quants.c: XXH64 of what llama.cpp's own quantiser
 * makes of quant_data(), and of the numbers that it sees in quant_bytes().  It is in a library
 * that is loaded by name, so that this is built without it.
 *
 *   make dev && build/release/dev/golden_quant LLAMA.CPP/build/bin/libggml-base.so
 */
#include "../tests/unit/quant_data.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

/* From ggml.h; the type is an enum there. */
typedef size_t quantize_fn(int type, const float *src, void *dst, int64_t start,
                           int64_t n_row, int64_t row, const float *imatrix);
typedef const char *type_name_fn(int type);
struct traits {
    const char *name;
    int64_t block, interleave;
    size_t bytes;
    _Bool quantised;
    void (*to_float)(const void *src, float *dst, int64_t n);
};
typedef const struct traits *traits_fn(int type);

/* A function of the library, as dlsym gives it: in the place of data. */
static void find(void *library, const char *name, void *to)
{
    void *found = dlsym(library, name);
    memcpy(to, &found, sizeof found);
}

static void print_unpacked(traits_fn *traits)
{
    static const int type[] = { 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22,
                                23, 29, 34, 35, 39, 40, 41, 42 };
    static unsigned char packed[UNPACK_BLOCKS * 256];
    static float x[UNPACK_BLOCKS * 256];
    for (size_t i = 0; i < sizeof type / sizeof *type; i++) {
        const struct traits *t = traits(type[i]);
        size_t n = UNPACK_BLOCKS * (size_t)t->block;
        quant_bytes(packed, UNPACK_BLOCKS * t->bytes);
        t->to_float(packed, x, (int64_t)n);
        quant_one_nan(x, n);
        printf("{ \"%s\", 0x%016llx },\n", t->name,
               (unsigned long long)XXH64(x, n * sizeof *x, 0));
    }
}

/* With weights where they make a difference, or without where llama.cpp packs without. */
static void print_packed(quantize_fn *quantize, type_name_fn *type_name, const int *type,
                         size_t n_type, const float *weight)
{
    static float x[QUANT_N];
    static unsigned char packed[4 * QUANT_N];
    quant_data(x);
    for (size_t i = 0; i < n_type; i++) {
        size_t n = quantize(type[i], x, packed, 0, QUANT_N / QUANT_ROW, QUANT_ROW, weight);
        printf("{ \"%s\", 0x%016llx },\n", type_name(type[i]),
               (unsigned long long)XXH64(packed, n, 0));
    }
}

int main(int argc, char **argv)
{
    static const int plain[] = { 1, 30, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23, 34, 35, 39,
                                 40, 41, 42, 18, 21, 22, 29 };
    static const int weighed[] = { 2, 3, 6, 7, 10, 11, 12, 13, 14, 20, 23, 16, 17, 18, 19, 21,
                                   22, 29 };
    static float weight[QUANT_ROW];
    quantize_fn *quantize = NULL;
    type_name_fn *type_name = NULL;
    traits_fn *traits = NULL;
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (library) {
        find(library, "ggml_quantize_chunk", &quantize);
        find(library, "ggml_type_name", &type_name);
        find(library, "ggml_get_type_traits", &traits);
    }
    if (!quantize || !type_name || !traits) {
        fprintf(stderr, "usage: golden_quant LIBGGML-BASE.so\n");
        return 2;
    }
    quant_weights(weight);
    print_packed(quantize, type_name, plain, sizeof plain / sizeof *plain, NULL);
    print_packed(quantize, type_name, weighed, sizeof weighed / sizeof *weighed, weight);
    print_unpacked(traits);
    return 0;
}
