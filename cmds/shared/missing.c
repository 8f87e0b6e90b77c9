/* SPDX-License-Identifier: MIT
 *
 * Is all there that a command needs?  What is missing is named, and only that, with all of
 * it at once: options by the command's list, operands by the last words of its synopsis.
 */
#include "missing.h"
#include "help.h"
#include "message.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

struct missing {
    char text[512];
    const char *help; /* of what is missing, if that is one option */
    int n, last;      /* so many; where in the text the last one begins */
};

static const struct cmd_opt *find(const struct cmd *cmd, const char *name, size_t length)
{
    for (const struct cmd_opt *opt = cmd->opt; !cmd_is_end(opt); opt++)
        if (opt->name && strlen(opt->name) == length && !memcmp(opt->name, name, length))
            return opt;
    tr_fatal("%s: no option '%.*s', which is needed", cmd->name, (int)length, name);
}

/* Make room for one more, between commas. */
static void next(struct missing *m)
{
    if (m->n++)
        cmd_append(m->text, sizeof m->text, ", ");
    m->last = (int)strlen(m->text);
}

/* One of "data|file": nothing if any of them was given. */
static void look_at_option(const struct cmd *cmd, const char *names, struct missing *m)
{
    char text[256] = "";
    const struct cmd_opt *opt = NULL;
    size_t n;
    const char *bar = strchr(names, '|'), *second = bar ? bar + 1 : NULL;
    for (const char *p = names; *p; p += n + (p[n] == '|')) {
        n = strcspn(p, "|");
        opt = find(cmd, p, n);
        if (cmd_given(cmd, opt->name))
            return;
        cmd_append(text, sizeof text, "%s'--%s%s%s'",
                   p == names ? "" : p == second ? " (or " : ", ", opt->name,
                   opt->arg ? " " : "", opt->arg ? opt->arg : "");
    }
    next(m);
    cmd_append(m->text, sizeof m->text, "%s%s", text, second ? ")" : "");
    m->help = second ? NULL : opt->help;
}

/* The i-th of n words that a synopsis ends with. */
static void look_at_operand(const char *synopsis, int i, int n, struct missing *m)
{
    const char *p = synopsis + strlen(synopsis);
    for (; n > i && p > synopsis; n--)
        for (p -= p > synopsis && p[-1] == ' '; p > synopsis && p[-1] != ' '; p--)
            ;
    next(m);
    cmd_append(m->text, sizeof m->text, "'%.*s'", (int)strcspn(p, " "), p);
    m->help = NULL;
}

static void say_missing(const struct cmd *cmd, const char *before, const struct missing *m)
{
    if (m->n == 1 && m->help)
        cmd_usage(cmd, "%s%s is missing: %s", before, m->text, m->help);
    if (m->n == 1)
        cmd_usage(cmd, "%s%s is missing", before, m->text);
    cmd_usage(cmd, "%s%.*s and %s are missing", before, m->last - 2, m->text,
              m->text + m->last);
}

void cmd_check_given(const struct cmd *cmd, char *const *operand, int n_operand)
{
    struct missing m = { .n = 0 };
    char before[512] = "";
    for (const char *const *name = cmd->needed; name && *name; name++)
        look_at_option(cmd, *name, &m);
    for (int i = n_operand; i < cmd->min_operand; i++)
        look_at_operand(cmd->synopsis, i, cmd->min_operand, &m);
    if (cmd->max_operand >= 0 && n_operand > cmd->max_operand)
        snprintf(before, sizeof before, "extra operand '%.400s'%s",
                 operand[cmd->max_operand], m.n ? "; " : "");
    if (m.n)
        say_missing(cmd, before, &m);
    if (*before)
        cmd_usage(cmd, "%s", before);
}
