/* SPDX-License-Identifier: MIT
 *
 * Numbers as MLC stores them: groups of 32 of a row share a scale, each is four bits.
 */
#ifndef LIBTRAIN_PUBLISH_MLC_PACK_H
#define LIBTRAIN_PUBLISH_MLC_PACK_H

#include <libtrain/error.h>

#include <stdint.h>

/* A type of numbers in a bundle. */
struct tr__mlc_number {
    const char *name;
    int64_t bytes;  /* of one, as the index counts them */
    int64_t stored; /* and in the file: float32 is stored as bfloat16 */
    /* n numbers as they are stored; 0, or -1 if one is not finite, before or after.  NULL:
     * words of packed numbers. */
    int (*put)(const float *x, void *to, int64_t n);
};
extern const struct tr__mlc_number tr__mlc_uint32, tr__mlc_float16, tr__mlc_float32;

/* A quantisation. */
struct tr__mlc_quant {
    const char *name;
    const struct tr__mlc_number *model; /* of scales, and of what is not packed */
    int across; /* matrices, but no tables, are stored as their transposes */
    /* Pack a row: tr__mlc_words(n) words and tr__mlc_groups(n) scales, these as they are
     * stored.  0, or -1 if a number is not finite or too large.  NULL: nothing is packed. */
    int (*pack)(const float *x, int64_t n, uint32_t *word, uint16_t *scale);
};

#define TR_MLC_QUANT(name) extern const struct tr__mlc_quant tr__mlc_##name;
#include <libtrain/publish/mlc_quants.def>
#undef TR_MLC_QUANT

/* By its name; NULL and TR_EUNSUPPORTED for others, those that MLC has and those that it has
 * not. */
const struct tr__mlc_quant *tr__mlc_quant(const char *name,
                                          struct tr_err *err) TR_MUST_CHECK;

enum { TR__MLC_GROUP = 32, TR__MLC_IN_WORD = 8 };

static inline int64_t tr__mlc_groups(int64_t n)
{
    return n / TR__MLC_GROUP + (n % TR__MLC_GROUP > 0);
}

static inline int64_t tr__mlc_words(int64_t n)
{
    return tr__mlc_groups(n) * (TR__MLC_GROUP / TR__MLC_IN_WORD);
}

#endif
