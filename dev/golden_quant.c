/* SPDX-License-Identifier: MIT
 *
 * Prints the hashes in tests/unit/test_dtype.c: XXH64 of what llama.cpp's own quantiser
 * makes of quant_data().
 *   cc -O2 -I. dev/golden_quant.c -L LLAMA.CPP/build/bin -lggml-base -lxxhash -lm
 */
#include "../tests/unit/quant_data.h"

#include <stdio.h>
#include <xxhash.h>

/* From ggml.h; the type is an enum there. */
size_t ggml_quantize_chunk(int type, const float *src, void *dst, int64_t start,
                           int64_t n_row, int64_t row, const float *imatrix);
const char *ggml_type_name(int type);

int main(void)
{
    static const int type[] = { 1, 30, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14 };
    static float x[QUANT_N];
    static unsigned char packed[4 * QUANT_N];
    quant_data(x);
    for (size_t i = 0; i < sizeof type / sizeof *type; i++) {
        size_t n = ggml_quantize_chunk(type[i], x, packed, 0, QUANT_N / 256, 256, NULL);
        printf("{ \"%s\", 0x%016llx },\n", ggml_type_name(type[i]),
               (unsigned long long)XXH64(packed, n, 0));
    }
    return 0;
}
