/* SPDX-License-Identifier: MIT
 *
 * The map by which a Unigram model normalises its text (precompiled_charsmap): strings of
 * bytes and what replaces them, as SentencePiece compiles it into a double array.
 */
#ifndef LIBTRAIN_TOKENIZER_CHARSMAP_H
#define LIBTRAIN_TOKENIZER_CHARSMAP_H

#include <libtrain/error.h>
#include <libtrain/gguf.h>

#include <stddef.h>
#include <stdint.h>

struct tr__charsmap { /* owns a copy; {0} maps nothing */
    unsigned char *bytes;
    uint32_t n_unit;     /* of the array, of four bytes each */
    const char *strings; /* what replaces, each with a 0 behind it */
    size_t n_strings;    /* bytes */
};

/* tokenizer.ggml.precompiled_charsmap, nothing if it is not there. */
int tr__charsmap_read(struct tr__charsmap *m, const struct tr_gguf *g,
                      struct tr_err *err) TR_MUST_CHECK;
void tr__charsmap_release(struct tr__charsmap *m);

/* The longest string of the map that stands at p, of at most 256 bytes: how many it has, 0 if
 * there is none, or TR_EFORMAT where the array points outside of itself or what replaces the
 * string is more than 32 times as long.  *to: what replaces it. */
int64_t tr__charsmap_find(const struct tr__charsmap *m, const char *p, size_t left,
                          struct tr_str *to);

/* Clear bits of bytes that stand in a string behind its first byte, or are one alone; all,
 * if the map is too large to be looked at. */
int tr__charsmap_alone(const struct tr__charsmap *m, uint8_t alone[256 / 8],
                       struct tr_err *err) TR_MUST_CHECK;

#endif
