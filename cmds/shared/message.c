/* SPDX-License-Identifier: MIT
 *
 * Messages go to standard error, one line in one write, with the command's name in front;
 * the product of a command never does.  The end of a command is here too, since all that is
 * left to do then is to say what went wrong.  A line of progress makes room for a message.
 * Next: options.c, help.c, status.c.
 */
#include "message.h"

#include "status.h"

#include <libtrain/printable.h>

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *command = "libtrain"; /* its name in messages */
static char prefixed[64]; /* room for it, if it was installed under another */
static int quiet;

void cmd_name(const char *name, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL, *base = slash ? slash + 1 : path;
    size_t n = base ? strlen(base) : 0, own = strlen(name), same = 0;
    while (same < n && isgraph((unsigned char)base[same]))
        same++;
    command = name;
    if (same < n || n < own || n >= sizeof prefixed || strcmp(base + n - own, name))
        return; /* a link of another name, or one that no terminal should see */
    memcpy(prefixed, base, n + 1);
    command = prefixed;
}

/* One line on stderr in one write, so that lines of two processes do not mix.  Names in
 * it may come from a file: it is printable, whatever they are. */
static void talk(const char *prefix, const char *fmt, va_list ap)
{
    char text[2048], line[2 * sizeof text];
    vsnprintf(text, sizeof text, fmt, ap);
    size_t n = (size_t)snprintf(line, sizeof text, "%s: %s", command, prefix);
    n += tr_escape(line + n, sizeof line - n - 1, text, strlen(text));
    memcpy(line + n, "\n", 2);
    cmd_status_erase();
    fputs(line, stderr);
}

const char *cmd_command(void)
{
    return command;
}

void cmd_say(const char *fmt, ...)
{
    if (quiet)
        return;
    va_list ap;
    va_start(ap, fmt);
    talk("", fmt, ap);
    va_end(ap);
}

void cmd_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    talk("warning: ", fmt, ap);
    va_end(ap);
}

void cmd_complain(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    talk("", fmt, ap);
    va_end(ap);
}

int cmd_columns(const char *text, size_t bytes)
{
    int n = 0;
    for (size_t i = 0; i < bytes; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* Bytes up to where a synopsis may be broken: never in brackets, nor between an option and
 * its argument. */
static size_t piece_of(const char *synopsis)
{
    int depth = 0;
    size_t n = 0;
    for (; synopsis[n]; n++) {
        depth += (synopsis[n] == '[') + (synopsis[n] == '(');
        depth -= (synopsis[n] == ']') + (synopsis[n] == ')');
        if (n && synopsis[n] == ' ' && !depth && strchr("[(-|", synopsis[n + 1]))
            break;
    }
    return n;
}

void cmd_put_usage(FILE *f, const struct cmd *cmd)
{
    enum { WIDTH = 80 };
    int indent = fprintf(f, "usage: %s", command), at = indent;
    for (const char *p = cmd->synopsis; *p;) {
        size_t n = piece_of(p), skip = *p == ' ';
        int columns = cmd_columns(p + skip, n - skip);
        if (at > indent && at + 1 + columns > WIDTH)
            at = fprintf(f, "\n%*s", indent, "") - 1;
        at += 1 + columns;
        fprintf(f, " %.*s", (int)(n - skip), p + skip);
        p += n;
    }
    fputc('\n', f);
}

void cmd_usage(const struct cmd *cmd, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    talk("", fmt, ap);
    va_end(ap);
    cmd_put_usage(stderr, cmd);
    fprintf(stderr, "Try '%s --help' for the options.\n", command);
    exit(CMD_USAGE);
}

int cmd_quiet(void)
{
    return quiet;
}

void cmd_hush(void)
{
    quiet = 1;
}

int cmd_code(const struct tr_err *err)
{
    return err->code == TR_EDIVERGED ? CMD_DIVERGED : CMD_FAIL;
}

int cmd_end(int rc, const struct tr_err *err)
{
    cmd_status_erase();
    if (err && err->code) {
        cmd_complain("%s", err->text);
        if (rc == CMD_OK || rc == CMD_FAIL)
            rc = err->code == TR_EINVAL ? CMD_USAGE : CMD_FAIL;
    }
    int bad = ferror(stdout);
    if (fclose(stdout) || bad) {
        cmd_complain("write error on standard output: %s", strerror(errno));
        if (rc == CMD_OK)
            rc = CMD_FAIL;
    }
    return rc;
}
