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
    struct tr__regex_use {
        const char *text; /* the caller's */
        size_t n_found;   /* names that this one was the first for */
        int failed;       /* PCRE2's number where it gave up on a name, 0: it did not */
    } *use; // (n)
};

/* Compile n expressions of PCRE2, `stride` bytes from one pointer to the next.  TR_EINVAL
 * for one that is none, with the place.  tr__regexes_release in either case. */
int tr__regexes_init(struct tr__regexes *names, const char *const *text, size_t n, size_t stride,
                   struct tr_err *err) TR_MUST_CHECK;
void tr__regexes_release(struct tr__regexes *names);

/* The first of the expressions that is found anywhere in the name; -1: none is, as far as PCRE2
 * looked, which tr__regexes_error tells behind the last name. */
int64_t tr__regexes_find(const struct tr__regexes *names, const char *name);

/* 0, or TR_EINVAL naming an expression that takes more steps than PCRE2 makes to say whether a
 * name matches. */
int tr__regexes_error(const struct tr__regexes *names, struct tr_err *err) TR_MUST_CHECK;

/* i = 0, 1, … until NULL: expressions that no name was found by. */
const char *tr__regexes_idle(const struct tr__regexes *names, size_t i);

#endif
