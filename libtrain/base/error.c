/* SPDX-License-Identifier: MIT
 *
 * Errors as text in the caller's struct.  What they name comes from outside, so all of it
 * is made printable here (printable.h), once, and nobody who prints one has to think of it.
 * What does not fit is cut, but never the reason, which stands last.
 */
#include <libtrain/error.h>
#include <libtrain/printable.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 2048 }; /* before it is cut */

static void (*fatal_handler)(const char *text);

/* "text: reason" in err->text; the text is cut to what the reason leaves. */
static void compose(struct tr_err *err, const char *reason, const char *fmt, va_list ap)
{
    char text[LONGEST];
    size_t room = sizeof err->text - (reason ? strlen(reason) + sizeof ":" : 0);
    vsnprintf(text, sizeof text, fmt, ap);
    size_t used = tr_escape(err->text, room, text, strlen(text));
    if (reason)
        snprintf(err->text + used, sizeof err->text - used, ": %s", reason);
}

static int record(struct tr_err *err, int code, const char *reason, const char *fmt,
                  va_list ap)
{
    if (!err || err->code)
        return code;
    err->code = code;
    compose(err, reason, fmt, ap);
    return code;
}

int tr_err_set(struct tr_err *err, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    record(err, code, NULL, fmt, ap);
    va_end(ap);
    return code;
}

int tr_err_sys(struct tr_err *err, const char *fmt, ...)
{
    int saved = errno;
    int code = saved == ENOMEM ? TR_ENOMEM : TR_EIO;
    va_list ap;
    va_start(ap, fmt);
    record(err, code, strerror(saved), fmt, ap);
    va_end(ap);
    return code;
}

int tr_err_prefix(struct tr_err *err, const char *fmt, ...)
{
    if (!err || !err->code)
        return 0;
    char old[3 * sizeof err->text / 4]; /* leaves room to say where */
    tr_escape(old, sizeof old, err->text, strlen(err->text));
    va_list ap;
    va_start(ap, fmt);
    compose(err, old, fmt, ap);
    va_end(ap);
    return err->code;
}

void tr_fatal(const char *fmt, ...)
{
    struct tr_err err;
    va_list ap;
    va_start(ap, fmt);
    compose(&err, NULL, fmt, ap);
    va_end(ap);
    const char *text = err.text;
    if (fatal_handler)
        fatal_handler(text);
    fprintf(stderr, "libtrain: %s\n", text);
    abort();
}

void tr_fatal_handler(void (*handler)(const char *text))
{
    fatal_handler = handler;
}
