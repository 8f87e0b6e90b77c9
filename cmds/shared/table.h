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
 * either case.  The letters q, h and V and the names threads, quiet, help, version are
 * taken. */
enum cmd_kind {
    CMD_KIND_FLAG,   /* int *: set to 1 (or to `set`) */
    CMD_KIND_TEXT,   /* const char ** */
    CMD_KIND_LIST,   /* struct cmd_list *: may be given again */
    CMD_KIND_INT,    /* int64_t *, within [min, max] */
    CMD_KIND_FLOAT,  /* double *, finite, within [min, max] */
    CMD_KIND_SIZE,   /* int64_t *, bytes, above 0: "400M", powers of 1000; no default */
    CMD_KIND_CHOICE, /* int *: i of a name that `name_at` gives for i = 0, 1, … until NULL */
    CMD_KIND_GROUP   /* a heading in the help, no option */
};

/* What the text of an option names; files.c keeps outputs and inputs apart.  A LIST of
 * inputs may have ":SCALE" behind each. */
enum cmd_role { CMD_NO_FILE, CMD_INPUT, CMD_OUTPUT };

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
    const char *(*name_at)(int i);
    const char **file; /* of a CHOICE: what stands behind "file:", which is one too; NULL */
    enum cmd_role role;
};

#define CMD_OPT(KIND, c, n, ptr, a, text) \
    .kind = KIND, .letter = c, .name = n, .value = ptr, .arg = a, .help = text
#define CMD_FLAG(c, n, ptr, text) \
    { CMD_OPT(CMD_KIND_FLAG, c, n, ptr, NULL, text), .set = 1 }
/* --no-x style: sets the int to 0 */
#define CMD_UNFLAG(c, n, ptr, text) { CMD_OPT(CMD_KIND_FLAG, c, n, ptr, NULL, text) }
#define CMD_TEXT(c, n, ptr, a, text) { CMD_OPT(CMD_KIND_TEXT, c, n, ptr, a, text) }
#define CMD_LIST(c, n, ptr, a, text) { CMD_OPT(CMD_KIND_LIST, c, n, ptr, a, text) }
/* TEXT, and LIST, that are names of files */
#define CMD_IN(c, n, ptr, a, text) \
    { CMD_OPT(CMD_KIND_TEXT, c, n, ptr, a, text), .role = CMD_INPUT }
#define CMD_OUT(c, n, ptr, a, text) \
    { CMD_OPT(CMD_KIND_TEXT, c, n, ptr, a, text), .role = CMD_OUTPUT }
#define CMD_INS(c, n, ptr, a, text) \
    { CMD_OPT(CMD_KIND_LIST, c, n, ptr, a, text), .role = CMD_INPUT }
#define CMD_INT(c, n, ptr, lo, hi, a, text) \
    { CMD_OPT(CMD_KIND_INT, c, n, ptr, a, text), .min = lo, .max = hi }
#define CMD_FLOAT(c, n, ptr, lo, hi, a, text) \
    { CMD_OPT(CMD_KIND_FLOAT, c, n, ptr, a, text), .min = lo, .max = hi }
#define CMD_SIZE(c, n, ptr, a, text) { CMD_OPT(CMD_KIND_SIZE, c, n, ptr, a, text) }
#define CMD_CHOICE(c, n, ptr, function, a, text) \
    { CMD_OPT(CMD_KIND_CHOICE, c, n, ptr, a, text), .name_at = function }
#define CMD_GROUP(text) { CMD_OPT(CMD_KIND_GROUP, 0, NULL, NULL, NULL, text) }
#define CMD_END { CMD_OPT(CMD_KIND_FLAG, 0, NULL, NULL, NULL, NULL) }

/* 1 behind the last entry of a table. */
static inline int cmd_is_end(const struct cmd_opt *opt)
{
    return !opt->name && opt->kind != CMD_KIND_GROUP;
}

struct cmd {
    const char *name;     /* "tokenize" */
    const char *synopsis; /* "-m MODEL.gguf [-o F] [FILE…]" */
    const char *about;    /* one line */
    const struct cmd_opt *opt;
    int min_operand, max_operand; /* max -1: any number; the synopsis ends with their names */
    /* Names of options that must be given, NULL behind the last; "data|file" where one of
     * several will do.  NULL: none. */
    const char *const *needed;
};

#endif
