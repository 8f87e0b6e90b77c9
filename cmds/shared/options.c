/* SPDX-License-Identifier: MIT
 *
 * Reading the options.  The words are walked twice: the first walk puts those of files in
 * the place of `@FILE` (settings.c) and finds unknown options, missing values and --help,
 * before any variable has lost the default that --help prints; the second one stores.
 */
#include "options.h"
#include "help.h"
#include "history.h"
#include "message.h"
#include "nearest.h"
#include "option-table.h"
#include "settings.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_OPT = 192, N_COMMON = 7 };

/* What the walks have met, by place in the command's table, then in common. */
static unsigned char seen[MAX_OPT];

struct walk {
    const struct cmd *cmd;
    const struct cmd_opt *common;
    struct cmd_common *out;
    struct cmd_words *words;
    size_t begin; /* the first word to read */
    size_t i, first; /* the word in hand, and where it begins if it is an option */
    int store;
};

/* A usage error, with the place if it is in a file. */
static void refuse(const struct walk *w, const char *fmt, ...) TR_PRINTF(2, 3) TR_NORETURN;
static void refuse(const struct walk *w, const char *fmt, ...)
{
    const struct cmd_word *word = &w->words->word[w->first];
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!word->file)
        cmd_usage(w->cmd, "%s", text);
    cmd_usage(w->cmd, "'%s' line %ld: %s", word->file, word->line, text);
}

static void fail(const struct tr_err *err) TR_NORETURN;
static void fail(const struct tr_err *err)
{
    exit(cmd_end(CMD_FAIL, err));
}

/* ==== numbers ==== */

int cmd_parse_int(const char *text, int64_t *v)
{
    const char *digits = text + (*text == '-');
    if (!*digits || digits[strspn(digits, "0123456789")])
        return 0;
    errno = 0;
    *v = strtoll(text, NULL, 10);
    return !errno;
}

int cmd_parse_float(const char *text, double *v)
{
    char *end;
    if (!*text || text[strspn(text, "0123456789.eE+-")] || *text == '+')
        return 0;
    *v = strtod(text, &end);
    return end != text && !*end && isfinite(*v);
}

/* ==== storing a value ==== */

static void store_list(const struct walk *w, const struct cmd_opt *opt, const char *text)
{
    struct cmd_list *list = opt->value;
    if (!list->item) /* no list is longer than the command line */
        list->item = calloc(w->words->n, sizeof *list->item);
    if (!list->item) {
        cmd_complain("out of memory for a list of options");
        exit(CMD_FAIL);
    }
    list->item[list->n++] = text;
}

static void store_int(const struct walk *w, const struct cmd_opt *opt, const char *text)
{
    int64_t v;
    if (!cmd_parse_int(text, &v) || (double)v < opt->min || (double)v > opt->max)
        refuse(w, "option '--%s' takes a whole number from %.0f to %.0f, not '%s'",
                  opt->name, opt->min, opt->max, text);
    *(int64_t *)opt->value = v;
}

static void store_float(const struct walk *w, const struct cmd_opt *opt, const char *text)
{
    double v;
    if (!cmd_parse_float(text, &v) || v < opt->min || v > opt->max)
        refuse(w, "option '--%s' takes a number from %g to %g, not '%s'", opt->name,
                  opt->min, opt->max, text);
    *(double *)opt->value = v;
}

static void store_size(const struct walk *w, const struct cmd_opt *opt, const char *text)
{
    static const char unit[] = "kKmMgGtT";
    char number[32];
    size_t length = strlen(text);
    double v = 0, factor = 1;
    const char *found = length ? strchr(unit, text[length - 1]) : NULL;
    for (ptrdiff_t i = found ? (found - unit) / 2 : -1; i >= 0; i--)
        factor *= 1000;
    snprintf(number, sizeof number, "%.*s", (int)length - (found != NULL), text);
    if (length >= sizeof number || !cmd_parse_float(number, &v) || v * factor < 1 ||
        v * factor > 1e18)
        refuse(w, "option '--%s' takes a number of bytes as in 400M or 2.5G, not '%s'",
                  opt->name, text);
    *(int64_t *)opt->value = (int64_t)(v * factor);
}

/* The choices, and the one that was meant. */
static void refuse_choice(const struct walk *w, const struct cmd_opt *opt, const char *text)
    TR_NORETURN;
static void refuse_choice(const struct walk *w, const struct cmd_opt *opt, const char *text)
{
    const char *name[MAX_OPT + 1] = { NULL };
    char list[512] = "";
    for (int i = 0; i < MAX_OPT && (name[i] = opt->name_at(i)); i++)
        cmd_append(list, sizeof list, " %s", name[i]);
    if (opt->file)
        cmd_append(list, sizeof list, " file:FILE");
    const char *near = cmd_nearest(text, name);
    if (near)
        refuse(w, "option '--%s' does not know '%s'; did you mean '%s'? There are:%s",
               opt->name, text, near, list);
    refuse(w, "option '--%s' does not know '%s'; there are:%s", opt->name, text, list);
}

