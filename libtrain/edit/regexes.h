/* SPDX-License-Identifier: MIT
 *
 * Names of tensors against regular expressions.
 */
#ifndef LIBTRAIN_EDIT_REGEXES_H
#define LIBTRAIN_EDIT_REGEXES_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

struct tr__regexes {
    size_t n;
    void **code;  // (n) pcre2_code
    void *match;  /* pcre2_match_data */
};

/* Compile n expressions of PCRE2, `stride` bytes from one pointer to the next.  TR_EINVAL
 * for one that is none, with the place.  tr__regexes_release in either case. */
int tr__regexes_init(struct tr__regexes *names, const char *const *text, size_t n, size_t stride,
                   struct tr_err *err) TR_MUST_CHECK;
void tr__regexes_release(struct tr__regexes *names);

/* The first of the expressions that is found anywhere in the name; -1: none is. */
int64_t tr__regexes_find(const struct tr__regexes *names, const char *name);

#endif
