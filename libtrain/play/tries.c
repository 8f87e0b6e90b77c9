/* SPDX-License-Identifier: MIT
 *
 * What a model can learn from its own tries.  The engine alone knows which move is legal.
 */
#include <libtrain/play.h>

#include <stdlib.h>
#include <string.h>

struct seen {
    char best[TR_MOVE_BYTES], worst[TR_MOVE_BYTES]; /* of the tries; "": none */
    char next[TR_MOVE_BYTES];                       /* what the game goes on with */
    int32_t best_score, worst_score;                /* an illegal try is the worst */
};

static const struct tr_move *find(const struct tr_move *move, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(move[i].text, text))
            return &move[i];
    return NULL;
}

static void look_at(struct seen *s, const char *text, const struct tr_move *legal)
{
    int32_t score = legal ? legal->score : INT32_MIN;
    if (legal && (!*s->best || score > s->best_score)) {
        strcpy(s->best, text);
        s->best_score = score;
    }
    if (*text && (!*s->worst || score < s->worst_score)) {
        strcpy(s->worst, text);
        s->worst_score = score;
    }
    if (legal && !*s->next)
        strcpy(s->next, text);
}

static void write_row(FILE *f, const char *game, const struct seen *s, int pairs)
{
    fprintf(f, "{\"prompt\": \"%s%s\", ", game, *game ? " " : "");
    if (pairs)
        fprintf(f, "\"chosen\": \"%s \", \"rejected\": \"%s \"}\n", s->best, s->worst);
    else
        fprintf(f, "\"completion\": \"%s \"}\n", s->best);
}

/* The row of a position, if it teaches anything; move[0] is the best of all. */
static int64_t teach(FILE *f, const char *game, struct seen *s, const struct tr_move *move,
                     const struct tr_tries_args *a)
{
    if (a->pairs && !*s->best) {
        strcpy(s->best, move->text);
        s->best_score = move->score;
    }
    int wanted = a->pairs ? *s->worst && (int64_t)s->best_score - s->worst_score >= a->far
                          : *s->best && move->score - s->best_score <= a->near;
    if (wanted)
        write_row(f, game, s, a->pairs);
    return wanted;
}

int tr_player_tries(struct tr_player *p, struct tr_engine *e, const struct tr_tries_args *a,
                    uint64_t i, FILE *rows, struct tr_tries_stats *stats, struct tr_err *err)
{
    struct tr_rng rng = tr_rng_init(a->seed, i);
    char *game = calloc(tr_game_bytes(a->plies), 1), text[TR_MOVE_BYTES];
    int rc = game ? 0 : tr_err_sys(err, "cannot hold a game");
    for (int64_t ply = 0; ply < a->plies && !rc; ply++) {
        const struct tr_move *move;
        struct seen seen = { .best = "" };
        size_t n = 0;
        rc = tr_engine_rank(e, game, a->depth, &move, &n, err);
        if (rc || !n)
            break;
        for (int64_t k = 0; k < a->tries && !rc; k++) {
            rc = tr_player_move(p, game, &a->sampling, &rng, text, err);
            const struct tr_move *legal = rc ? NULL : find(move, n, text);
            stats->tries += !rc;
            stats->legal += legal != NULL;
            if (!rc)
                look_at(&seen, text, legal);
        }
        if (rc)
            break;
        stats->positions++;
        stats->rows += teach(rows, game, &seen, move, a);
        if (ply)
            strcat(game, " ");
        strcat(game, *seen.next ? seen.next : move->text);
    }
    free(game);
    return rc;
}
