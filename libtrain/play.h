/* SPDX-License-Identifier: MIT
 *
 * Chess for models that write moves: an engine that knows the rules and how good a move is,
 * over a pipe in the Universal Chess Interface (UCI; Huber and Meyer-Kahlen 2000), and games
 * drawn by what it says.  A move is UCI's text, "e2e4", "e1g1" (castling), "a7a8q"; a game
 * is moves from the usual beginning with a space between them.
 */
#ifndef LIBTRAIN_PLAY_H
#define LIBTRAIN_PLAY_H

#include <libtrain/generate.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    TR_MOVE_BYTES = 6,    /* with its NUL */
    TR_FEN_BYTES = 128,
    TR_MATE_SCORE = 10000 /* of a mate in n moves, n less; of being mated, the negative */
};

struct tr_move {
    char text[TR_MOVE_BYTES];
    int32_t score; /* centipawns, for the side that moves */
};

/* 1 if these n bytes are the text of a move, on whatever board. */
int tr_move_is(const char *text, size_t n);
/* The move of this text among n, or NULL. */
const struct tr_move *tr_move_find(const struct tr_move *move, size_t n, const char *text);

struct tr_engine;

/* Start a program that speaks UCI, found as the shell would, in one thread.  TR_EIO: it is
 * not there; TR_EFORMAT: it speaks something else. */
struct tr_engine *tr_engine_open(const char *program, struct tr_err *err) TR_MUST_CHECK;
/* Ask it to end, and wait for that.  NULL is allowed. */
void tr_engine_close(struct tr_engine *e);

/* All legal moves behind a game, best first, by a search of `depth` plies that depends on
 * nothing but the game: *move (*n) is the engine's until the next call.  *n is 0 where the
 * game has ended by mate or stalemate.  The moves of the game must be legal: engines drop
 * the first that is not, and all behind it, without a word.  TR_EIO: it has ended, or said
 * nothing for five minutes; nothing but tr_engine_close is allowed then. */
int tr_engine_rank(struct tr_engine *e, const char *game, int depth,
                   const struct tr_move **move, size_t *n, struct tr_err *err) TR_MUST_CHECK;

struct tr_look {
    char fen[TR_FEN_BYTES]; /* the position, as Forsyth and Edwards write it */
    int check;              /* the king of the side that moves is attacked */
};

/* What stands on the board behind a game of legal moves, which UCI has no word for: `d` of
 * Stockfish and its kin.  TR_EUNSUPPORTED: the engine does not tell; else as above. */
int tr_engine_look(struct tr_engine *e, const char *game, struct tr_look *look,
                   struct tr_err *err) TR_MUST_CHECK;

/* Set an option that UCI, or this engine, has; engines pass over what they do not know. */
int tr_engine_set(struct tr_engine *e, const char *name, const char *value,
                  struct tr_err *err) TR_MUST_CHECK;

/* The move that the engine, as its options have it, would make behind a game that has not
 * ended: move (TR_MOVE_BYTES). */
int tr_engine_move(struct tr_engine *e, const char *game, int depth, char *move,
                   struct tr_err *err) TR_MUST_CHECK;

struct tr_draw_args {
    int depth;          /* plies of the search that moves are drawn by */
    double temperature; /* centipawns: a move is drawn with exp(score / temperature) */
    int64_t plies;      /* of a game at most; it also ends by mate or stalemate */
    uint64_t seed;
};

/* Room for a game of so many plies. */
static inline size_t tr_game_bytes(int64_t plies)
{
    return (size_t)plies * TR_MOVE_BYTES + 1;
}

/* Game number i of a seed: the same game whatever was drawn before.  game
 * (tr_game_bytes(a->plies)) gets it. */
int tr_game_draw(struct tr_engine *e, const struct tr_draw_args *a, uint64_t i, char *game,
                 struct tr_err *err) TR_MUST_CHECK;

/* How a position is written for a model:
 *
 *   moves  the game that led to it
 *   board  64 squares as the side to move sees them, row by row from the far left, each a
 *          piece (its own K Q R B N P, the other's small) or a dot; KQkq for castlings, and
 *          the square of an en passant, or dots; a space.  Moves are White's: Black's e7e5
 *          is e2e4
 */
struct tr_notation;
const struct tr_notation *tr_notation_at(int i); /* NULL behind the last */
const char *tr_notation_name(const struct tr_notation *n);
/* A game of moves as rows of JSON to imitate: one text, or each position and its move. */
void tr_notation_rows(const struct tr_notation *n, const char *game, FILE *f);

