/* SPDX-License-Identifier: MIT
 *
 * Games drawn by what an engine says of each move.
 */
#include <libtrain/base/base.h>
#include <libtrain/play.h>
#include <libtrain/rng.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The best comes first, so no power is above 1. */
static double weight(const struct tr_move *move, size_t i, double temperature)
{
    return exp((move[i].score - move[0].score) / temperature);
}

static const char *draw(const struct tr_move *move, size_t n, double temperature,
                        struct tr_rng *rng)
{
    double all = 0;
    for (size_t i = 0; i < n; i++)
        all += weight(move, i, temperature);
    double left = all * (double)tr_rng_uniform(rng);
    size_t i = 0;
    for (; i + 1 < n && (left -= weight(move, i, temperature)) >= 0; i++)
        ;
    return move[i].text;
}

int tr_game_draw(struct tr_engine *e, const struct tr_draw_args *a, uint64_t i, char *game,
                 struct tr_err *err)
{
    struct tr_rng rng = tr_rng_init(a->seed, i);
    const struct tr_move *move;
    size_t n = 1, used = 0;
    *game = '\0';
    for (int64_t ply = 0; ply < a->plies; ply++) {
        if (tr_engine_rank(e, game, a->depth, &move, &n, err))
            return -1;
        if (!n)
            break;
        used += (size_t)snprintf(game + used, tr_game_bytes(a->plies) - used, "%s%s",
                                 ply ? " " : "", draw(move, n, a->temperature, &rng));
    }
    return 0;
}
