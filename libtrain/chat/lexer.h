/* SPDX-License-Identifier: MIT
 *
 * The tokens of a template.
 */
#ifndef LIBTRAIN_CHAT_LEXER_H
#define LIBTRAIN_CHAT_LEXER_H

#include <libtrain/chat/pool.h>
#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

enum tr__token_kind {
    TR__LEX_END, TR__LEX_TEXT, TR__LEX_PRINT, TR__LEX_PRINT_END, TR__LEX_TAG,
        TR__LEX_TAG_END,
    TR__LEX_NAME, TR__LEX_STRING, TR__LEX_INT, TR__LEX_REAL, TR__LEX_SIGN /* operator,
        bracket */
};

enum { TR__LEX_MAX_NESTED = 64 }; /* brackets in brackets */

struct tr__lex {
    enum tr__token_kind kind;
    uint32_t line;
    const char *s; /* text, name, sign, or string with its escapes undone */
    size_t n;
    int64_t i;
    double x;
};

struct tr__source { /* what is being read */
    const char *name; /* for messages */
    const char *s;    /* the template, line ends as \n */
    size_t n, at;
    uint32_t line;
    int line_begins;       /* nothing but white space may stand before `at` in its line */
    struct tr__pool *pool; /* tokens' bytes */
    struct tr__lex *token; /* malloc'ed; the last is TR__LEX_END */
    size_t n_token, cap;
    struct tr_err *err;
};

/* Cut the template into tokens: 0 or an error that names the line.  src->token is the
 * caller's to free, on failure too. */
int tr__lex(struct tr__source *src) TR_MUST_CHECK;

/* "'NAME' line 3: …" as TR_EFORMAT. */
int tr__lex_fail(const struct tr__source *src, uint32_t line, const char *fmt, ...)
    TR_PRINTF(3, 4);

/* One token of a tag or of a printed expression at src->at, which is no white space and not
 * its end. */
int tr__lex_word(struct tr__source *src) TR_MUST_CHECK;
int tr__lex_push(struct tr__source *src, struct tr__lex t) TR_MUST_CHECK;

#endif
