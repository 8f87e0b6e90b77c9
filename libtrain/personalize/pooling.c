/* SPDX-License-Identifier: MIT
 *
 * Rows of a document to one, as llama.cpp's --pooling has it.
 */
#include <libtrain/personalize/pooling.h>

#include <math.h>
#include <string.h>

static void mean(const float *x, int64_t ld, int64_t n, int64_t width, float *to)
{
    for (int64_t j = 0; j < width; j++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += (double)x[i * ld + j];
        to[j] = (float)(sum / (double)n);
    }
}

static void first(const float *x, int64_t ld, int64_t n, int64_t width, float *to)
{
    (void)ld;
    (void)n;
    memcpy(to, x, (size_t)width * sizeof *to);
}

static void last(const float *x, int64_t ld, int64_t n, int64_t width, float *to)
{
    first(x + (n - 1) * ld, ld, 1, width, to);
}

static const struct tr_pooling poolings[] = {
    { "mean", mean }, { "last", last }, { "cls", first }, { "none", NULL }
};

const struct tr_pooling *tr_pooling_at(int i)
{
    return i >= 0 && (size_t)i < sizeof poolings / sizeof *poolings ? &poolings[i] : NULL;
}

const char *tr_pooling_name(const struct tr_pooling *p)
{
    return p->name;
}

void tr__normalise(float *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    for (int64_t i = 0; i < n && sum > 0; i++)
        v[i] = (float)((double)v[i] / sqrt(sum));
}
