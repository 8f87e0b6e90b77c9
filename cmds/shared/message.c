/* SPDX-License-Identifier: MIT
 *
 * Messages go to standard error, one line in one write, with the command's name in front;
 * the product of a command never does.  The end of a command is here too, since all that is
 * left to do then is to say what went wrong.  Next: options.c, help.c.
 */
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *command = "libtrain"; /* its name in messages */
static int quiet;

void cmd_name(const char *name)
{
    command = name;
}

/* One line on stderr in one write, so that lines of two processes do not mix.  Names in
 * it may come from a file: what a terminal would obey becomes '?'. */
static void talk(const char *prefix, const char *fmt, va_list ap)
{
    char line[2048];
    int n = snprintf(line, sizeof line / 2, "%s: %s", command, prefix);
    vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    for (unsigned char *p = (unsigned char *)line; *p; p++)
        if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
            *p = '?';
    strcat(line, "\n");
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

void cmd_usage(const struct cmd *cmd, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    talk("", fmt, ap);
    va_end(ap);
    fprintf(stderr, "usage: %s %s\nTry '%s --help' for the options.\n", cmd->name,
            cmd->synopsis, cmd->name);
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
    if (err && err->code) {
        cmd_complain("%s", err->text);
        if (rc == CMD_OK || rc == CMD_FAIL)
            rc = cmd_code(err);
    }
    int bad = ferror(stdout);
    if (fclose(stdout) || bad) {
        cmd_complain("write error on standard output: %s", strerror(errno));
        if (rc == CMD_OK)
            rc = CMD_FAIL;
    }
    return rc;
}
