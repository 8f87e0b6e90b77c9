/* SPDX-License-Identifier: MIT
 *
 * The options as a table that mk/completion.awk makes completions of shells from, so that
 * these know what --help knows.
 */
#include "option-table.h"

#include <stdio.h>

static const char *const kind[] = {
    [CMD_KIND_FLAG] = "flag",    [CMD_KIND_TEXT] = "text",    [CMD_KIND_LIST] = "text",
    [CMD_KIND_INT] = "number",   [CMD_KIND_FLOAT] = "number", [CMD_KIND_SIZE] = "number",
    [CMD_KIND_CHOICE] = "choice",
};

static void print_option(const struct cmd_opt *opt)
{
    printf("%c\t%s\t%s\t", opt->letter ? opt->letter : '-', opt->name, kind[opt->kind]);
    for (int i = 0; opt->kind == CMD_KIND_CHOICE && opt->name_at(i); i++)
        printf("%s%s", i ? " " : "", opt->name_at(i));
    printf("\t%s\n", opt->help);
}

void cmd_print_options(const struct cmd *cmd, const struct cmd_opt *common)
{
    const struct cmd_opt *table[] = { cmd->opt, common };
    for (int t = 0; t < 2; t++)
        for (const struct cmd_opt *opt = table[t]; !cmd_is_end(opt); opt++)
            if (opt->kind != CMD_KIND_GROUP)
                print_option(opt);
}
