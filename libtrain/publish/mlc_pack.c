/* SPDX-License-Identifier: MIT
 *
 * MLC's group quantisation.  A group's scale is its largest magnitude over 7, a number is
 * round(w / scale + 7), so levels go from -7 to 7 and no zero point is stored.  The programs
 * that load a bundle only ever see the result, but those who compare bundles see each step, so
 * each is rounded to the type of the model: for float16 the quotient, and then the sum.  A
 * product of halves rounded from binary32 is the product rounded once, since binary32 has more
 * than twice their digits.  Next: mlc_bundle.c.
 */
#include <libtrain/publish/mlc_pack.h>

#include <libtrain/quants/quants.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- numbers ---------------------------------------------------------------------- */

static int put_float16(const float *x, void *to, int64_t n)
{
    char *p = to;
    int good = 1;
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = tr__f32_to_f16(x[i]);
        good &= tr__f16_finite(h);
        tr__store_u16(p + 2 * i, h);
    }
    return good ? 0 : -1;
}

static int put_float32(const float *x, void *to, int64_t n)
{
    char *p = to;
    int good = 1;
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = tr__f32_to_bf16(x[i]);
        good &= (h & 0x7f80) != 0x7f80;
        tr__store_u16(p + 2 * i, h);
    }
    return good ? 0 : -1;
}

const struct tr__mlc_number tr__mlc_uint32 = { .name = "uint32", .bytes = 4, .stored = 4 };
const struct tr__mlc_number tr__mlc_float16 = { "float16", 2, 2, put_float16 };
const struct tr__mlc_number tr__mlc_float32 = { "float32", 4, 2, put_float32 };

/* ---- groups ----------------------------------------------------------------------- */

static inline float as(float x, int half)
{
    return half ? tr__f16_to_f32(tr__f32_to_f16(x)) : x;
}

/* A level, 0 to 14, to nearest even; of what is no number, 0 / 0, it is 0. */
static inline uint32_t level(float x)
{
    float in = x > 0 ? x : 0;
    return tr__f32_bits((in < 14 ? in : 14) + 0x1p23f) & 15;
}

/* Up to a group of numbers that are in the model's type already, with zeros behind them. */
static inline float pack_group(const float *w, int64_t n, uint32_t *word, int half)
{
    float most = 0;
    for (int i = 0; i < TR__MLC_GROUP; i++)
        most = fabsf(w[i]) > most ? fabsf(w[i]) : most;
    float scale = as(most / 7, half);
    uint32_t nibble[TR__MLC_GROUP];
    for (int i = 0; i < TR__MLC_GROUP; i++)
        nibble[i] = level(as(as(w[i] / scale, half) + 7, half));
    memset(word, 0, sizeof nibble / TR__MLC_IN_WORD);
    for (int i = 0; i < n; i++)
        word[i / TR__MLC_IN_WORD] |= nibble[i] << i % TR__MLC_IN_WORD * 4;
    return scale;
}

static inline int pack_row(const float *x, int64_t n, uint32_t *word, uint16_t *scale,
                           int half)
{
    int good = 1;
    for (int64_t at = 0; at < n; at += TR__MLC_GROUP) {
        float w[TR__MLC_GROUP] = { 0 };
        int64_t some = n - at < TR__MLC_GROUP ? n - at : TR__MLC_GROUP;
        for (int64_t i = 0; i < some; i++) {
            w[i] = as(x[at + i], half);
            good &= fabsf(w[i]) <= 0x1.fffffep127f;
        }
        float s = pack_group(w, some, word + at / TR__MLC_IN_WORD, half);
        *scale++ = half ? tr__f32_to_f16(s) : tr__f32_to_bf16(s);
    }
    return good ? 0 : -1;
}

static int pack_float16(const float *x, int64_t n, uint32_t *word, uint16_t *scale)
{
    return pack_row(x, n, word, scale, 1);
}

static int pack_float32(const float *x, int64_t n, uint32_t *word, uint16_t *scale)
{
    return pack_row(x, n, word, scale, 0);
}

/* ---- by name ---------------------------------------------------------------------- */

static const struct tr__mlc_quant *const quants[] = {
#define TR_MLC_QUANT(name) &tr__mlc_##name,
#include <libtrain/publish/mlc_quants.def>
#undef TR_MLC_QUANT
};

/* What MLC has, or had, besides. */
static const char *const others[] = {
    "q0bf16", "q0f32", "q3f16_0", "q3f16_1", "q4bf16_0", "q4bf16_1", "q4f16_2", "q4f16_autoawq",
    "q4f16_ft", "q4f32_0", "q8f16_0", "q8f16_1", "q8f32_1", "q8f16_ft", "q8f16", "q8f32",
    "e4m3_e4m3_f16", "e5m2_e5m2_f16", "e4m3_e4m3_f16_max_calibrate",
    "fp8_e4m3fn_bf16_block_scale",
};

const struct tr__mlc_quant *tr__mlc_quant(const char *name, struct tr_err *err)
{
    char known[120] = "";
    size_t n = 0, n_quant = sizeof quants / sizeof *quants;
    const char *is = "is no quantisation of MLC";
    for (size_t i = 0; i < n_quant; i++) {
        if (!strcmp(quants[i]->name, name))
            return quants[i];
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s",
                              !i ? "" : i + 1 < n_quant ? ", " : " and ", quants[i]->name);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(others[i], name))
            is = "is a quantisation of MLC that is not written here";
    tr_err_set(err, TR_EINVAL, "'%s' %s; %s are", name, is, known);
    return NULL;
}

const struct tr__mlc_quant tr__mlc_q4f16_1 = {
    .name = "q4f16_1", .model = &tr__mlc_float16, .pack = pack_float16,
};
const struct tr__mlc_quant tr__mlc_q4f16_0 = {
    .name = "q4f16_0", .model = &tr__mlc_float16, .pack = pack_float16, .across = 1,
};
const struct tr__mlc_quant tr__mlc_q4f32_1 = {
    .name = "q4f32_1", .model = &tr__mlc_float32, .pack = pack_float32,
};
const struct tr__mlc_quant tr__mlc_q0f16 = { .name = "q0f16", .model = &tr__mlc_float16 };
