/* SPDX-License-Identifier: MIT
 *
 * A line of positions is a game, a tab, and all legal moves with their scores; only the
 * likeliest move of the model is asked for, whatever it is.
 */
#include "judged.h"

#include "common.h"
#include "job.h"

#include <libtrain/file.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LOSS = 1000 /* centipawns that one move can lose, as is counted */ };

void cmd_mean_add(struct cmd_mean *m, double v)
{
    m->n++;
    m->sum += v;
    m->squares += v * v;
}

/* Half of the 95 % interval of the mean. */
static double mean_error(const struct cmd_mean *m)
{
    double v = m->n > 1 ? (m->squares - m->sum * m->sum / m->n) / (m->n - 1) : 0;
    return m->n > 0 ? 1.96 * sqrt(v / m->n) : 0;
}

static double loss_of(long best, long score)
{
    return best - score > MOST_LOSS ? MOST_LOSS : (double)(best - score);
}

/* moves: "e2e4:26 d2d4:-3 …", best first. */
static int count(struct cmd_judged *j, const char *answer, const char *moves)
{
    struct cmd_mean all = { 0 };
    int legal = 0;
    long best = 0;
    for (const char *at = moves; *at; at += strcspn(at, " "), at += *at == ' ') {
        size_t n = strcspn(at, ": ");
        char *end;
        if (!tr_move_is(at, n) || at[n] != ':')
            return -1;
        long score = strtol(at + n + 1, &end, 10);
        if (end == at + n + 1 || (*end && *end != ' '))
            return -1;
        best = all.n > 0 ? best : score;
        cmd_mean_add(&all, loss_of(best, score));
        if (strlen(answer) == n && !memcmp(answer, at, n)) {
            legal = 1;
            cmd_mean_add(&j->loss, loss_of(best, score));
            cmd_mean_add(&j->best, score == best);
        }
    }
    if (all.n < 1)
        return -1;
    cmd_mean_add(&j->legal, legal);
    cmd_mean_add(&j->chance, all.sum / all.n);
    return 0;
}

static int judge_line(struct cmd_judged *j, struct tr_player *p, char *line,
                      const char *path, size_t number, struct tr_err *err)
{
    const struct tr_sampling likeliest = { .top_p = 1 };
    struct tr_rng rng = tr_rng_init(0, 0);
    char move[TR_MOVE_BYTES], *tab = strchr(line, '\t');
    if (!tab)
        return tr_err_set(err, TR_EFORMAT, "'%s': line %zu has no scores behind a tab", path,
                          number);
    *tab = '\0';
    if (tr_player_move(p, line, &likeliest, &rng, move, err))
        return tr_err_prefix(err, "'%s': line %zu", path, number);
    if (count(j, move, tab + 1))
        return tr_err_set(err, TR_EFORMAT, "'%s': line %zu: its scores are not as "
                          "'selfplay positions' writes them", path, number);
    return 0;
}

int cmd_judge(struct cmd_judged *j, struct tr_player *p, const char *path, struct tr_err *err)
{
    char *text = NULL;
    size_t bytes, number = 0;
    int rc = tr_read_all(path, &text, &bytes, err);
    cmd_job("B");
    for (char *line = text, *end; !rc && line < text + bytes; line = end + 1) {
        end = line + strcspn(line, "\n");
        *end = '\0';
        rc = judge_line(j, p, line, path, ++number, err);
        cmd_job_at(end - text, (int64_t)bytes);
    }
    cmd_job_end();
    free(text);
    if (!rc && j->legal.n < 1)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' is empty", path);
    return rc;
}

void cmd_mean_head(void)
{
    puts("what\tmean\tinterval\tn");
}

void cmd_mean_row(const char *name, const struct cmd_mean *m, double scale)
{
    if (m->n > 0)
        printf("%s\t%.2f\t%.2f\t%.0f\n", name, scale * m->sum / m->n, scale * mean_error(m),
               m->n);
    else
        printf("%s\t-\t-\t0\n", name);
}
