/* SPDX-License-Identifier: MIT
 *
 * What --help and --version print.  The help comes from the table and from the variables
 * the table points at, so a default cannot go stale.
 */
#include "help.h"
#include "message.h"

#include <libtrain/comm.h>
#include <libtrain/precision.h>
#include <libtrain/printable.h>
#include <libtrain/threads.h>
#include <libtrain/version.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifndef TR_BUILD_FLAGS /* set by mk/rules.mk */
#define TR_BUILD_FLAGS "unknown"
#endif

enum { INDENT = 26, WIDTH = 80 };

void cmd_append(char *text, size_t n, const char *fmt, ...)
{
    size_t used = strlen(text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + used, n - used, fmt, ap);
    va_end(ap);
}

void cmd_append_wrapped(char *text, size_t n, int indent, const char *words)
{
    int at = indent;
    while (*words) {
        size_t word = strcspn(words, " ");
        int length = cmd_columns(words, word);
        if (at > indent && at + 1 + length > WIDTH) {
            cmd_append(text, n, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            cmd_append(text, n, " ");
            at++;
        }
        cmd_append(text, n, "%.*s", (int)word, words);
        at += length;
        words += word;
        words += *words == ' ';
    }
}

/* A default outside the range of its option, a negative choice or a NULL stand for
 * "none". */
static void append_default(char *text, size_t n, const struct cmd_opt *opt)
{
    if (opt->kind == CMD_KIND_TEXT && *(const char **)opt->value) {
        const char *value = *(const char **)opt->value;
        char shown[256];
        tr_escape(shown, sizeof shown, value, strlen(value));
        cmd_append(text, n, " (default %s)", shown);
    }
    if (opt->kind == CMD_KIND_INT) {
        int64_t v = *(int64_t *)opt->value;
        if ((double)v >= opt->min && (double)v <= opt->max)
            cmd_append(text, n, " (default %" PRId64 ")", v);
    }
    if (opt->kind == CMD_KIND_FLOAT) {
        double v = *(double *)opt->value;
        if (v >= opt->min && v <= opt->max)
            cmd_append(text, n, " (default %g)", v);
    }
    if (opt->kind == CMD_KIND_CHOICE) {
        int v = *(int *)opt->value;
        cmd_append(text, n, ":");
        for (int i = 0; opt->name_at(i); i++)
            cmd_append(text, n, " %s", opt->name_at(i));
        if (opt->file)
            cmd_append(text, n, " file:FILE");
        if (v >= 0)
            cmd_append(text, n, " (default %s)", opt->name_at(v));
    }
}

static void print_option(const struct cmd_opt *opt)
{
    char left[128] = "", right[2048] = "", wrapped[4096] = "";
    if (opt->letter)
        cmd_append(left, sizeof left, "  -%c, ", opt->letter);
    else
        cmd_append(left, sizeof left, "      ");
    cmd_append(left, sizeof left, "--%s", opt->name);
    if (opt->kind != CMD_KIND_FLAG)
        cmd_append(left, sizeof left, " %s", opt->arg);
    int at = cmd_columns(left, strlen(left));
    fputs(left, stdout);
    if (at + 2 > INDENT) {
        putchar('\n');
        at = 0;
    }
    printf("%*s", INDENT - at, "");
    cmd_append(right, sizeof right, "%s", opt->help);
    append_default(right, sizeof right, opt);
    cmd_append_wrapped(wrapped, sizeof wrapped, INDENT, right);
    puts(wrapped);
}

static void print_table(const struct cmd_opt *opt)
{
    for (; !cmd_is_end(opt); opt++)
        if (opt->kind == CMD_KIND_GROUP)
            printf("\n%s:\n", opt->help);
        else
            print_option(opt);
}

void cmd_print_help(const struct cmd *cmd, const struct cmd_opt *common)
{
    cmd_put_usage(stdout, cmd);
    printf("%s\n", cmd->about);
    if (cmd->opt->kind != CMD_KIND_GROUP && cmd->opt->name)
        printf("\noptions:\n");
    print_table(cmd->opt);
    print_table(common);
    printf("\n@FILE stands for the words of FILE, parted as a shell would do it; # begins\n"
           "a comment.\n");
}

static const char *compiler(void)
{
#if defined(__clang__)
    return __VERSION__; /* names itself */
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

void cmd_print_version(int threads)
{
    printf("%s (libtrain) " TR_VERSION "\n", cmd_command());
    printf("compiler: %s\n", compiler());
    printf("flags: " TR_BUILD_FLAGS "\n");
    printf("BLAS: %s\n", tr_blas_config());
    printf("kernels in use: %s", tr_blas_core());
    if (strcmp(tr_blas_core(), tr_blas_best_core()))
        printf(" (this processor could use %s)", tr_blas_best_core());
    printf("\nthreads: %d of %d usable processors", threads, tr_n_processor());
#ifndef _OPENMP
    printf(" (built without OpenMP)");
#endif
    struct tr_err err = {0};
    const char *dnnl = tr_dnnl_version(&err);
    printf("\noneDNN: %s\n", dnnl ? dnnl : err.text);
    if (tr_comm_library())
        printf("processes: %s\n", tr_comm_library());
    else
        printf("built without Open MPI\n");
#ifdef TR_HTTPD
    puts("studio: libmicrohttpd");
#else
    puts("built without libmicrohttpd");
#endif
}
