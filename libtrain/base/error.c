/* SPDX-License-Identifier: MIT */
#include <libtrain/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*fatal_handler)(const char *text);

/* Replace what a terminal would obey by '?'.  Bytes above 0x7f stay: names of files and
 * tensors are often UTF-8. */
static void escape(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
}

static int record(struct tr_err *err, int code, const char *suffix, const char *fmt,
                  va_list ap)
{
    if (!err || err->code)
        return code;
    /* A path may be longer than the text, the reason behind it must not be lost. */
    size_t room = sizeof err->text - (suffix ? strlen(suffix) + sizeof ":" : 0);
    err->code = code;
    vsnprintf(err->text, room, fmt, ap);
    if (suffix) {
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, ": %s", suffix);
    }
    escape(err->text);
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
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s", old);
    escape(err->text);
    return err->code;
}

void tr_fatal(const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (fatal_handler)
        fatal_handler(text);
    fprintf(stderr, "libtrain: %s\n", text);
    abort();
}

void tr_fatal_handler(void (*handler)(const char *text))
{
    fatal_handler = handler;
}
