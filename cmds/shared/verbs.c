/* SPDX-License-Identifier: MIT
 *
 * Which of several commands is asked for is its first word; without one, the help is that of all.
 */
#include "verbs.h"

#include "nearest.h"

#include <stdio.h>
#include <string.h>

static const struct cmd *find(const struct cmd *cmd, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = strcspn(cmd[i].synopsis, " ");
        if (word && strlen(word) == length && !memcmp(word, cmd[i].synopsis, length))
            return &cmd[i];
    }
    return NULL;
}

/* "one", "one or two", "one, two or three": the verbs, with what stands between them. */
static const char *list(char *text, size_t bytes, const struct cmd *cmd, size_t n,
                        const char *comma, const char *last)
{
    size_t used = 0;
    for (size_t i = 0; i < n && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%.*s",
                                 !i ? "" : i + 1 < n ? comma : last,
                                 (int)strcspn(cmd[i].synopsis, " "), cmd[i].synopsis);
    return text;
}

/* Of all of them, one group a verb. */
static struct cmd_opt *all_options(const struct cmd *cmd, size_t n)
{
    static struct cmd_opt all[96];
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        all[used++] = (struct cmd_opt)CMD_GROUP(cmd[i].about);
        for (const struct cmd_opt *o = cmd[i].opt; !cmd_is_end(o); o++)
            all[used] = *o, all[used++].role = CMD_NO_FILE;
    }
    all[used] = (struct cmd_opt)CMD_END;
    return all;
}

const struct cmd *cmd_verb(const struct cmd *cmd, size_t n, const char *about, int argc,
                           char **argv)
{
    static char synopsis[128], said[128], word[CMD_MOST_VERBS][24];
    const char *names[CMD_MOST_VERBS + 1] = { NULL };
    const struct cmd *found = find(cmd, n, argc > 1 ? argv[1] : NULL);
    int n_operand;
    if (found)
        return found;
    size_t used = strlen(list(synopsis, sizeof synopsis, cmd, n, "|", "|"));
    snprintf(synopsis + used, sizeof synopsis - used, " [option …]");
    list(said, sizeof said, cmd, n, ", ", " or ");
    for (size_t i = 0; i < n; i++) {
        snprintf(word[i], sizeof word[i], "%.*s", (int)strcspn(cmd[i].synopsis, " "),
                 cmd[i].synopsis);
        names[i] = word[i];
    }
    const struct cmd whole = { cmd->name, synopsis, about, all_options(cmd, n), 0, -1, NULL };
    char **operand = cmd_parse(&whole, argc, argv, &n_operand);
    const char *near = n_operand ? cmd_nearest(operand[0], names) : NULL;
    if (near)
        cmd_usage(&whole, "unknown word '%s'; did you mean '%s'?", operand[0], near);
    cmd_usage(&whole, "the first word is %s", said);
}
