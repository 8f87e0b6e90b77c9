/* SPDX-License-Identifier: MIT
 *
 * First bytes of our files, and words for whatever else stands where one was expected.
 */
#ifndef LIBTRAIN_BASE_MAGIC_H
#define LIBTRAIN_BASE_MAGIC_H

#include <stddef.h>

enum { TR__MAGIC_BYTES = 8 };

/* The line end and the control-Z show a transfer in text mode, as in PNG. */
#define TR__TOKEN_MAGIC "TRTOK\r\n\x1a"
#define TR__PACK_MAGIC "TRPAK\r\n\x1a"

/* What a file that begins with these n bytes seems to be, and what to do with it if that is
 * known: "empty", "text", "a GGUF model", "gzip-compressed data: unpack it with gunzip
 * first", …; never NULL.  TR__MAGIC_SHOWN bytes are enough. */
enum { TR__MAGIC_SHOWN = 1024 };
const char *tr__magic_words(const unsigned char *head, size_t n);

/* The same where it is a known kind of file, else NULL. */
const char *tr__magic_known(const unsigned char *head, size_t n);

/* 1 if a file that begins so is known and no text, whatever comes behind; a text may begin
 * with a few letters that are a magic too. */
int tr__magic_binary(const unsigned char *head, size_t n);

/* 1 if it begins as a web page does. */
int tr__magic_html(const unsigned char *head, size_t n);

#endif