static void store_choice(const struct walk *w, const struct cmd_opt *opt, const char *text)
{
    if (opt->file && !strncmp(text, "file:", 5) && text[5]) {
        *opt->file = text + 5;
        return;
    }
    for (int i = 0; opt->name_at(i); i++)
        if (!strcasecmp(opt->name_at(i), text)) {
            *(int *)opt->value = i;
            return;
        }
    refuse_choice(w, opt, text);
}

static void store_flag(const struct walk *w, const struct cmd_opt *opt, const char *text)
{
    (void)w, (void)text;
    *(int *)opt->value = opt->set;
}

static void store_text(const struct walk *w, const struct cmd_opt *opt, const char *text)
{
    (void)w;
    *(const char **)opt->value = text;
}

static void (*const store[])(const struct walk *, const struct cmd_opt *, const char *) = {
    [CMD_KIND_FLAG] = store_flag,   [CMD_KIND_TEXT] = store_text,
    [CMD_KIND_LIST] = store_list,   [CMD_KIND_INT] = store_int,
    [CMD_KIND_FLOAT] = store_float, [CMD_KIND_CHOICE] = store_choice,
    [CMD_KIND_SIZE] = store_size,
};

/* ==== finding the option ==== */

/* The option with this name or, if name is NULL, this letter; *place counts over both
 * tables. */
static const struct cmd_opt *find(const struct walk *w, const char *name, size_t length,
                                  char letter, int *place)
{
    const struct cmd_opt *table[] = {w->cmd->opt, w->common};
    *place = 0;
    for (int t = 0; t < 2; t++)
        for (const struct cmd_opt *opt = table[t]; !cmd_is_end(opt); opt++, ++*place) {
            if (*place >= MAX_OPT)
                tr_fatal("%s: more than %d options", w->cmd->name, MAX_OPT);
            if (opt->kind == CMD_KIND_GROUP)
                continue;
            if (name ? strlen(opt->name) == length && !memcmp(opt->name, name, length)
                     : opt->letter && opt->letter == letter)
                return opt;
        }
    return NULL;
}

static int is_common(const struct walk *w, const struct cmd_opt *opt)
{
    for (const struct cmd_opt *c = w->common; !cmd_is_end(c); c++)
        if (c == opt)
            return 1;
    return 0;
}

/* One option with its value, if it has one. */
static void take(struct walk *w, const struct cmd_opt *opt, int place, const char *text)
{
    int once = opt->kind != CMD_KIND_FLAG && opt->kind != CMD_KIND_LIST;
    if (w->store) {
        store[opt->kind](w, opt, text);
        if (!is_common(w, opt))
            cmd_history_note(opt, text);
    } else if (opt->value == &w->out->help) {
        cmd_print_help(w->cmd, w->common);
        exit(cmd_end(CMD_OK, NULL));
    } else if (once && seen[place]) {
        refuse(w, "option '--%s' is given twice", opt->name);
    }
    seen[place] = 1;
}

/* The value of an option stands behind it or is the next argument, whatever that is. */
static const char *next_value(struct walk *w, const struct cmd_opt *opt)
{
    if (w->i + 1 >= w->words->n)
        refuse(w, "option '--%s' needs a value (%s)", opt->name, opt->arg);
    return w->words->word[++w->i].text;
}

/* 1 if a help says first what was typed for a name: "learning-rate", "learning rate, …". */
static int is_described(const char *help, const char *word)
{
    size_t n = strlen(word), i = 0;
    while (i < n && help[i] == (word[i] == '-' ? ' ' : word[i]))
        i++;
    return n > 2 && i == n && !isalnum((unsigned char)help[n]);
}

/* The option that was meant by a name that none has. */
static const char *meant(const struct walk *w, const char *word)
{
    const struct cmd_opt *table[] = { w->cmd->opt, w->common };
    const char *known[MAX_OPT + 1] = { NULL }, *described = NULL;
    size_t n = 0;
    for (int t = 0; t < 2; t++)
        for (const struct cmd_opt *opt = table[t]; !cmd_is_end(opt); opt++) {
            if (opt->kind == CMD_KIND_GROUP)
                continue;
            known[n++] = opt->name;
            if (!described && is_described(opt->help, word))
                described = opt->name;
        }
    return described ? described : cmd_nearest(word, known);
}

/* An option that there is not, and the long one that was meant. */
static void refuse_unknown(const struct walk *w, const char *dashes, const char *name,
                           size_t length, const char *as_long) TR_NORETURN;
static void refuse_unknown(const struct walk *w, const char *dashes, const char *name,
                           size_t length, const char *as_long)
{
    char word[256];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(as_long, "="), as_long);
    const char *near = meant(w, word);
    if (near)
        refuse(w, "unknown option '%s%.*s'; did you mean '--%s'?", dashes, (int)length,
               name, near);
    refuse(w, "unknown option '%s%.*s'", dashes, (int)length, name);
}

