/* SPDX-License-Identifier: MIT
 *
 * A text cut into samples at the places where a word of the user's stands.
 */
#ifndef CMDS_SHARED_SAMPLE_START_H
#define CMDS_SHARED_SAMPLE_START_H

#include <libtrain/error.h>

#include <stddef.h>

struct cmd_starts {
    char *start; /* n bytes of which one sample begins each time */
    size_t n;
    int include; /* they belong to the sample */
};

/* text: as it is, or with \n \r \t \' \" \\ for what they mean elsewhere. */
int cmd_starts_init(struct cmd_starts *s, const char *text, int escape, int include,
                     struct tr_err *err) TR_MUST_CHECK;
void cmd_starts_release(struct cmd_starts *s);

/* The first sample that begins at *at or later: 1 and its bytes [*from, *to), with *at for the
 * next call; 0 if there is none.  A sample ends where the next begins; what is in front of the
 * first is no sample. */
int cmd_starts_next(const struct cmd_starts *s, const char *text, size_t n, size_t *at,
                     size_t *from, size_t *to);

#endif
