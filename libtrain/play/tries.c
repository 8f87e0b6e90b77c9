/* SPDX-License-Identifier: MIT
 *
 * What a model can learn from its own tries: a lesson for each position of a game that it
 * plays against itself.  The engine alone knows which move is legal, and how good it is.
 */
#include <libtrain/play/board.h>
#include <libtrain/play/notation.h>
#include <libtrain/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct try {
    char text[TR_MOVE_BYTES];
    const struct tr_move *legal; /* it among all moves; NULL: it is none of them */
};

struct position {
    const struct tr_notation *notation;
    const char *game, *prompt;
    const struct tr_move *move; /* all legal ones, best first */
    size_t n_move;
    struct try *try;
    int64_t n;
    const struct tr_tries_args *a;
};

/* ==== lessons: each writes its rows of a position and says how many ==== */

struct tr_lesson {
    const char *name;
    int64_t (*write)(const struct position *p, FILE *f);
};

/* A move as the model writes it: to (TR_MOVE_BYTES). */
static const char *spelt(const struct position *p, const char *move, char *to)
{
    tr__notation_turn(p->notation, p->game, move, to);
    return to;
}

static void write_row(const struct position *p, FILE *f, const char *chosen,
                      const char *rejected)
{
    char a[TR_MOVE_BYTES], b[TR_MOVE_BYTES];
    fprintf(f, "{\"prompt\": \"%s\", ", p->prompt);
    if (rejected)
        fprintf(f, "\"chosen\": \"%s \", \"rejected\": \"%s \"}\n", spelt(p, chosen, a),
                spelt(p, rejected, b));
    else
        fprintf(f, "\"completion\": \"%s \"}\n", spelt(p, chosen, a));
}

/* The best, or by sign -1 the worst, of the legal tries, or NULL. */
static const struct tr_move *extreme(const struct position *p, int sign)
{
    const struct tr_move *found = NULL;
    for (int64_t i = 0; i < p->n; i++) {
        const struct tr_move *m = p->try[i].legal;
        if (m && (!found || sign * m->score > sign * found->score))
            found = m;
    }
    return found;
}

static int64_t best(const struct position *p, FILE *f)
{
    const struct tr_move *m = extreme(p, 1);
    if (!m || p->move->score - m->score > p->a->near)
        return 0;
    write_row(p, f, m->text, NULL);
    return 1;
}

static int64_t engine(const struct position *p, FILE *f)
{
    write_row(p, f, p->move->text, NULL);
    return 1;
}

/* An illegal try, and beside it the best legal one, or the engine's where there is none. */
static int64_t legal(const struct position *p, FILE *f)
{
    const struct tr_move *m = extreme(p, 1);
    for (int64_t i = 0; i < p->n; i++)
        if (!p->try[i].legal && *p->try[i].text) {
            write_row(p, f, m ? m->text : p->move->text, p->try[i].text);
            return 1;
        }
    return 0;
}

static int64_t rank(const struct position *p, FILE *f)
{
    const struct tr_move *m = extreme(p, -1);
    if (!m || p->move->score - m->score < p->a->far)
        return 0;
    write_row(p, f, p->move->text, m->text);
    return 1;
}

static double reward_of(const struct position *p, const struct try *t)
{
    return t->legal ? exp((t->legal->score - p->move->score) / (double)p->a->far) : -1;
}

/* Every try, where they do not all earn the same. */
static int64_t reward(const struct position *p, FILE *f)
{
    char move[TR_MOVE_BYTES];
    int64_t n = 0, i = 1;
    while (i < p->n && p->try[i].legal == p->try[0].legal)
        i++;
    for (int64_t k = 0; i < p->n && k < p->n; k++)
        if (*p->try[k].text) {
            fprintf(f, "{\"prompt\": \"%s\", \"completion\": \"%s \", \"reward\": %.4f}\n",
                    p->prompt, spelt(p, p->try[k].text, move), reward_of(p, &p->try[k]));
            n++;
        }
    return n;
}

static const struct tr_lesson lessons[] = {
    { "best", best }, { "engine", engine }, { "legal", legal },
    { "rank", rank }, { "reward", reward },
};

const struct tr_lesson *tr_lesson_at(int i)
{
    return i >= 0 && (size_t)i < sizeof lessons / sizeof *lessons ? &lessons[i] : NULL;
}

const char *tr_lesson_name(const struct tr_lesson *lesson)
{
    return lesson->name;
}

/* ==== the game ==== */

static int try_moves(struct position *p, struct tr_player *player, struct tr_rng *rng,
                     struct tr_tries_stats *stats, struct tr_err *err)
{
    for (p->n = 0; p->n < p->a->tries; p->n++) {
        struct try *t = &p->try[p->n];
        if (tr_player_move(player, p->game, &p->a->sampling, rng, t->text, err))
            return -1;
        t->legal = tr_move_find(p->move, p->n_move, t->text);
        stats->tries++;
        stats->legal += t->legal != NULL;
    }
    stats->positions++;
    return 0;
}

/* The first try that is legal, or the engine's move. */
static const char *next_move(const struct position *p)
{
    for (int64_t i = 0; i < p->n; i++)
        if (p->try[i].legal)
            return p->try[i].text;
    return p->move->text;
}

static int play(struct position *p, struct tr_player *player, struct tr_engine *e,
                char *game, char *prompt, uint64_t i, FILE *rows,
                struct tr_tries_stats *stats, struct tr_err *err)
{
    struct tr_rng rng = tr_rng_init(p->a->seed, i);
    for (int64_t ply = 0; ply < p->a->plies; ply++) {
        if (tr_engine_rank(e, game, p->a->depth, &p->move, &p->n_move, err))
            return -1;
        if (!p->n_move)
            break;
        if (try_moves(p, player, &rng, stats, err))
            return -1;
        tr__notation_prompt(p->notation, game, prompt);
        stats->rows += p->a->lesson->write(p, rows);
        tr__game_add(game, next_move(p));
    }
    return 0;
}

int tr_player_tries(struct tr_player *player, struct tr_engine *e,
                    const struct tr_tries_args *a, uint64_t i, FILE *rows,
                    struct tr_tries_stats *stats, struct tr_err *err)
{
    char *game = calloc(tr_game_bytes(a->plies), 1);
    char *prompt = malloc(tr_game_bytes(a->plies) + TR__PROMPT_MORE);
    struct position p = { .notation = tr__player_notation(player), .game = game,
                          .prompt = prompt, .a = a,
                          .try = malloc((size_t)a->tries * sizeof *p.try) };
    int rc = game && prompt && p.try
                 ? play(&p, player, e, game, prompt, i, rows, stats, err)
                 : tr_err_sys(err, "cannot hold a game");
    free(p.try);
    free(prompt);
    free(game);
    return rc;
}