static void take_long(struct walk *w, const char *name)
{
    int place;
    size_t length = strcspn(name, "=");
    const struct cmd_opt *opt = find(w, name, length, 0, &place);
    if (!opt)
        refuse_unknown(w, "--", name, length, name);
    const char *value = name[length] ? name + length + 1 : NULL;
    if (opt->kind == CMD_KIND_FLAG && value)
        refuse(w, "option '--%s' takes no value", opt->name);
    if (opt->kind != CMD_KIND_FLAG && !value)
        value = next_value(w, opt);
    take(w, opt, place, value);
}

/* "-model F" and, from a typeset page, an em dash in place of the dashes: letters and a
 * file by the rules, which nobody means. */
static void refuse_other_dashes(const struct walk *w, const char *word)
{
    static const char *const dash[] = { "-", "\xe2\x80\x93", "\xe2\x80\x94" }; /* en, em */
    int place;
    for (size_t i = 0; i < sizeof dash / sizeof *dash; i++) {
        const char *name = word + strlen(dash[i]);
        if (strncmp(word, dash[i], strlen(dash[i])))
            continue;
        size_t n = strcspn(name, "=");
        const struct cmd_opt *opt = find(w, n > 1 ? name : NULL, n, *name, &place);
        if (opt && (i || n > 1))
            refuse(w, "unknown option '%s'; did you mean '--%s'?", word, opt->name);
    }
}

static void take_letters(struct walk *w, const char *word)
{
    for (const char *letters = word; *letters; letters++) {
        int place;
        const struct cmd_opt *opt = find(w, NULL, 0, *letters, &place);
        if (!opt)
            refuse_unknown(w, "-", letters, 1, word);
        if (opt->kind != CMD_KIND_FLAG) {
            take(w, opt, place, letters[1] ? letters + 1 : next_value(w, opt));
            return;
        }
        take(w, opt, place, NULL);
    }
}

/* The next word, once no `@FILE` stands there; NULL at the end. */
static char *next_word(struct walk *w)
{
    struct tr_err err = {0};
    for (; w->i < w->words->n && *w->words->word[w->i].text == '@';)
        if (cmd_words_expand(w->words, w->i, &err))
            fail(&err);
    w->first = w->i;
    return w->i < w->words->n ? w->words->word[w->i].text : NULL;
}

static void add(char **operand, int *n, char *word)
{
    if (operand)
        operand[*n] = word;
    ++*n;
}

/* One walk over the words.  operand: where to put the others, or NULL. */
static int walk(struct walk *w, char **operand)
{
    char *word;
    int n_operand = 0;
    for (w->i = w->begin; (word = next_word(w)) && strcmp(word, "--"); w->i++) {
        if (word[1] != '-')
            refuse_other_dashes(w, word);
        if (word[0] != '-' || !word[1])
            add(operand, &n_operand, word);
        else if (word[1] == '-')
            take_long(w, word + 2);
        else
            take_letters(w, word + 1);
    }
    while (++w->i < w->words->n)
        add(operand, &n_operand, w->words->word[w->i].text);
    return n_operand;
}

int cmd_given(const struct cmd *cmd, const char *name)
{
    int place = 0;
    for (const struct cmd_opt *opt = cmd->opt; !cmd_is_end(opt); opt++, place++)
        if (opt->kind != CMD_KIND_GROUP && !strcmp(opt->name, name))
            return seen[place];
    return 0;
}

char **cmd_options_read(const struct cmd *cmd, struct cmd_common *common, int begin,
                        int argc, char **argv, int *n_operand)
{
    static struct cmd_words words; /* as long as the process: values are in it */
    static char **operand;
    const struct cmd_opt table[N_COMMON] = {
        CMD_GROUP("common options"),
        CMD_INT(0, "threads", &common->threads, 1, 1e6, "N",
                "processors to use (default: OMP_NUM_THREADS, or all that are usable)"),
        CMD_FLAG('q', "quiet", &common->quiet, "say nothing but warnings and errors"),
        CMD_FLAG('h', "help", &common->help, "print this page"),
        CMD_FLAG('V', "version", &common->version,
                 "print version, compiler, BLAS, threads"),
        CMD_END,
    };
    struct tr_err err = {0};
    if (argc == begin + 1 && !strcmp(argv[begin], CMD_PRINT_OPTIONS)) {
        cmd_print_options(cmd, table);
        exit(cmd_end(CMD_OK, NULL));
    }
    if (cmd_words_begin(&words, argc, argv, &err))
        fail(&err);
    struct walk w = { .cmd = cmd, .common = table, .out = common, .words = &words,
                      .begin = (size_t)begin };
    walk(&w, NULL);
    if (!(operand = calloc(words.n + 1, sizeof *operand))) {
        tr_err_set(&err, TR_ENOMEM, "out of memory for %zu words of options", words.n);
        fail(&err);
    }
    w.store = 1;
    *n_operand = walk(&w, operand);
    common->settings = words.file;
    return operand;
}
