/* SPDX-License-Identifier: MIT
 *
 * selfplay - games of chess to train on, and how well a model plays.  See selfplay.1
 *
 * Games and scores are libtrain/play.h's; here are the files, the model's answers and what
 * is counted.
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/job.h"
#include "shared/verbs.h"

#include <libtrain/file.h>
#include <libtrain/play.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LOSS = 1000 /* centipawns that one move can lose, as is counted */ };

struct opts {
    const char *engine, *out, *model, *positions;
    struct cmd_list adapters;
    int64_t n, plies, first, depth, draw_depth, tries, near, far, seed;
    double temperature, temp;
    int pairs;
};

/* ==== games and positions ==== */

static int vocabulary(const struct opts *o, struct tr_err *err)
{
    return tr_play_vocabulary(o->out, err);
}

static struct tr_draw_args draw_args(const struct opts *o, int64_t plies)
{
    return (struct tr_draw_args){ (int)o->draw_depth, o->temperature, plies,
                                  (uint64_t)o->seed };
}

/* What game i gives, to f: 1, 0 if that is nothing, or -1. */
typedef int put_fn(const struct opts *o, struct tr_engine *e, int64_t i, char *game, FILE *f,
                   struct tr_err *err);

static int put_game(const struct opts *o, struct tr_engine *e, int64_t i, char *game,
                    FILE *f, struct tr_err *err)
{
    struct tr_draw_args a = draw_args(o, o->plies);
    int rc = tr_game_draw(e, &a, (uint64_t)i, game, err);
    if (!rc)
        fprintf(f, "{\"text\": \"%s\"}\n", game);
    return rc ? -1 : 1;
}

/* Of game i the position behind as many plies as its number says, with all moves of it and
 * their scores; nothing if it has ended before. */
static int put_position(const struct opts *o, struct tr_engine *e, int64_t i, char *game,
                        FILE *f, struct tr_err *err)
{
    struct tr_draw_args a = draw_args(o, o->first + i % (o->plies - o->first + 1));
    const struct tr_move *move;
    size_t n;
    int rc = tr_game_draw(e, &a, (uint64_t)i, game, err);
    if (!rc)
        rc = tr_engine_rank(e, game, (int)o->depth, &move, &n, err);
    if (rc || !n)
        return rc ? -1 : 0;
    fprintf(f, "%s\t", game);
    for (size_t k = 0; k < n; k++)
        fprintf(f, "%s%s:%d", k ? " " : "", move[k].text, move[k].score);
    fputc('\n', f);
    return 1;
}

static int draw_all(const struct opts *o, struct tr_engine *e, FILE *f,
                    put_fn *put, struct tr_err *err)
{
    char *game = malloc(tr_game_bytes(o->plies));
    int rc = game ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for a game");
    cmd_job("games");
    for (int64_t i = 0, done = 0; done < o->n && rc >= 0; i++) {
        rc = put(o, e, i, game, f, err);
        cmd_job_at(done += rc > 0, o->n);
    }
    cmd_job_end();
    free(game);
    return rc < 0 ? rc : 0;
}

static int write_all(const struct opts *o, put_fn *put, struct tr_err *err)
{
    struct tr_out *out = tr_out_open(o->out, err);
    struct tr_engine *e = out ? tr_engine_open(o->engine, err) : NULL;
    int rc = e ? draw_all(o, e, tr_out_stream(out), put, err) : err->code;
    tr_engine_close(e);
    return tr_out_finish(out, rc, err);
}

static int games(const struct opts *o, struct tr_err *err)
{
    return write_all(o, put_game, err);
}

static int positions(const struct opts *o, struct tr_err *err)
{
    if (o->first > o->plies)
        return tr_err_set(err, TR_EINVAL, "--first is %lld, and no game is longer than "
                          "%lld plies", (long long)o->first, (long long)o->plies);
    return write_all(o, put_position, err);
}

/* ==== judging ==== */

struct mean {
    double n, sum, squares;
};

static void mean_add(struct mean *m, double v)
{
    m->n++;
    m->sum += v;
    m->squares += v * v;
}

/* Half of the 95 % interval of the mean. */
static double mean_error(const struct mean *m)
{
    double v = m->n > 1 ? (m->squares - m->sum * m->sum / m->n) / (m->n - 1) : 0;
    return m->n > 0 ? 1.96 * sqrt(v / m->n) : 0;
}

