/* SPDX-License-Identifier: MIT
 *
 * Positions with their best move as questions and answers for a model of chats.  The reason
 * is what the board and the scores show: what is taken, promoted or checked, and how much
 * the next best move is worse.
 */
#include <libtrain/play/board.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *piece_name(char piece)
{
    static const char letters[] = "pnbrqk";
    static const char *const name[] = { "pawn", "knight", "bishop", "rook", "queen", "king" };
    const char *at = piece ? strchr(letters, tolower((unsigned char)piece)) : NULL;
    return at ? name[at - letters] : "piece";
}

static void write_deed(FILE *f, const struct tr__board *b, const char *move)
{
    const char *piece = piece_name(b->at[tr__square(move)]);
    char taken = tr__board_taken(b, move);
    if (taken)
        fprintf(f, "The %s takes the %s on %.2s", piece, piece_name(taken), move + 2);
    else if (!strcmp(piece, "king") && abs(move[2] - move[0]) == 2)
        fputs("The king castles", f);
    else
        fprintf(f, "The %s goes to %.2s", piece, move + 2);
    if (move[4])
        fprintf(f, " and becomes a %s", piece_name(move[4]));
}

static void write_worth(FILE *f, const struct tr_move *move, size_t n)
{
    enum { MATES = TR_MATE_SCORE - 500 };
    int left = TR_MATE_SCORE - move->score;
    if (left <= 1)
        fputs(": mate.", f);
    else if (move->score > MATES)
        fprintf(f, ", and mate in %d follows.", left);
    else if (n == 1)
        fputs("; it is the only legal move.", f);
    else if (move->score < -MATES)
        fputs("; every move is answered by a mate.", f);
    else if (move[1].score < -MATES)
        fprintf(f, "; after %s, the next best, mate would follow.", move[1].text);
    else if (move->score == move[1].score)
        fprintf(f, "; %s is as good.", move[1].text);
    else
        fprintf(f, "; %s, the next best, is %d centipawns worse.", move[1].text,
                move->score - move[1].score);
}

static int is_check(struct tr_engine *e, char *game, const char *move, int *check,
                    struct tr_err *err)
{
    struct tr_look after = { .check = 0 };
    tr__game_add(game, move);
    int rc = tr_engine_look(e, game, &after, err);
    *check = after.check;
    return rc;
}

static int write_row(struct tr_engine *e, char *game, int depth, FILE *f, struct tr_err *err)
{
    const struct tr_move *move;
    struct tr_look before;
    struct tr__board b;
    char san[TR__SAN_BYTES];
    size_t n;
    int check;
    if (tr_engine_rank(e, game, depth, &move, &n, err))
        return -1;
    if (!n)
        return 0;
    if (tr_engine_look(e, game, &before, err) || tr__board_read(&b, before.fen, err) ||
        is_check(e, game, move->text, &check, err))
        return -1;
    tr__board_san(&b, move->text, move, n, san);
    fprintf(f, "{\"messages\": [{\"role\": \"user\", \"content\": \"Chess, %s to move: %s. Which "
            "move is best, and why?\"}, {\"role\": \"assistant\", \"content\": \"%s (%s). ",
            b.white ? "White" : "Black", before.fen, move->text, san);
    write_deed(f, &b, move->text);
    fputs(check && move->score < TR_MATE_SCORE - 1 ? " with check" : "", f);
    write_worth(f, move, n);
    fputs("\"}]}\n", f);
    return 1;
}

int tr_game_instruct(struct tr_engine *e, const struct tr_draw_args *a, int depth, uint64_t i,
                     FILE *f, struct tr_err *err)
{
    char *game = malloc(tr_game_bytes(a->plies + 1));
    int rc = game ? tr_game_draw(e, a, i, game, err) : tr_err_sys(err, "cannot hold a game");
    if (!rc)
        rc = write_row(e, game, depth, f, err);
    free(game);
    return rc;
}
