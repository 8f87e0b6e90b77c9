/* SPDX-License-Identifier: MIT
 *
 * Errors of the outside world: files, formats, text, options.  A function that can fail
 * returns 0 or a negative TR_E… code (or NULL) and writes one line of text into the
 * caller's struct tr_err, which may be NULL.  The caller owns the struct; nothing in it
 * is allocated.  The first failure wins; callers add context in front of it.
 *
 * Mistakes of the programmer (shapes that do not fit, a NULL where none may be) go to
 * tr_fatal() instead; data from outside never reaches it.
 */
#ifndef LIBTRAIN_ERROR_H
#define LIBTRAIN_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TR_MUST_CHECK __attribute__((warn_unused_result))
#define TR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define TR_NORETURN __attribute__((noreturn))
#else
#define TR_MUST_CHECK
#define TR_PRINTF(fmt, args)
#define TR_NORETURN
#endif

enum {
    TR_EIO = -1,          /* the operating system said no; the text holds strerror */
    TR_EFORMAT = -2,      /* a file is not what it should be */
    TR_ENOMEM = -3,       /* out of memory, or a plan that does not fit */
    TR_EUNSUPPORTED = -4, /* well formed, but not something this build can do */
    TR_EMISMATCH = -5,    /* two files that do not belong together */
    TR_EDIVERGED = -6,    /* numbers that were computed are not finite */
    TR_EINVAL = -7        /* an argument that nothing can be done with; the text names it */
};

struct tr_err {
    int code;       /* 0, or one of the above */
    char text[512]; /* lower case, no full stop, the subject in single quotes */
};

/* Record a failure unless one is recorded already; returns `code`, so that a function may
 * end with `return tr_err_set(err, TR_EFORMAT, …)`.  The text is made printable
 * (printable.h), since its arguments may come from a file. */
int tr_err_set(struct tr_err *err, int code, const char *fmt, ...) TR_PRINTF(3, 4);

/* The same with ": " and the text of the present errno added; the code is TR_EIO, or
 * TR_ENOMEM where errno is ENOMEM. */
int tr_err_sys(struct tr_err *err, const char *fmt, ...) TR_PRINTF(2, 3);

/* Put context in front of a recorded failure: "context: text".  Returns its code. */
int tr_err_prefix(struct tr_err *err, const char *fmt, ...) TR_PRINTF(2, 3);

/* A mistake of the programmer: print and abort, or call the handler set before. */
void tr_fatal(const char *fmt, ...) TR_PRINTF(1, 2) TR_NORETURN;

/* Replace what tr_fatal does; the handler gets the finished text and must not return.
 * NULL restores the default.  Not thread safe. */
void tr_fatal_handler(void (*handler)(const char *text));

#ifdef __cplusplus
}
#endif
#endif