struct judged {
    struct mean legal, loss, best; /* loss: of legal moves */
    struct mean chance;            /* loss of a legal move by chance */
};

static double loss_of(long best, long score)
{
    return best - score > MOST_LOSS ? MOST_LOSS : (double)(best - score);
}

/* moves: "e2e4:26 d2d4:-3 …", best first. */
static int count(struct judged *j, const char *answer, const char *moves)
{
    struct mean all = { 0 };
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
        mean_add(&all, loss_of(best, score));
        if (strlen(answer) == n && !memcmp(answer, at, n)) {
            legal = 1;
            mean_add(&j->loss, loss_of(best, score));
            mean_add(&j->best, score == best);
        }
    }
    if (all.n < 1)
        return -1;
    mean_add(&j->legal, legal);
    mean_add(&j->chance, all.sum / all.n);
    return 0;
}

static int judge_line(struct judged *j, struct tr_player *p, char *line, const char *path,
                      size_t number, struct tr_err *err)
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

static int judge_file(struct judged *j, struct tr_player *p, const char *path,
                      struct tr_err *err)
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

static void print_row(const char *name, const struct mean *m, double scale)
{
    if (m->n > 0)
        printf("%s\t%.2f\t%.2f\t%.0f\n", name, scale * m->sum / m->n, scale * mean_error(m),
               m->n);
    else
        printf("%s\t-\t-\t0\n", name);
}

static int judge(const struct opts *o, struct tr_player *p, struct tr_err *err)
{
    struct judged j = { .legal = { 0 } };
    int rc = judge_file(&j, p, o->positions, err);
    if (rc)
        return rc;
    puts("what\tmean\tinterval\tn");
    print_row("legal_percent", &j.legal, 100);
    print_row("loss_cp", &j.loss, 1);
    print_row("best_percent", &j.best, 100);
    print_row("chance_loss_cp", &j.chance, 1);
    return 0;
}

/* ==== tries ==== */

static int try_all(const struct opts *o, struct tr_player *p, struct tr_engine *e, FILE *f,
                   struct tr_err *err)
{
    struct tr_tries_stats s = { 0 };
    struct tr_tries_args a = { (int)o->depth, o->plies, o->tries, { .temp = o->temp, .top_p = 1 },
                               o->pairs, (int32_t)o->near, (int32_t)o->far,
                               (uint64_t)o->seed };
    int rc = 0;
    cmd_job("games");
    for (int64_t i = 0; i < o->n && !rc; i++) {
        rc = tr_player_tries(p, e, &a, (uint64_t)i, f, &s, err);
        cmd_job_at(i + 1, o->n);
    }
    cmd_job_end();
    if (!rc)
        cmd_say("%lld positions, %lld tries, %.1f %% legal, %lld rows", (long long)s.positions,
                (long long)s.tries, 100 * (double)s.legal / (double)(s.tries ? s.tries : 1),
                (long long)s.rows);
    return rc;
}

static int tries(const struct opts *o, struct tr_player *p, struct tr_err *err)
{
    struct tr_out *out = tr_out_open(o->out, err);
    struct tr_engine *e = out ? tr_engine_open(o->engine, err) : NULL;
    int rc = e ? try_all(o, p, e, tr_out_stream(out), err) : err->code;
    tr_engine_close(e);
    return tr_out_finish(out, rc, err);
}

/* ==== the model ==== */

static int with_player(const struct opts *o,
                       int (*run)(const struct opts *, struct tr_player *, struct tr_err *),
                       struct tr_err *err)
{
    struct cmd_adapters a = { .n = 0 };
    struct tr_player *p = NULL;
    struct tr_model *m = cmd_open_model(o->model, err);
    int rc = m ? cmd_adapters_attach(&a, &o->adapters, m, 0, err) : err->code;
    if (!rc && !(p = tr_player_new(m, err)))
        rc = err->code;
    if (!rc)
        rc = run(o, p, err);
    tr_player_free(p);
    tr_model_close(m);
    cmd_adapters_release(&a);
    return rc;
}

static int judge_model(const struct opts *o, struct tr_err *err)
{
    return with_player(o, judge, err);
}

static int try_model(const struct opts *o, struct tr_err *err)
{
    return with_player(o, tries, err);
}

/* ==== the whole ==== */

