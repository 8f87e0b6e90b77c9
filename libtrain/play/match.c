/* SPDX-License-Identifier: MIT
 *
 * Games of a model against somebody, as PGN (the standard of 1994, import format: a game that
 * ends at a limit has a result by the engine's score).  The judge is an engine of its own.
 */
#include <libtrain/play/board.h>
#include <libtrain/rng.h>

#include <stdlib.h>
#include <string.h>

enum { LEAD = 200 /* centipawns that win a game at its limit */, WIDTH = 79 };

enum ending { PLAYING, MATE, DRAW, LIMIT, ILLEGAL };

struct match {
    const struct tr_match_args *a;
    struct tr_player *player;
    struct tr_engine *judge, *opponent;
    struct tr_rng rng;
    struct tr_match_stats *stats;
    char *game, *san;        /* moves, and their names with numbers in front */
    char (*seen)[TR_FEN_BYTES]; /* the keys of all positions */
    int64_t ply;
    const struct tr_move *move; /* the legal ones */
    size_t n_move;
    struct tr__board board;
    int check;
};

/* ==== who moves ==== */

struct tr_opponent {
    const char *name;
    const char *option, *limits; /* of the engine: its level, and whether that is an Elo's;
                                    NULL: no engine plays */
    int (*move)(struct match *m, char *move, struct tr_err *err);
    int least, most; /* levels of engines: what is beyond its own they pass over without a word */
};

/* The first of its tries that is legal; "" if none is. */
static int by_model(struct match *m, char *move, struct tr_err *err)
{
    for (int64_t k = 0; k <= m->a->retries; k++) {
        if (tr_player_move(m->player, m->game, &m->a->sampling, &m->rng, move, err))
            return -1;
        m->stats->tries++;
        if (tr_move_find(m->move, m->n_move, move)) {
            m->stats->legal++;
            return 0;
        }
    }
    *move = '\0';
    return 0;
}

static int by_chance(struct match *m, char *move, struct tr_err *err)
{
    (void)err;
    strcpy(move, m->move[tr_rng_below(&m->rng, m->n_move)].text);
    return 0;
}

static int by_engine(struct match *m, char *move, struct tr_err *err)
{
    return tr_engine_move(m->opponent, m->game, m->a->depth, move, err);
}

static const struct tr_opponent opponents[] = {
    { "random", NULL, NULL, by_chance, 0, 0 },
    { "skill", "Skill Level", "false", by_engine, 0, 20 },
    { "elo", "UCI_Elo", "true", by_engine, 1, 4000 },
    { "self", NULL, NULL, by_model, 0, 0 },
};

const struct tr_opponent *tr_opponent_at(int i)
{
    return i >= 0 && (size_t)i < sizeof opponents / sizeof *opponents ? &opponents[i] : NULL;
}

const char *tr_opponent_name(const struct tr_opponent *o)
{
    return o->name;
}

int tr_opponent_is_engine(const struct tr_opponent *o)
{
    return o->option != NULL;
}

int tr_opponent_level(const struct tr_opponent *o, struct tr_engine *e, int level,
                      struct tr_err *err)
{
    char number[16];
    if (level < o->least || level > o->most)
        return tr_err_set(err, TR_EINVAL, "level %d of '%s': from %d to %d are possible", level,
                          o->name, o->least, o->most);
    snprintf(number, sizeof number, "%d", level);
    return tr_engine_set(e, "MultiPV", "1", err) ||
                   tr_engine_set(e, "UCI_LimitStrength", o->limits, err) ||
                   tr_engine_set(e, o->option, number, err) ? -1 : 0;
}

/* ==== the game ==== */

/* The third time that a position stands there, with this one. */
static int is_third(struct match *m)
{
    int n = 0;
    memcpy(m->seen[m->ply], m->board.key, TR_FEN_BYTES);
    for (int64_t i = 0; i <= m->ply; i++)
        n += !strcmp(m->seen[i], m->board.key);
    return n >= 3;
}

/* What the judge says of the position; the last move's name gets its sign. */
static int look(struct match *m, enum ending *ending, struct tr_err *err)
{
    struct tr_look l;
    if (tr_engine_rank(m->judge, m->game, m->a->depth, &m->move, &m->n_move, err) ||
        tr_engine_look(m->judge, m->game, &l, err) || tr__board_read(&m->board, l.fen, err))
        return -1;
    m->check = l.check;
    if (l.check && m->ply)
        strcat(m->san, m->n_move ? "+" : "#");
    if (!m->n_move)
        *ending = l.check ? MATE : DRAW;
    else if (m->board.quiet >= 100 || is_third(m) || tr__board_is_dead(&m->board))
        *ending = DRAW;
    else if (m->ply == m->a->plies)
        *ending = LIMIT;
    return 0;
}

