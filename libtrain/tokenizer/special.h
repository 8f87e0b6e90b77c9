/* SPDX-License-Identifier: MIT
 *
 * Special tokens that a text spells, and the white space that belongs to them.
 */
#ifndef LIBTRAIN_TOKENIZER_SPECIAL_H
#define LIBTRAIN_TOKENIZER_SPECIAL_H

#include <libtrain/tokenizer/vocab.h>

#include <stddef.h>
#include <stdint.h>

struct tr__search {
    const struct tr__vocab *v;
    const char *text;
    int all; /* user-defined tokens only, unless 1 */
    int (*may)(void *ctx, size_t at, uint32_t id); /* may it stand there?  NULL: all may */
    void *ctx;
};

/* The first special token that is taken in text[from, end), where a token begins: its offset
 * and *id, or `end`. */
size_t tr__special_next(const struct tr__search *s, size_t from, size_t end, uint32_t *id);

/* 1 if any special token in text[from, end), taken or not, begins before `at` and ends behind
 * `behind`. */
int tr__special_across(const struct tr__search *s, size_t from, size_t at, size_t behind,
                       size_t end);

int tr__is_space(char c);
/* Bytes of white space at p that belong to the token `id` in front of them; those of p[0, len)
 * that do not belong to the token behind them. */
size_t tr__strip_behind(const struct tr__vocab *v, uint32_t id, const char *p, size_t left);
size_t tr__strip_before(const struct tr__vocab *v, uint32_t id, const char *p, size_t len);

#endif
