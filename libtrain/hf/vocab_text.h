/* SPDX-License-Identifier: MIT
 *
 * A walk over bytes of JSON that makes no values: for lists that are too long to be some.
 */
#ifndef LIBTRAIN_HF_VOCAB_TEXT_H
#define LIBTRAIN_HF_VOCAB_TEXT_H

#include <libtrain/gguf.h>

#include <stddef.h>
#include <stdint.h>

struct tr__hf_cursor { /* b, n, name and err are set by the caller, all else is 0 */
    const char *b;
    size_t n, at;
    const char *name; /* of the file */
    struct tr_err *err;
    char *own[2]; /* strings with escapes: the last one and one that is kept */
    size_t cap[2];
};
void tr__hf_cursor_release(struct tr__hf_cursor *c);

/* TR_EFORMAT that says this, or what is in err already, of the place where we are. */
int tr__hf_wrong(struct tr__hf_cursor *c, const char *what);
int tr__hf_place(struct tr__hf_cursor *c);

void tr__hf_blank(struct tr__hf_cursor *c);
/* Go over white space, and over this character if it is the next: 1 if it is. */
int tr__hf_accept(struct tr__hf_cursor *c, char what);
int tr__hf_expect(struct tr__hf_cursor *c, char what) TR_MUST_CHECK;

/* A string's bytes, good until the next one; it may hold NUL. */
int tr__hf_string(struct tr__hf_cursor *c, struct tr_str *s) TR_MUST_CHECK;
/* Make that good until the next one that is kept; -1 when out of memory. */
int tr__hf_keep(struct tr__hf_cursor *c, struct tr_str *s) TR_MUST_CHECK;
int tr__hf_integer(struct tr__hf_cursor *c, int64_t *v) TR_MUST_CHECK;
int tr__hf_number(struct tr__hf_cursor *c, double *v) TR_MUST_CHECK;
/* Go over a value, whose inside is not looked at beyond strings and brackets. */
int tr__hf_skip(struct tr__hf_cursor *c) TR_MUST_CHECK;

#endif