#define GAMES(o) \
    CMD_TEXT('e', "engine", &(o)->engine, "PROGRAM", "chess engine that speaks UCI"), \
    CMD_INT('n', "games", &(o)->n, 1, 1e9, "N", "games or positions to make"), \
    CMD_INT(0, "plies", &(o)->plies, 1, 600, "N", "moves of both sides, at most"), \
    CMD_INT('s', "seed", &(o)->seed, 0, 1e15, "N", "of the draws"), \
    CMD_OUT('o', "output", &(o)->out, "FILE", "where to write it")
#define DRAWS(o) \
    GAMES(o), \
    CMD_INT(0, "draw-depth", &(o)->draw_depth, 1, 30, "N", "plies of the search that " \
            "moves are drawn by"), \
    CMD_FLOAT(0, "temperature", &(o)->temperature, 0.01, 1e6, "CP", "centipawns: how far " \
              "below the best a move may well be")
#define MODEL(o) \
    CMD_IN('m', "model", &(o)->model, "FILE", "GGUF that writes moves"), \
    CMD_INS('a', "adapter", &(o)->adapters, "FILE[:SCALE]", "adapter (may be repeated)")
#define DEPTH(o) \
    CMD_INT(0, "depth", &(o)->depth, 1, 30, "N", "plies of the search that scores moves")

int main(int argc, char **argv)
{
    struct opts o = { .engine = "stockfish", .out = "-", .n = 1000, .plies = 24, .first = 4,
                      .depth = 6, .draw_depth = 2, .tries = 8, .near = 50, .far = 100,
                      .temperature = 60, .temp = 1 };
    const struct cmd_opt drawing[] = { DRAWS(&o), CMD_END };
    const struct cmd_opt placing[] = {
        DRAWS(&o), DEPTH(&o),
        CMD_INT(0, "first", &o.first, 0, 600, "N", "fewest moves in front of a position"),
        CMD_END
    };
    const struct cmd_opt making[] = {
        CMD_OUT('o', "output", &o.out, "FILE", "where to write it"), CMD_END
    };
    const struct cmd_opt judging[] = { MODEL(&o), CMD_END };
    const struct cmd_opt trying[] = {
        MODEL(&o), GAMES(&o), DEPTH(&o),
        CMD_INT('k', "tries", &o.tries, 1, 1000, "N", "moves of the model at each position"),
        CMD_FLOAT(0, "temp", &o.temp, 0, 100, "X", "of the model's draws"),
        CMD_FLAG(0, "pairs", &o.pairs, "rows of a move that is wanted and one that is not"),
        CMD_INT(0, "near", &o.near, 0, 20000, "CP", "how far below the best a move to "
                "imitate may be"),
        CMD_INT(0, "far", &o.far, 1, 20000, "CP", "how much worse a move that is not wanted "
                "is, if it is legal"),
        CMD_END
    };
    const struct cmd cmd[] = {
        { "selfplay", "vocab -o FILE.gguf", "vocab: a vocabulary for games", making, 0, 0,
          (const char *const[]){ "output", NULL } },
        { "selfplay", "games [-e PROGRAM] [-n N] [-o FILE]",
          "games: draw games by an engine's scores", drawing, 0, 0, NULL },
        { "selfplay", "positions [-e PROGRAM] [-n N] [-o FILE]",
          "positions: draw positions, with the score of each move", placing, 0, 0, NULL },
        { "selfplay", "judge -m MODEL.gguf [-a ADAPTER] POSITIONS",
          "judge: how well a model moves in these positions", judging, 1, 1,
          (const char *const[]){ "model", NULL } },
        { "selfplay", "tries -m MODEL.gguf [-a ADAPTER] [-k N] [--pairs] [-o FILE]",
          "tries: a model plays against itself, and what there is to learn from it", trying,
          0, 0, (const char *const[]){ "model", NULL } },
    };
    static int (*const run[])(const struct opts *o, struct tr_err *err) = {
        vocabulary, games, positions, judge_model, try_model
    };
    const struct cmd *c = cmd_verb(cmd, sizeof cmd / sizeof *cmd,
                                   "games of chess to train on, and how well a model plays",
                                   argc, argv);
    struct tr_err err = { 0 };
    int n_file;
    char **file = cmd_parse_verb(c, argc, argv, &n_file);
    o.positions = n_file ? file[0] : NULL;
    int rc = run[c - cmd](&o, &err) ? CMD_FAIL : CMD_OK;
    free(o.adapters.item);
    return cmd_end(rc, &err);
}
