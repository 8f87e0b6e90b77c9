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
    TR_MATE_SCORE = 10000 /* of a mate in n moves, n less; of being mated, the negative */
};

struct tr_move {
    char text[TR_MOVE_BYTES];
    int32_t score; /* centipawns, for the side that moves */
};

/* 1 if these n bytes are the text of a move, on whatever board. */
int tr_move_is(const char *text, size_t n);

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
 * nothing for a minute; nothing but tr_engine_close is allowed then. */
int tr_engine_rank(struct tr_engine *e, const char *game, int depth,
                   const struct tr_move **move, size_t *n, struct tr_err *err) TR_MUST_CHECK;

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

/* ---- a model that writes moves ----------------------------------------------------- */

struct tr_player;

/* The model goes on with games as tr_play_vocabulary spells them; it is the caller's and must
 * outlive the player, which has its memory for games of up to the model's context. */
struct tr_player *tr_player_new(struct tr_model *m, struct tr_err *err) TR_MUST_CHECK;
void tr_player_free(struct tr_player *p);

/* What the model writes behind a game: move (TR_MOVE_BYTES) gets a move, legal or not, or ""
 * if it is no move on any board. */
int tr_player_move(struct tr_player *p, const char *game, const struct tr_sampling *sampling,
                   struct tr_rng *rng, char *move, struct tr_err *err) TR_MUST_CHECK;

struct tr_tries_args {
    int depth;                   /* of the search that judges moves */
    int64_t plies, tries;        /* of a game, and at each of its positions */
    struct tr_sampling sampling; /* of the model's moves */
    int pairs;  /* rows of a move that is wanted and one that is not, for preferences; 0: of
                   moves to imitate */
    int32_t near; /* centipawns below the best that a move to imitate may be */
    int32_t far;  /* centipawns that make one of two moves not wanted */
    uint64_t seed;
};

struct tr_tries_stats {
    int64_t positions, tries, legal, rows;
};

/* Game number i of a model against itself, a row of JSON for each position that teaches
 * something: to imitate, the best of its tries; as a pair, the best of its legal tries, or of
 * all moves if there is none, against one that is illegal or `far` worse.  The game goes on
 * with the first legal try, or with the engine's first move.  Adds to *stats. */
int tr_player_tries(struct tr_player *p, struct tr_engine *e, const struct tr_tries_args *a,
                    uint64_t i, FILE *rows, struct tr_tries_stats *stats,
                    struct tr_err *err) TR_MUST_CHECK;

/* A vocabulary for games: 64 squares, promotions, the space, and an end of text that is
 * also the beginning.  A GGUF without tensors, for model-init and tokenize. */
int tr_play_vocabulary(const char *path, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
