/* SPDX-License-Identifier: MIT
 *
 * What every command shares: options from one table, help, version, messages, signals,
 * and the right OpenBLAS kernels.  See design.md's command contract in docs/.
 */
#ifndef CMDS_COMMON_H
#define CMDS_COMMON_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CMD_OK = 0, CMD_FAIL = 1, CMD_USAGE = 2, CMD_DIVERGED = 3 };

/* One option.  `value` points at the command's variable, which holds the default: --help
 * prints what it finds there before parsing.  A number outside [min, max], a NULL and a
 * negative choice mean "no default".  Only a LIST may be given twice; a CHOICE is found in
 * either case.  The letter q and the names threads, quiet, help, version are taken. */
enum cmd_kind {
    CMD_KIND_FLAG,   /* int *: set to 1 (or to `set`) */
    CMD_KIND_TEXT,   /* const char ** */
    CMD_KIND_LIST,   /* struct cmd_list *: may be given again */
    CMD_KIND_INT,    /* int64_t *, within [min, max] */
    CMD_KIND_FLOAT,  /* double *, finite, within [min, max] */
    CMD_KIND_SIZE,   /* int64_t *, bytes, above 0: "400M", powers of 1000; no default */
    CMD_KIND_CHOICE, /* int *: index into the NULL-terminated `choice` */
    CMD_KIND_GROUP   /* a heading in the help, no option */
};

struct cmd_list {
    const char **item;
    size_t n, cap;
};

struct cmd_opt {
    enum cmd_kind kind;
    char letter;      /* 0: none */
    const char *name; /* without dashes */
    void *value;
    const char *arg; /* name of the argument in the help */
    const char *help;
    double min, max;
    int set;
    const char *const *choice;
};

#define CMD_FLAG(c, name, ptr, help) \
    { CMD_KIND_FLAG, c, name, ptr, NULL, help, 0, 0, 1, NULL }
/* --no-x style: sets the int to 0 */
#define CMD_UNFLAG(c, name, ptr, help) \
    { CMD_KIND_FLAG, c, name, ptr, NULL, help, 0, 0, 0, NULL }
#define CMD_TEXT(c, name, ptr, arg, help) \
    { CMD_KIND_TEXT, c, name, ptr, arg, help, 0, 0, 0, NULL }
#define CMD_LIST(c, name, ptr, arg, help) \
    { CMD_KIND_LIST, c, name, ptr, arg, help, 0, 0, 0, NULL }
#define CMD_INT(c, name, ptr, lo, hi, arg, help) \
    { CMD_KIND_INT, c, name, ptr, arg, help, lo, hi, 0, NULL }
#define CMD_FLOAT(c, name, ptr, lo, hi, arg, help) \
    { CMD_KIND_FLOAT, c, name, ptr, arg, help, lo, hi, 0, NULL }
#define CMD_SIZE(c, name, ptr, arg, help) \
    { CMD_KIND_SIZE, c, name, ptr, arg, help, 0, 0, 0, NULL }
#define CMD_CHOICE(c, name, ptr, list, arg, help) \
    { CMD_KIND_CHOICE, c, name, ptr, arg, help, 0, 0, 0, list }
#define CMD_GROUP(help) { CMD_KIND_GROUP, 0, NULL, NULL, NULL, help, 0, 0, 0, NULL }
#define CMD_END { CMD_KIND_FLAG, 0, NULL, NULL, NULL, NULL, 0, 0, 0, NULL }

struct cmd {
    const char *name;     /* "tokenize" */
    const char *synopsis; /* "-m MODEL.gguf [-o F] [FILE…]" */
    const char *about;    /* one line */
    const struct cmd_opt *opt;
    int min_operand, max_operand; /* max -1: any number */
};

/* Parse argv; exits 0 after --help and --version, 2 on a usage error.  Operands are moved
 * together; returns the index of the first, argc of them in *n_operand.  Also does what
 * every command does first: opens closed standard streams, ignores SIGXFSZ, installs the
 * handlers that remove temporaries, takes --threads and -q, and re-executes itself once if
 * OpenBLAS chose kernels below what the processor can do.  "--" ends the options. */
int cmd_parse(const struct cmd *cmd, int argc, char **argv, int *n_operand);

/* Exit 2 with a message and a hint at --help. */
void cmd_usage(const struct cmd *cmd, const char *fmt, ...) TR_PRINTF(2, 3) TR_NORETURN;

/* Talk on stderr, "name: …", silenced by -q. */
void cmd_say(const char *fmt, ...) TR_PRINTF(1, 2);
/* A warning; not silenced. */
void cmd_warn(const char *fmt, ...) TR_PRINTF(1, 2);
/* 1 under -q. */
int cmd_quiet(void);
/* As if -q had been given: for processes beside the one that talks. */
void cmd_hush(void);

/* End of main: prints err if one is recorded, flushes and checks standard output, returns
 * the exit code (rc, or CMD_FAIL if something was wrong after all). */
int cmd_end(int rc, const struct tr_err *err);

/* Exit code for an error: CMD_DIVERGED for TR_EDIVERGED, else CMD_FAIL. */
int cmd_code(const struct tr_err *err);

/* The number of the first SIGINT, SIGTERM, SIGHUP, SIGXCPU or SIGUSR2 after
 * cmd_catch_signals, else 0; the second ends the process at once.  SIGPIPE is ignored from
 * then on: a log whose reader is gone must not end a training.  cmd_reraise removes
 * temporaries and dies by that signal. */
void cmd_catch_signals(void);
int cmd_signalled(void);
void cmd_reraise(int sig);
/* Set by SIGUSR1 (after cmd_catch_signals), cleared by reading: "save now and go on". */
int cmd_save_requested(void);

/* Fail (CMD_FAIL, message) if `out` is the same file as `in`; "-" and NULL are skipped. */
int cmd_not_same(const char *out, const char *in, struct tr_err *err) TR_MUST_CHECK;

/* Fail if any of the n_out outputs is the same file as any of the n_in inputs. */
int cmd_none_same(const char *const *out, int n_out, const char *const *in, int n_in,
                  struct tr_err *err) TR_MUST_CHECK;

/* Fail now, not after hours of work, if `path` cannot be written; NULL is nothing. */
int cmd_writable(const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Copy a whole file to a stream; NULL is nothing. */
int cmd_copy(const char *path, FILE *to, struct tr_err *err) TR_MUST_CHECK;

/* Number of threads in use (after cmd_parse). */
int cmd_threads(void);

/* The choices of --loss and of --precision, to a NULL. */
enum { CMD_MAX_CHOICE = 8 };
void cmd_loss_names(const char *name[CMD_MAX_CHOICE]);
void cmd_precision_names(const char *name[CMD_MAX_CHOICE]);

#endif
