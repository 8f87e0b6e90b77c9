/* SPDX-License-Identifier: MIT
 *
 * What SentencePiece's two kinds of vocabularies share: tokens are characters, U+2581
 * stands for a space, and no token goes over the end of a word.
 */
#ifndef LIBTRAIN_VOCABULARY_SPACED_H
#define LIBTRAIN_VOCABULARY_SPACED_H

#include <libtrain/vocabulary/kind.h>

/* Letters and what is neither letter nor space, each with one space in front; spaces that
 * stand before another space; ends of lines. */
extern const struct tr__pretok tr__spaced_words;
extern const char *const tr__spaced_fixed[]; /* <unk>, <s>, </s> */

enum { TR__PIECE_MAX = 16 }; /* characters of a token */

struct tr__characters { /* release with tr__characters_release */
    uint32_t *id_plus; /* (U+110000) id of the token of a character, + 1; 0: it has none */
};

/* All tokens that there are before any is learnt: the fixed and the special ones, with
 * `bytes` 256 for single bytes, and the characters that make up v->args.coverage of the
 * words, the most frequent first.  TR_EINVAL if the vocabulary has no room for them. */
int tr__spaced_begin(struct tr_vocabulary *v, int bytes, struct tr__characters *c,
                     struct tr_err *err) TR_MUST_CHECK;
/* v->word as ids of characters; one without a token ends a word, and is in none. */
int tr__spaced_words_of(const struct tr_vocabulary *v, const struct tr__characters *c,
                        struct tr__words *words, struct tr_err *err) TR_MUST_CHECK;
void tr__characters_release(struct tr__characters *c);

/* The keys beside tokens. */
int tr__spaced_write(const struct tr_vocabulary *v, struct tr_gguf_writer *w,
                     struct tr_err *err);

#endif
