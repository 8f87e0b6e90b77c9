/* SPDX-License-Identifier: MIT
 *
 * Strings that know which of their bytes came from the row.
 */
#ifndef LIBTRAIN_CHAT_TEXT_H
#define LIBTRAIN_CHAT_TEXT_H

#include <libtrain/chat/run.h>
#include <libtrain/chat/unicode.h>

/* A string that is being made.  After a failure, which is set in the run, nothing more
 * happens until tr__build_done, which returns its code. */
struct tr__build {
    struct tr__run *r;
    char *s;
    size_t n, cap;
    struct tr_chat_range *mark;
    size_t n_mark, cap_mark;
    int failed;
};
void tr__build_begin(struct tr__build *b, struct tr__run *r);
/* Begin with the bytes of a string, which are not copied if it was the last to be made. */
void tr__build_adopt(struct tr__build *b, struct tr__run *r, const struct tr__val *s);
/* n bytes, which came from the row or not. */
void tr__put(struct tr__build *b, const char *s, size_t n, int data);
void tr__put_ours(struct tr__build *b, const char *s);
void tr__put_char(struct tr__build *b, uint32_t c, int data);
/* Bytes [from, to) of a string, with what is known of them. */
void tr__put_part(struct tr__build *b, const struct tr__val *s, size_t from, size_t to);
void tr__put_str(struct tr__build *b, const struct tr__val *s);
/* Python's str(v), repr(v). */
void tr__put_value(struct tr__build *b, const struct tr__val *v);
void tr__put_repr(struct tr__build *b, const struct tr__val *v);
/* & < > ' " as HTML wants them. */
void tr__put_escaped(struct tr__build *b, const struct tr__val *s);
/* All bytes from `from` on came from the row. */
void tr__mark_since(struct tr__build *b, size_t from);
int tr__build_done(struct tr__build *b, struct tr__val *out);
int tr__build_fail(struct tr__build *b, int code);

/* str(v) as a value. */
int tr__to_str(struct tr__run *r, const struct tr__val *v, struct tr__val *out);
/* Bytes [from, to) of a string; they are shared. */
int tr__part(struct tr__run *r, const struct tr__val *s, size_t from, size_t to,
             struct tr__val *out);
/* 1 if byte i came from the row. */
int tr__is_data(const struct tr__val *s, size_t i);
/* a + b of strings. */
int tr__concat(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
               struct tr__val *out);
/* Where `what` begins in s from `from` on, or before `to` the last; SIZE_MAX if nowhere. */
size_t tr__find(const struct tr__val *s, size_t from, const struct tr__val *what);
size_t tr__find_last(struct tr__run *r, const struct tr__val *s, size_t to,
                     const struct tr__val *what);

/* Appends str(v) to the rendering. */
int tr__emit(struct tr__run *r, const struct tr__val *v);
/* Takes what was rendered since `from` away as a string. */
int tr__capture(struct tr__run *r, size_t from, struct tr__val *out);

#endif
