/* SPDX-License-Identifier: MIT
 *
 * How well a model moves, as tables: means with their 95 % intervals, and what selfplay's
 * file of positions says of a model's moves.
 */
#ifndef CMDS_SHARED_JUDGED_H
#define CMDS_SHARED_JUDGED_H

#include <libtrain/play.h>

struct cmd_mean {
    double n, sum, squares;
};

void cmd_mean_add(struct cmd_mean *m, double v);
/* A table's head, and its rows: mean and half of its interval, scaled, and how many. */
void cmd_mean_head(void);
void cmd_mean_row(const char *name, const struct cmd_mean *m, double scale);

struct cmd_judged {
    struct cmd_mean legal, loss, best; /* loss, best: of the legal moves */
    struct cmd_mean chance;            /* loss of a legal move by chance */
};

/* The player's likeliest move in each position of a file. */
int cmd_judge(struct cmd_judged *j, struct tr_player *p, const char *path, struct tr_err *err);

#endif