/* Of game number i the position behind a->plies plies as a row of JSON to f, a chat: it, and
 * what the best move is by a search of `depth`, with a reason.  1, 0 if the game has ended
 * before, or an error.  TR_EUNSUPPORTED as above. */
int tr_game_instruct(struct tr_engine *e, const struct tr_draw_args *a, int depth, uint64_t i,
                     FILE *f, struct tr_err *err) TR_MUST_CHECK;

/* ---- a model that writes moves ----------------------------------------------------- */

struct tr_player;

/* The model goes on with positions of this notation as tr_play_vocabulary spells them; it is
 * the caller's and must outlive the player, which has its memory for up to the model's
 * context. */
struct tr_player *tr_player_new(struct tr_model *m, const struct tr_notation *notation,
                                struct tr_err *err) TR_MUST_CHECK;
void tr_player_free(struct tr_player *p);

/* What the model writes behind a game: move (TR_MOVE_BYTES) gets a move, legal or not, or ""
 * if it is no move on any board. */
int tr_player_move(struct tr_player *p, const char *game, const struct tr_sampling *sampling,
                   struct tr_rng *rng, char *move, struct tr_err *err) TR_MUST_CHECK;

/* What is written down of a position and the model's tries there, as rows of JSON:
 *
 *   best    the best of the tries, to imitate, if it is at most `near` below the best move
 *   engine  the best move of all, to imitate
 *   legal   a pair, the best legal try (or move, if there is none) and an illegal one
 *   rank    a pair, the best move and the worst legal try, if that is `far` worse
 *   reward  each try with its reward, exp(-loss / far), or -1 for one that is not legal
 */
struct tr_lesson;
const struct tr_lesson *tr_lesson_at(int i); /* NULL behind the last */
const char *tr_lesson_name(const struct tr_lesson *lesson);

struct tr_tries_args {
    const struct tr_lesson *lesson;
    int depth;                   /* of the search that judges moves */
    int64_t plies, tries;        /* of a game, and at each of its positions */
    struct tr_sampling sampling; /* of the model's moves */
    int32_t near, far;           /* centipawns, see the lessons */
    uint64_t seed;
};

struct tr_tries_stats {
    int64_t positions, tries, legal, rows;
};

/* Game number i of a model against itself, and the lesson of each of its positions to `rows`.
 * The game goes on with the first legal try, or with the engine's first move.  Adds to
 * *stats. */
int tr_player_tries(struct tr_player *p, struct tr_engine *e, const struct tr_tries_args *a,
                    uint64_t i, FILE *rows, struct tr_tries_stats *stats,
                    struct tr_err *err) TR_MUST_CHECK;

/* ---- games against somebody --------------------------------------------------------- */

/* `random` makes legal moves by chance; `skill` and `elo` are an engine whose option Skill
 * Level or UCI_Elo says how weak it is; `self` is the model. */
struct tr_opponent;
const struct tr_opponent *tr_opponent_at(int i); /* NULL behind the last */
const char *tr_opponent_name(const struct tr_opponent *o);
int tr_opponent_is_engine(const struct tr_opponent *o);
/* Give an engine of its own that level.  It chooses among moves by chance then, so games are
 * not the same again. */
int tr_opponent_level(const struct tr_opponent *o, struct tr_engine *e, int level,
                      struct tr_err *err) TR_MUST_CHECK;

struct tr_match_args {
    const struct tr_opponent *opponent;
    int depth;                   /* of the searches of the judge and of the opponent */
    int64_t plies;               /* of a game at most: then two pawns ahead wins */
    int64_t retries;             /* after an illegal move, before the game is lost by it */
    struct tr_sampling sampling; /* of the model's moves */
    uint64_t seed;
};

struct tr_match_stats {
    int64_t plies, tries, legal, forfeits; /* tries: of the model; forfeits: games lost by
                                              illegal moves */
};

/* Game number i, the model White where that is even or against itself, as PGN to `pgn`:
 * *half_points gets what the model, or White, has won, 2 for the game.  `opponent` is NULL
 * where tr_opponent_is_engine says 0.  Adds to *stats.  TR_EUNSUPPORTED as
 * tr_engine_look. */
int tr_match_game(struct tr_player *p, struct tr_engine *judge, struct tr_engine *opponent,
                  const struct tr_match_args *a, uint64_t i, FILE *pgn, int *half_points,
                  struct tr_match_stats *stats, struct tr_err *err) TR_MUST_CHECK;

/* A vocabulary for a notation: 64 squares, promotions, the space, what a board has beside,
 * and an end of text that is also the beginning.  A GGUF without tensors, for model-init and
 * tokenize. */
int tr_play_vocabulary(const char *path, const struct tr_notation *notation,
                       struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