static int make_move(struct match *m, int models, enum ending *ending, struct tr_err *err)
{
    char move[TR_MOVE_BYTES], name[TR__SAN_BYTES], number[24] = "";
    if (models ? by_model(m, move, err) : m->a->opponent->move(m, move, err))
        return -1;
    if (!*move) {
        *ending = ILLEGAL;
        return 0;
    }
    if (!tr_move_find(m->move, m->n_move, move))
        return tr_err_set(err, TR_EFORMAT, "the engine's move %s is not legal", move);
    if (m->board.white)
        snprintf(number, sizeof number, "%lld. ", (long long)m->ply / 2 + 1);
    tr__board_san(&m->board, move, m->move, m->n_move, name);
    strcat(strcat(strcat(m->san, m->ply ? " " : ""), number), name);
    tr__game_add(m->game, move);
    m->ply++;
    m->stats->plies++;
    return 0;
}

/* Half points of White. */
static int points(const struct match *m, enum ending ending)
{
    int mover = 1;
    if (ending == MATE || ending == ILLEGAL)
        mover = 0;
    else if (ending == LIMIT)
        mover = m->move->score >= LEAD ? 2 : m->move->score > -LEAD;
    return m->board.white ? mover : 2 - mover;
}

/* The moves in lines, and the result. */
static void write_moves(FILE *f, const char *san, const char *result)
{
    size_t used = 0;
    for (size_t n; *san; san += n + (san[n] == ' ')) {
        n = strcspn(san, " ");
        if (used && used + 1 + n > WIDTH)
            used = 0, fputc('\n', f);
        used += (size_t)fprintf(f, "%s%.*s", used ? " " : "", (int)n, san);
    }
    fprintf(f, "%s%s\n\n", used ? "\n" : "", result);
}

static void write_game(const struct match *m, uint64_t i, int white, enum ending ending,
                       int won, FILE *f)
{
    static const char *const result[] = { "0-1", "1/2-1/2", "1-0" };
    static const char *const why[] = { [MATE] = "normal", [DRAW] = "normal",
                                       [LIMIT] = "adjudication",
                                       [ILLEGAL] = "rules infraction" };
    const char *opponent = m->a->opponent->move == by_model ? "model" : m->a->opponent->name;
    fprintf(f, "[Event \"selfplay\"]\n[Site \"?\"]\n[Date \"????.??.??\"]\n[Round \"%llu\"]\n",
            (unsigned long long)i + 1);
    fprintf(f, "[White \"%s\"]\n[Black \"%s\"]\n", white ? "model" : opponent,
            white ? opponent : "model");
    fprintf(f, "[Result \"%s\"]\n[Termination \"%s\"]\n\n", result[won], why[ending]);
    write_moves(f, m->san, result[won]);
}

static int play(struct match *m, uint64_t i, FILE *pgn, int *half_points, struct tr_err *err)
{
    int white = i % 2 == 0 || m->a->opponent->move == by_model;
    enum ending ending = PLAYING;
    int rc = look(m, &ending, err);
    while (!rc && !ending) {
        rc = make_move(m, white == m->board.white, &ending, err);
        if (!rc && !ending)
            rc = look(m, &ending, err);
    }
    if (rc)
        return rc;
    int won = points(m, ending);
    *half_points = white ? won : 2 - won;
    m->stats->forfeits += ending == ILLEGAL;
    write_game(m, i, white, ending, won, pgn);
    return 0;
}

int tr_match_game(struct tr_player *p, struct tr_engine *judge, struct tr_engine *opponent,
                  const struct tr_match_args *a, uint64_t i, FILE *pgn, int *half_points,
                  struct tr_match_stats *stats, struct tr_err *err)
{
    struct match m = { .a = a, .player = p, .judge = judge, .opponent = opponent,
                       .rng = tr_rng_init(a->seed, i), .stats = stats };
    m.game = calloc(tr_game_bytes(a->plies), 1);
    m.san = calloc((size_t)a->plies + 1, 24 + TR__SAN_BYTES);
    m.seen = calloc((size_t)a->plies + 1, sizeof *m.seen);
    int rc = m.game && m.san && m.seen ? play(&m, i, pgn, half_points, err)
                                       : tr_err_sys(err, "cannot hold a game");
    free(m.seen);
    free(m.san);
    free(m.game);
    return rc;
}
