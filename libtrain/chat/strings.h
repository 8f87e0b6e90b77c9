/* SPDX-License-Identifier: MIT
 *
 * What filters and methods do to strings alike.  All keep the origin of bytes, and whether
 * the string is safe.
 */
#ifndef LIBTRAIN_CHAT_STRINGS_H
#define LIBTRAIN_CHAT_STRINGS_H

#include <libtrain/chat/text.h>

/* `chars`: a string, a set of characters; of kind MISSING or NONE: white space. */
int tr__strip(struct tr__run *r, const struct tr__val *s, const struct tr__val *chars,
              int left, int right, struct tr__val *out);
/* The first `most` of them, all if it is negative. */
int tr__replace(struct tr__run *r, const struct tr__val *s, const struct tr__val *old,
                const struct tr__val *new, int64_t most, struct tr__val *out);
int tr__all_case(struct tr__run *r, const struct tr__val *s, enum tr__case how,
                 struct tr__val *out);
/* The first character in title case, the others in lower case. */
int tr__capitalize(struct tr__run *r, const struct tr__val *s, struct tr__val *out);
/* Upper or title case behind each character that `begins` a word, lower case elsewhere. */
int tr__words_case(struct tr__run *r, const struct tr__val *s, enum tr__case how,
                   int (*begins)(uint32_t before), struct tr__val *out);
/* Lines without their ends, or with them. */
int tr__split_lines(struct tr__run *r, const struct tr__val *s, int ends,
                    struct tr__val *out);
/* Items between separators, of which `most` count; a negative number: all.  No separator
 * (MISSING, NONE): white space. */
int tr__split(struct tr__run *r, const struct tr__val *s, const struct tr__val *by,
              int64_t most, struct tr__val *out);
int tr__split_right(struct tr__run *r, const struct tr__val *s, const struct tr__val *by,
                    int64_t most, struct tr__val *out);
/* str() of items, with s between them. */
int tr__join(struct tr__run *r, const struct tr__val *s, const struct tr__val *list,
             int only_strings, struct tr__val *out);
/* Blanks (or the first character of `fill`) around s up to `width` characters. */
int tr__pad(struct tr__run *r, const struct tr__val *s, const struct tr__val *fill,
            int64_t left, int64_t right, struct tr__val *out);

#endif
