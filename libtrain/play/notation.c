/* SPDX-License-Identifier: MIT
 *
 * How a position is written for a model: the moves that led to it, or what stands on the
 * board and the rest that says which moves there are.  A board has as many tokens in each
 * position, so that a square is always at the same place, and is seen from the side that
 * moves, so that what is learnt of one colour is true of the other.
 */
#include <libtrain/play/board.h>
#include <libtrain/play/notation.h>

#include <ctype.h>
#include <string.h>

enum { BOARD_BYTES = TR__SQUARES + 4 + 2 + 1 /* castlings, en passant, a space */ };

struct tr_notation {
    const char *name;
    const char *const *tokens;
    void (*prompt)(const char *game, char *to);
    void (*rows)(const char *game, FILE *f);
    int turns; /* of Black's moves the rows are counted from the other side */
};

/* The next word of a game and its bytes, 0 at the end; *at is behind it then. */
static size_t next_word(const char **at, const char **word)
{
    *word = *at + strspn(*at, " ");
    *at = *word + strcspn(*word, " ");
    return (size_t)(*at - *word);
}

/* ==== moves ==== */

/* The game with the space that stands in front of a move. */
static void moves_prompt(const char *game, char *to)
{
    strcpy(to, game);
    if (*game)
        strcat(to, " ");
}

static void moves_rows(const char *game, FILE *f)
{
    fprintf(f, "{\"text\": \"%s\"}\n", game);
}

/* ==== board ==== */

static void turn(const char *move, char *to)
{
    for (; *move; move++)
        *to++ = *move >= '1' && *move <= '8' ? (char)('1' + '8' - *move) : *move;
    *to = '\0';
}

/* A piece, where those of the side that moves are capital letters. */
static char piece_of(const struct tr__board *b, char piece)
{
    int c = (unsigned char)piece;
    return !c ? '.' : b->white ? piece : (char)(isupper(c) ? tolower(c) : toupper(c));
}

static void write_board(const struct tr__board *b, char *to)
{
    int rows = b->white ? 56 : 0, own = b->white ? 0 : 2;
    for (int i = 0; i < TR__SQUARES; i++)
        *to++ = piece_of(b, b->at[i ^ rows]);
    for (int i = 0; i < TR__CASTLINGS; i++)
        *to++ = piece_of(b, b->castling[i ^ own]);
    if (!b->passant[0])
        strcpy(to, ".");
    else if (b->white)
        strcpy(to, b->passant);
    else
        turn(b->passant, to);
    strcat(to, " ");
}

static void board_prompt(const char *game, char *to)
{
    struct tr__board b;
    const char *word;
    tr__board_begin(&b);
    for (size_t n; (n = next_word(&game, &word));)
        if (tr_move_is(word, n))
            tr__board_move(&b, word, n);
    write_board(&b, to);
}

/* Each position of the game is a row, and the move there is what follows. */
static void board_rows(const char *game, FILE *f)
{
    char prompt[BOARD_BYTES + 1], move[TR_MOVE_BYTES];
    struct tr__board b;
    const char *word;
    tr__board_begin(&b);
    for (size_t n; (n = next_word(&game, &word));) {
        snprintf(move, sizeof move, "%.*s", (int)n, word);
        write_board(&b, prompt);
        if (!b.white)
            turn(move, move);
        fprintf(f, "{\"prompt\": \"%s\", \"completion\": \"%s \"}\n", prompt, move);
        tr__board_move(&b, word, n);
    }
}

/* ==== all of them ==== */

static const char *const none[] = { NULL };
static const char *const board[] = { "K", "Q", "R", "B", "N", "P", "k", "p", ".", NULL };
static const struct tr_notation notations[] = {
    { "moves", none, moves_prompt, moves_rows, 0 },
    { "board", board, board_prompt, board_rows, 1 },
};

const struct tr_notation *tr_notation_at(int i)
{
    enum { N = sizeof notations / sizeof *notations };
    return i >= 0 && i < N ? &notations[i] : NULL;
}

const char *tr_notation_name(const struct tr_notation *n)
{
    return n->name;
}

void tr_notation_rows(const struct tr_notation *n, const char *game, FILE *f)
{
    n->rows(game, f);
}

const char *const *tr__notation_tokens(const struct tr_notation *n)
{
    return n->tokens;
}

void tr__notation_prompt(const struct tr_notation *n, const char *game, char *to)
{
    n->prompt(game, to);
}

void tr__notation_turn(const struct tr_notation *n, const char *game, const char *move,
                       char *to)
{
    int white = 1;
    const char *word;
    for (size_t bytes; (bytes = next_word(&game, &word));)
        white ^= tr_move_is(word, bytes);
    if (n->turns && !white)
        turn(move, to);
    else
        memmove(to, move, strlen(move) + 1);
}
