/* SPDX-License-Identifier: MIT
 *
 * Positions as a model reads them.
 */
#ifndef LIBTRAIN_PLAY_NOTATION_H
#define LIBTRAIN_PLAY_NOTATION_H

#include <libtrain/play.h>

/* A list of tokens beside those of moves, NULL behind the last. */
const char *const *tr__notation_tokens(const struct tr_notation *n);
enum { TR__PROMPT_MORE = 80 };

/* What stands in front of the next move of a game, which may be of words that are no moves:
 * to has room for the game and TR__PROMPT_MORE bytes. */
void tr__notation_prompt(const struct tr_notation *n, const char *game, char *to);
/* A move behind this game as the notation has it, and back again: to (TR_MOVE_BYTES). */
void tr__notation_turn(const struct tr_notation *n, const char *game, const char *move,
                       char *to);
/* The notation that a player was made with. */
const struct tr_notation *tr__player_notation(const struct tr_player *p);

#endif
