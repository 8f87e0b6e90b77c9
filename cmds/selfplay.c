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
#include "shared/judged.h"
#include "shared/verbs.h"

#include <libtrain/file.h>
#include <libtrain/play.h>

#include <stdio.h>
#include <stdlib.h>

enum { MOST_MISSES = 200 };

struct opts {
    const char *engine, *out, *model, *positions, *pgn;
    struct cmd_list adapters;
    int64_t n, plies, first, depth, draw_depth, tries, near, far, seed, level, retries;
    double temperature, temp;
    int lesson, against, notation;
};

/* ==== games and positions ==== */

static int vocabulary(const struct opts *o, struct tr_err *err)
{
    return tr_play_vocabulary(o->out, tr_notation_at(o->notation), err);
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
        tr_notation_rows(tr_notation_at(o->notation), game, f);
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

static int put_instruction(const struct opts *o, struct tr_engine *e, int64_t i, char *game,
                           FILE *f, struct tr_err *err)
{
    struct tr_draw_args a = draw_args(o, o->first + i % (o->plies - o->first + 1));
    (void)game;
    return tr_game_instruct(e, &a, (int)o->depth, (uint64_t)i, f, err);
}

/* Many games in a row that give nothing will be followed by others. */
static int draw_all(const struct opts *o, struct tr_engine *e, FILE *f,
                    put_fn *put, struct tr_err *err)
{
    char *game = malloc(tr_game_bytes(o->plies));
    int rc = game ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for a game");
    int64_t last = 0;
    cmd_job("games");
    for (int64_t i = 0, done = 0; done < o->n && rc >= 0; i++) {
        rc = put(o, e, i, game, f, err);
        last = rc > 0 ? i : last;
        if (!rc && i - last >= MOST_MISSES)
            rc = tr_err_set(err, TR_EINVAL, "%d games have ended before the positions that "
                            "are wanted: fewer --first or --plies", MOST_MISSES);
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

static int write_places(const struct opts *o, put_fn *put, struct tr_err *err)
{
    if (o->first > o->plies)
        return tr_err_set(err, TR_EINVAL, "--first is %lld, and no game is longer than "
                          "%lld plies", (long long)o->first, (long long)o->plies);
    return write_all(o, put, err);
}

static int positions(const struct opts *o, struct tr_err *err)
{
    return write_places(o, put_position, err);
}

static int instruct(const struct opts *o, struct tr_err *err)
{
    return write_places(o, put_instruction, err);
}

/* ==== judging ==== */

static int judge(const struct opts *o, struct tr_player *p, struct tr_err *err)
{
    struct cmd_judged j = { .legal = { 0 } };
    int rc = cmd_judge(&j, p, o->positions, err);
    if (rc)
        return rc;
    cmd_mean_head();
    cmd_mean_row("legal_percent", &j.legal, 100);
    cmd_mean_row("loss_cp", &j.loss, 1);
    cmd_mean_row("best_percent", &j.best, 100);
    cmd_mean_row("chance_loss_cp", &j.chance, 1);
    return 0;
}

/* ==== matches ==== */

static struct tr_sampling sampling(const struct opts *o)
{
    return (struct tr_sampling){ .temp = o->temp, .top_p = 1 };
}

static const struct tr_opponent *opponent(const struct opts *o)
{
    return tr_opponent_at(o->against);
}

static int play_all(const struct opts *o, struct tr_player *p, struct tr_engine *judge,
                    struct tr_engine *other, FILE *pgn, struct tr_err *err)
{
    struct tr_match_args a = { opponent(o), (int)o->depth, o->plies, o->retries, sampling(o),
                               (uint64_t)o->seed };
    struct tr_match_stats s = { 0 };
    struct cmd_mean score = { 0 }, legal = { 0 }, forfeit = { 0 }, plies = { 0 };
    int rc = 0, won = 0;
    cmd_job("games");
    for (int64_t i = 0; i < o->n && !rc; i++) {
        struct tr_match_stats before = s;
        rc = tr_match_game(p, judge, other, &a, (uint64_t)i, pgn, &won, &s, err);
        cmd_mean_add(&score, won / 2.0);
        cmd_mean_add(&forfeit, (double)(s.forfeits - before.forfeits));
        cmd_mean_add(&plies, (double)(s.plies - before.plies));
        for (int64_t k = before.tries; k < s.tries; k++)
            cmd_mean_add(&legal, k - before.tries < s.legal - before.legal);
        cmd_job_at(i + 1, o->n);
    }
    cmd_job_end();
    if (rc)
        return rc;
    cmd_mean_head();
    cmd_mean_row("score_percent", &score, 100);
    cmd_mean_row("legal_percent", &legal, 100);
    cmd_mean_row("forfeit_percent", &forfeit, 100);
    cmd_mean_row("plies", &plies, 1);
    return 0;
}

/* The opponent's engine is not the judge's, which must see all. */
static int match_to(const struct opts *o, struct tr_player *p, FILE *pgn, struct tr_err *err)
{
    struct tr_engine *judge = tr_engine_open(o->engine, err), *other = NULL;
    int rc = judge ? 0 : err->code;
    if (!rc && tr_opponent_is_engine(opponent(o)))
        rc = (other = tr_engine_open(o->engine, err))
                 ? tr_opponent_level(opponent(o), other, (int)o->level, err) : err->code;
    if (!rc)
        rc = play_all(o, p, judge, other, pgn, err);
    tr_engine_close(other);
    tr_engine_close(judge);
    return rc;
}

static int match(const struct opts *o, struct tr_player *p, struct tr_err *err)
{
    struct tr_out *out = tr_out_open(o->pgn, err);
    return out ? tr_out_finish(out, match_to(o, p, tr_out_stream(out), err), err) : err->code;
}

/* ==== tries ==== */

static int try_all(const struct opts *o, struct tr_player *p, struct tr_engine *e, FILE *f,
                   struct tr_err *err)
{
    struct tr_tries_stats s = { 0 };
    struct tr_tries_args a = { tr_lesson_at(o->lesson), (int)o->depth, o->plies, o->tries,
                               sampling(o), (int32_t)o->near, (int32_t)o->far,
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
    if (!rc && !(p = tr_player_new(m, tr_notation_at(o->notation), err)))
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

static int match_model(const struct opts *o, struct tr_err *err)
{
    return with_player(o, match, err);
}

static int try_model(const struct opts *o, struct tr_err *err)
{
    return with_player(o, tries, err);
}

/* ==== the whole ==== */

static const char *lesson_name(int i)
{
    return tr_lesson_at(i) ? tr_lesson_name(tr_lesson_at(i)) : NULL;
}

static const char *notation_name(int i)
{
    return tr_notation_at(i) ? tr_notation_name(tr_notation_at(i)) : NULL;
}

static const char *opponent_name(int i)
{
    return tr_opponent_at(i) ? tr_opponent_name(tr_opponent_at(i)) : NULL;
}

#define ENGINE(o) \
    CMD_TEXT('e', "engine", &(o)->engine, "PROGRAM", "chess engine that speaks UCI"), \
    CMD_INT('n', "games", &(o)->n, 1, 1e9, "N", "games or positions to make"), \
    CMD_INT(0, "plies", &(o)->plies, 1, 600, "N", "moves of both sides, at most"), \
    CMD_INT('s', "seed", &(o)->seed, 0, 1e15, "N", "of the draws")
#define DRAWS(o) \
    ENGINE(o), OUTPUT(o), \
    CMD_INT(0, "draw-depth", &(o)->draw_depth, 1, 30, "N", "plies of the search that " \
            "moves are drawn by"), \
    CMD_FLOAT(0, "temperature", &(o)->temperature, 0.01, 1e6, "CP", "centipawns: how far " \
              "below the best a move may well be")
#define NOTATION(o) \
    CMD_CHOICE(0, "notation", &(o)->notation, notation_name, "NAME", "how positions are " \
               "written: moves board")
#define OUTPUT(o) CMD_OUT('o', "output", &(o)->out, "FILE", "where to write it")
#define MODEL(o) \
    CMD_IN('m', "model", &(o)->model, "FILE", "GGUF that writes moves"), \
    CMD_INS('a', "adapter", &(o)->adapters, "FILE[:SCALE]", "adapter (may be repeated)")
#define MODEL_DRAWS(o) \
    MODEL(o), ENGINE(o), DEPTH(o), NOTATION(o), \
    CMD_FLOAT(0, "temp", &(o)->temp, 0, 100, "X", "of the model's draws")
#define DEPTH(o) \
    CMD_INT(0, "depth", &(o)->depth, 1, 30, "N", "plies of the search that scores moves")

static int run(int argc, char **argv, struct opts *o, struct tr_err *err)
{
    const struct cmd_opt drawing[] = { DRAWS(o), NOTATION(o), CMD_END };
    const struct cmd_opt placing[] = {
        DRAWS(o), DEPTH(o),
        CMD_INT(0, "first", &o->first, 0, 600, "N", "fewest moves in front of a position"),
        CMD_END
    };
    const struct cmd_opt making[] = { OUTPUT(o), NOTATION(o), CMD_END };
    const struct cmd_opt judging[] = { MODEL(o), NOTATION(o), CMD_END };
    const struct cmd_opt trying[] = {
        MODEL_DRAWS(o), OUTPUT(o),
        CMD_INT('k', "tries", &o->tries, 1, 1000, "N", "moves of the model at each position"),
        CMD_CHOICE(0, "lesson", &o->lesson, lesson_name, "NAME", "rows that are written: best "
                   "engine legal rank reward"),
        CMD_INT(0, "near", &o->near, 0, 20000, "CP", "best: how far below the best move one "
                "to imitate may be"),
        CMD_INT(0, "far", &o->far, 1, 20000, "CP", "rank: how much worse a move that is not "
                "wanted is; reward: what brings a reward to 0.37"),
        CMD_END
    };
    const struct cmd_opt matching[] = {
        MODEL_DRAWS(o),
        CMD_CHOICE(0, "against", &o->against, opponent_name, "NAME", "who plays against it: "
                   "random, the engine by skill or elo, or self"),
        CMD_INT(0, "level", &o->level, 0, 4000, "N", "of skill or elo"),
        CMD_INT(0, "retries", &o->retries, 0, 1000, "N", "tries after an illegal move, before "
                "the game is lost"),
        CMD_OUT(0, "pgn", &o->pgn, "FILE", "the games"), CMD_END
    };
    static const char *const needs_model[] = { "model", NULL };
    const struct cmd cmd[] = {
        { "selfplay", "vocab -o FILE.gguf", "vocab: a vocabulary for games", making, 0, 0,
          (const char *const[]){ "output", NULL } },
        { "selfplay", "games [-e PROGRAM] [-n N] [-o FILE]",
          "games: draw games by an engine's scores", drawing, 0, 0, NULL },
        { "selfplay", "positions [-e PROGRAM] [-n N] [-o FILE]",
          "positions: draw positions, with the score of each move", placing, 0, 0, NULL },
        { "selfplay", "instruct [-e PROGRAM] [-n N] [-o FILE]",
          "instruct: draw positions, as questions with answers", placing, 0, 0, NULL },
        { "selfplay", "judge -m MODEL.gguf [-a ADAPTER] POSITIONS",
          "judge: how well a model moves in these positions", judging, 1, 1, needs_model },
        { "selfplay", "tries -m MODEL.gguf [-a ADAPTER] [-k N] [--lesson NAME] [-o FILE]",
          "tries: a model plays against itself, and what there is to learn from it", trying,
          0, 0, needs_model },
        { "selfplay", "match -m MODEL.gguf [-a ADAPTER] [--against NAME] --pgn FILE",
          "match: a model's games against somebody, and their score", matching, 0, 0,
          (const char *const[]){ "model", "pgn", NULL } },
    };
    static int (*const verb[])(const struct opts *o, struct tr_err *err) = {
        vocabulary, games, positions, instruct, judge_model, try_model, match_model
    };
    const struct cmd *c = cmd_verb(cmd, sizeof cmd / sizeof *cmd,
                                   "games of chess to train on, and how well a model plays",
                                   argc, argv);
    int n_file;
    char **file = cmd_parse_verb(c, argc, argv, &n_file);
    o->positions = n_file ? file[0] : NULL;
    return verb[c - cmd](o, err);
}

int main(int argc, char **argv)
{
    struct opts o = { .engine = "stockfish", .out = "-", .n = 1000, .plies = 24, .first = 4,
                      .depth = 6, .draw_depth = 2, .tries = 8, .near = 50, .far = 100,
                      .temperature = 60, .temp = 1, .retries = 3 };
    struct tr_err err = { 0 };
    int rc = run(argc, argv, &o, &err) ? CMD_FAIL : CMD_OK;
    free(o.adapters.item);
    return cmd_end(rc, &err);
}
