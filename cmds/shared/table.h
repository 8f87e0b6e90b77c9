/* SPDX-License-Identifier: MIT
 *
 * What a command is: its name, its options in one table, its exit codes.
 */
#ifndef CMDS_SHARED_TABLE_H
#define CMDS_SHARED_TABLE_H

#include <stddef.h>
#include <stdint.h>

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
    size_t n;
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

#endif
