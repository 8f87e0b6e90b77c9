/* SPDX-License-Identifier: MIT
 *
 * Which model a file is, told from its tensors and not from names that anyone may give.
 * Two questions have two answers.  Whether it is the very file: a hash.  Whether it is the
 * same model, maybe in other types, trained on a little or with tokens added: sums of some of
 * its weights with signs from a table of chance (a random projection: Johnson, Lindenstrauss
 * 1984), which rounding moves little, and which of two models that were made apart have
 * nothing in common.  Next: lineage.c, which writes both into what a model is made to.
 */
#include <libtrain/gguf/writer.h>

#include <math.h>
#include <string.h>
#include <xxhash.h>

uint64_t tr_gguf_hash(const struct tr_gguf *g)
{
    enum { SAMPLE = 1 << 14 }; /* bytes from either end: a whole pass would read the file */
    struct tr_str arch = { "", 0 };
    if (tr_gguf_string(g, "general.architecture", &arch, NULL) != 1)
        arch.len = 0;
    uint64_t h = XXH64(arch.ptr, arch.len, 0);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        size_t bytes = (size_t)t->bytes, part = bytes < SAMPLE ? bytes : SAMPLE;
        h = XXH64(t->name, strlen(t->name), h);
        h = XXH64(t->dim, sizeof t->dim, h + t->dtype->id);
        h = XXH64(t->data, part, h);
        h = XXH64((const char *)t->data + bytes - part, part, h);
    }
    return h ? h : 1;
}

/* Matrices of the blocks: tables of tokens may grow, and vectors are all 1 in a new model. */
static int is_sketched(const struct tr_gguf_tensor *t)
{
    enum { MOST = 1 << 16 };
    int64_t row = tr_gguf_row(t);
    return tr_gguf_block(t->name, NULL) >= 0 && t->dtype->to_f32 && row >= 32 &&
           row <= MOST && tr_gguf_count(t) >= 2 * row;
}

enum { PIECE = 1 << 11 }; /* numbers, a multiple of every block */

/* Numbers at … at + n - 1 of a row. */
static void unpack(const struct tr_gguf_tensor *t, int64_t row, int64_t at, int64_t n,
                   float v[PIECE])
{
    int64_t first = row * tr_gguf_row(t) + at;
    t->dtype->to_f32((const char *)t->data + first / t->dtype->block * t->dtype->bytes, v, n);
}

static int64_t piece(const struct tr_gguf_tensor *t, int64_t at)
{
    int64_t left = tr_gguf_row(t) - at;
    return left < PIECE ? left : PIECE;
}

/* 1 / the norm of a row. */
static double scale_of(const struct tr_gguf_tensor *t, int64_t row)
{
    _Alignas(64) float v[PIECE];
    double square = 0;
    for (int64_t at = 0, n; at < tr_gguf_row(t); at += n) {
        n = piece(t, at);
        unpack(t, row, at, n, v);
        for (int64_t i = 0; i < n; i++)
            square += (double)v[i] * (double)v[i];
    }
    return 1 / sqrt(square);
}

/* One row of the tensor, which its name chooses, with a norm of 1, into the sums; what is not
 * finite says nothing. */
static void sketch_tensor(const struct tr_gguf_tensor *t, double sum[TR_GGUF_SKETCH])
{
    _Alignas(64) float v[PIECE];
    uint64_t seed = XXH64(t->name, strlen(t->name), 0);
    int64_t row = (int64_t)(seed % (uint64_t)(tr_gguf_count(t) / tr_gguf_row(t)));
    double scale = scale_of(t, row);
    for (int64_t at = 0, n; isfinite(scale) && at < tr_gguf_row(t); at += n) {
        n = piece(t, at);
        unpack(t, row, at, n, v);
        for (int64_t i = 0; i < n; i++) {
            int64_t place = at + i;
            uint64_t signs = XXH64(&place, sizeof place, seed);
            for (int k = 0; k < TR_GGUF_SKETCH; k++)
                sum[k] += (signs >> k & 1 ? scale : -scale) * (double)v[i];
        }
    }
}

int tr_gguf_sketch(const struct tr_gguf *g, float sketch[TR_GGUF_SKETCH])
{
    double sum[TR_GGUF_SKETCH] = { 0 }, square = 0;
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++)
        if (is_sketched(tr_gguf_tensor(g, i)))
            sketch_tensor(tr_gguf_tensor(g, i), sum);
    for (int k = 0; k < TR_GGUF_SKETCH; k++)
        square += sum[k] * sum[k];
    for (int k = 0; k < TR_GGUF_SKETCH; k++)
        sketch[k] = square > 0 ? (float)(sum[k] / sqrt(square)) : 0;
    return square > 0;
}

int tr_gguf_base_sketch(const struct tr_gguf *g, float sketch[TR_GGUF_SKETCH])
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, TR__SKETCH);
    if (!kv || kv->type != TR_GGUF_ARRAY || kv->elem != TR_GGUF_F32 ||
        kv->count != TR_GGUF_SKETCH)
        return 0;
    double square = 0;
    for (int k = 0; k < TR_GGUF_SKETCH; k++) {
        double v = tr_gguf_elem_float(kv, (uint64_t)k);
        sketch[k] = (float)v;
        square += v * v;
    }
    return square > 0.9 && square < 1.1; /* also no NaN */
}

/* Of models that were made apart the cosine is 0 with a deviation of 1/8; of one model in Q8_0
 * and in Q2_K it is above 0.9. */
int tr_gguf_sketches_match(const float a[TR_GGUF_SKETCH], const float b[TR_GGUF_SKETCH])
{
    double cosine = 0;
    for (int k = 0; k < TR_GGUF_SKETCH; k++)
        cosine += (double)a[k] * (double)b[k];
    return cosine >= 0.6;
}
