/* SPDX-License-Identifier: MIT
 *
 * Positions as Forsyth and Edwards write them (PGN standard, 16.1), and the names that people
 * have for moves.  Which moves are legal only the engine knows.
 */
#include <libtrain/play/board.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_squares(struct tr__board *b, const char *fen)
{
    int row = 7, column = 0;
    for (; *fen && *fen != ' '; fen++)
        if (*fen == '/' && column == 8 && row) {
            row--;
            column = 0;
        } else if (*fen >= '1' && *fen <= '8' - column) {
            column += *fen - '0';
        } else if (strchr("pnbrqkPNBRQK", *fen) && column < 8) {
            b->at[row * 8 + column++] = *fen;
        } else {
            return -1;
        }
    return row || column != 8 ? -1 : 0;
}

int tr__board_read(struct tr__board *b, const char *fen, struct tr_err *err)
{
    char side = 0;
    int quiet = 0, key = 0;
    memset(b, 0, sizeof *b);
    if (strlen(fen) >= TR_FEN_BYTES || strpbrk(fen, "\"\\") || read_squares(b, fen) ||
        sscanf(fen, "%*s %c %*s %*s%n %d", &side, &key, &quiet) < 1 || !key ||
        (side != 'w' && side != 'b'))
        return tr_err_set(err, TR_EFORMAT, "'%s' is no position", fen);
    b->white = side == 'w';
    b->quiet = quiet;
    memcpy(b->key, fen, (size_t)key);
    return 0;
}

void tr__board_begin(struct tr__board *b)
{
    static const char first[] = "RNBQKBNRPPPPPPPP", last[] = "pppppppprnbqkbnr";
    memset(b, 0, sizeof *b);
    memcpy(b->at, first, 16);
    memcpy(b->at + TR__SQUARES - 16, last, 16);
    memcpy(b->castling, "KQkq", TR__CASTLINGS);
    b->white = 1;
}

/* A king or a rook that leaves its place, or a rook that is taken there. */
static void lose_castlings(struct tr__board *b, int square)
{
    static const char place[TR__CASTLINGS][2] = { { 7, 4 }, { 0, 4 },
                                                  { 63, 60 }, { 56, 60 } };
    for (int i = 0; i < TR__CASTLINGS; i++)
        if (square == place[i][0] || square == place[i][1])
            b->castling[i] = 0;
}

void tr__board_move(struct tr__board *b, const char *move, size_t n)
{
    int from = tr__square(move), to = tr__square(move + 2), step = move[2] - move[0];
    char piece = b->at[from], kind = (char)tolower((unsigned char)piece);
    if (kind == 'p' && step && !b->at[to])
        b->at[from + step] = 0;
    if (kind == 'k' && abs(step) == 2) {
        int rook = step > 0 ? from | 7 : from & ~7;
        b->at[(from + to) / 2] = b->at[rook];
        b->at[rook] = 0;
    }
    b->passant[0] = '\0';
    if (kind == 'p' && abs(to - from) == 16)
        snprintf(b->passant, sizeof b->passant, "%c%c", move[0], '1' + (from + to) / 16);
    lose_castlings(b, from);
    lose_castlings(b, to);
    b->at[from] = 0;
    if (n == 5)
        piece = (char)(b->white ? toupper((unsigned char)move[4]) : move[4]);
    b->at[to] = piece;
    b->white = !b->white;
}

int tr__board_is_dead(const struct tr__board *b)
{
    int minor = 0;
    for (int i = 0; i < TR__SQUARES; i++) {
        int piece = tolower((unsigned char)b->at[i]);
        if (piece && strchr("pqr", piece))
            return 0;
        minor += piece == 'b' || piece == 'n';
    }
    return minor <= 1;
}

/* A pawn that leaves its file takes, also where nothing stands (en passant). */
char tr__board_taken(const struct tr__board *b, const char *move)
{
    int from = tr__square(move), to = tr__square(move + 2);
    if (!b->at[to] && move[0] != move[2] && tolower((unsigned char)b->at[from]) == 'p')
        return 'p';
    return (char)tolower((unsigned char)b->at[to]);
}

/* What tells a piece from another of its kind that could go there too. */
static void write_origin(const struct tr__board *b, const char *move, const struct tr_move *all,
                         size_t n, char *out)
{
    int others = 0, file = 0, row = 0;
    for (size_t i = 0; i < n; i++) {
        const char *m = all[i].text;
        if (memcmp(m + 2, move + 2, 2) || !memcmp(m, move, 2) ||
            b->at[tr__square(m)] != b->at[tr__square(move)])
            continue;
        others++;
        file += m[0] == move[0];
        row += m[1] == move[1];
    }
    if (others && (!file || row))
        *out++ = move[0];
    if (others && file)
        *out++ = move[1];
    *out = '\0';
}

void tr__board_san(const struct tr__board *b, const char *move, const struct tr_move *all,
                   size_t n, char *san)
{
    int piece = toupper((unsigned char)b->at[tr__square(move)]), step = move[2] - move[0];
    const char *takes = tr__board_taken(b, move) ? "x" : "";
    char origin[3] = { 0 };
    if (!piece) {
        snprintf(san, TR__SAN_BYTES, "%.5s", move);
    } else if (piece == 'K' && abs(step) == 2) {
        strcpy(san, step > 0 ? "O-O" : "O-O-O");
    } else if (piece == 'P') {
        snprintf(san, TR__SAN_BYTES, "%.*s%s%.2s%s%c", *takes != 0, move, takes, move + 2,
                 move[4] ? "=" : "", toupper((unsigned char)move[4]));
    } else {
        write_origin(b, move, all, n, origin);
        snprintf(san, TR__SAN_BYTES, "%c%s%s%.2s", piece, origin, takes, move + 2);
    }
}

void tr__game_add(char *game, const char *move)
{
    if (*game)
        strcat(game, " ");
    strcat(game, move);
}
