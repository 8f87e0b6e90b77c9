/* SPDX-License-Identifier: MIT
 *
 * Texts to make tokens of.  To a tokenizer any bytes are a text, so a model would learn
 * from an archive or from UTF-16 as readily as from a book; here what is no text is refused
 * by what it is, and what is probably not meant is told.
 */
#ifndef LIBTRAIN_TEXT_H
#define LIBTRAIN_TEXT_H

#include <libtrain/error.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TR_TEXT_WARNINGS = 3 };
struct tr_text { /* release with tr_text_release */
    char *bytes; /* with one NUL behind them; large ones lie in an unnamed file */
    size_t n, cap;
    /* terminated lines, "" behind the last: bytes that are no UTF-8, how many and where; a
     * byte order mark, which stays; a first line that is a record of JSON */
    char warning[TR_TEXT_WARNINGS][256];
};

enum { TR_TEXT_BINARY = 1 /* any bytes are a text; nothing is told */ };

/* Read a whole file, "-" is standard input.  TR_EFORMAT if it is no text: NUL bytes, many
 * control characters or bytes that are not UTF-8 (over a twentieth), or the first bytes of a
 * kind of file that is known. */
int tr_text_read(struct tr_text *t, const char *path, int flags,
                 struct tr_err *err) TR_MUST_CHECK;
void tr_text_release(struct tr_text *t);

/* The same of n bytes in memory, called `name` in the failure; only t->warning is set. */
int tr_text_check(struct tr_text *t, const char *bytes, size_t n, const char *name,
                  struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
