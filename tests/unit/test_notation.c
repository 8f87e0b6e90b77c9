/* SPDX-License-Identifier: MIT
 *
 * Positions as a model reads them: a game by hand that castles on both sides, takes en passant
 * and promotes.
 */
#include "suite.h"

#include <libtrain/play.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char game[] = "e2e4 b8c6 g1f3 d7d5 f1e2 c8g4 e1g1 d8d6 e4e5 e8c8 b2b4 f7f5 e5f6 "
                           "h7h6 f6g7 h6h5 g7h8q";

/* Row n of the game in this notation, malloc'ed, without its end. */
static char *row(const char *notation, int n)
{
    const struct tr_notation *k = NULL;
    for (int i = 0; (k = tr_notation_at(i)) && strcmp(tr_notation_name(k), notation);)
        i++;
    ck_assert_ptr_nonnull(k);
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(f);
    tr_notation_rows(k, game, f);
    ck_assert_int_eq(fclose(f), 0);
    char *at = text;
    for (; n > 0; n--)
        at = strchr(at, '\n') + 1;
    at[strcspn(at, "\n")] = '\0';
    memmove(text, at, strlen(at) + 1);
    return text;
}

static const struct { int ply; const char *prompt, *move; } places[] = { /* by Stockfish; Black sees its own side below */
    { 0, "rnbqkbnrpppppppp................................PPPPPPPPRNBQKBNRKQkq.", "e2e4" },
    { 1, "rnbqkbnrpppp.ppp............p...................PPPPPPPPRNBQKBNRKQkqe6", "b1c3" },
    { 6, "r..qkbnrppp.pppp..n........p........P.b......N..PPPPBPPPRNBQK..RKQkq.", "e1g1" },
    { 9, "rnbq.rk.ppppbppp.....n........B....Pp.....NQ....PPP.PPPPR...KBNRKQ...", "e1c1" },
    { 10, "..kr.bnrppp.pppp..nq.......pP.........b......N..PPPPBPPPRNBQ.RK......", "b2b4" },
    { 12, "..kr.bnrppp.p.pp..nq.......pPp...P....b......N..P.PPBPPPRNBQ.RK.....f6", "e5f6" },
    { 16, "..kr.bnrppp.p.P...nq.......p...p.P....b......N..P.PPBPPPRNBQ.RK......", "g7h8q" },
};

START_TEST(writes_boards)
{
    char want[200];
    snprintf(want, sizeof want, "{\"prompt\": \"%s \", \"completion\": \"%s \"}",
             places[_i].prompt, places[_i].move);
    char *got = row("board", places[_i].ply);
    ck_assert_str_eq(got, want);
    free(got);
}
END_TEST

START_TEST(writes_moves)
{
    char want[200];
    char *got = row("moves", 0);
    snprintf(want, sizeof want, "{\"text\": \"%s\"}", game);
    ck_assert_str_eq(got, want);
    free(got);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("notation");
    TCase *tc = tcase_create("notation");
    tcase_add_loop_test(tc, writes_boards, 0, sizeof places / sizeof *places);
    tcase_add_test(tc, writes_moves);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
