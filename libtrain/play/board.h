/* SPDX-License-Identifier: MIT
 *
 * What can be read from a position without the rules of chess.
 */
#ifndef LIBTRAIN_PLAY_BOARD_H
#define LIBTRAIN_PLAY_BOARD_H

#include <libtrain/play.h>

enum {
    TR__SAN_BYTES = 12, TR__SQUARES = 64, TR__CASTLINGS = 4, TR__KEY_BYTES = TR_FEN_BYTES
};

struct tr__board {
    char at[TR__SQUARES]; /* a1 b1 … h8: a piece as FEN has it, or 0 */
    int white;            /* to move */
    int quiet;            /* plies since a capture or a move of a pawn */
    char castling[TR__CASTLINGS]; /* K Q k q, 0 for what is lost; of a game that is played */
    char passant[3];      /* the square that a pawn has just passed, or ""; the same */
    char key[TR__KEY_BYTES]; /* what of two positions must be the same for a repetition */
};

/* TR_EFORMAT: it is no position. */
int tr__board_read(struct tr__board *b, const char *fen, struct tr_err *err) TR_MUST_CHECK;

/* The board of a game's beginning, and what a move makes of it.  A move must be one on some
 * board, and is made whether it is legal or not; quiet and key are not kept. */
void tr__board_begin(struct tr__board *b);
void tr__board_move(struct tr__board *b, const char *move, size_t n);

/* The number of a square, "a1" 0, "b1" 1. */
static inline int tr__square(const char *name)
{
    return name[0] - 'a' + (name[1] - '1') * 8;
}

/* Kings with at most one bishop or knight. */
int tr__board_is_dead(const struct tr__board *b);
/* What a move takes: a piece, in small letters, or 0. */
char tr__board_taken(const struct tr__board *b, const char *move);
/* Standard algebraic notation (PGN standard, 8.2.3) of one of the n legal moves, without the
 * sign of a check; the move itself where there is no piece to move. */
void tr__board_san(const struct tr__board *b, const char *move, const struct tr_move *all,
                   size_t n, char *san);

/* Put a move behind a game that has room for it. */
void tr__game_add(char *game, const char *move);

#endif
