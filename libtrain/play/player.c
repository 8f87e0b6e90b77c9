/* SPDX-License-Identifier: MIT
 *
 * A model as a player: it goes on with the text of a position, and what comes up to the next
 * space is its move.
 */
#include <libtrain/base/base.h>
#include <libtrain/play/notation.h>

#include <stdlib.h>
#include <string.h>

enum { MOST_NEW = 4 /* two squares, a promotion, the space behind */ };

struct tr_player {
    const struct tr_notation *notation;
    struct tr_tokenizer *tok;
    struct tr_generator *g;
    char *prompt;
    size_t cap;
};

struct tr_player *tr_player_new(struct tr_model *m, const struct tr_notation *notation,
                                struct tr_err *err)
{
    struct tr_player *p = calloc(1, sizeof *p);
    int64_t ctx = tr_model_config(m)->n_ctx;
    if (!p) {
        tr_err_sys(err, "cannot hold a player");
        return NULL;
    }
    p->notation = notation;
    p->tok = tr_tokenizer_new(tr_model_gguf(m), err);
    if (p->tok && (p->g = tr_generator_new(m, p->tok, ctx - MOST_NEW, MOST_NEW, err)))
        return p;
    tr_player_free(p);
    return NULL;
}

void tr_player_free(struct tr_player *p)
{
    if (!p)
        return;
    tr_generator_free(p->g);
    tr_tokenizer_free(p->tok);
    free(p->prompt);
    free(p);
}

const struct tr_notation *tr__player_notation(const struct tr_player *p)
{
    return p->notation;
}

struct answer {
    char text[TR_MOVE_BYTES + 1];
    size_t n; /* bytes that came, of which the first are in text */
};

static int take(void *ctx, const char *bytes, size_t n)
{
    struct answer *a = ctx;
    for (size_t i = 0; i < n; i++, a->n++)
        if (a->n < TR_MOVE_BYTES)
            a->text[a->n] = bytes[i];
    return 0;
}

static int write_prompt(struct tr_player *p, const char *game, struct tr_err *err)
{
    if (tr__grow(&p->prompt, &p->cap, strlen(game) + TR__PROMPT_MORE, sizeof *p->prompt))
        return tr_err_sys(err, "cannot hold a game");
    tr__notation_prompt(p->notation, game, p->prompt);
    return 0;
}

int tr_player_move(struct tr_player *p, const char *game, const struct tr_sampling *sampling,
                   struct tr_rng *rng, char *move, struct tr_err *err)
{
    static const char *const space[] = { " " };
    struct answer a = { .n = 0 };
    struct tr_generate_args args = { .sampling = *sampling, .n = MOST_NEW, .stop = space,
                                     .n_stop = 1, .keep = 1, .text = take, .ctx = &a };
    struct tr_tokens id = { 0 };
    int rc = write_prompt(p, game, err);
    if (!rc)
        rc = tr_prompt_encode(p->tok, p->prompt, 0, &id, err);
    if (!rc)
        rc = tr_generate(p->g, id.id, id.n, &args, rng, err);
    tr_tokens_release(&id);
    if (rc)
        return rc;
    int is_move = tr_move_is(a.text, a.n < TR_MOVE_BYTES ? a.n : TR_MOVE_BYTES);
    a.text[is_move ? a.n : 0] = '\0';
    tr__notation_turn(p->notation, game, a.text, move);
    return 0;
}
