/* SPDX-License-Identifier: MIT
 *
 * Squares are user-defined tokens, which every reader of the file cuts out of a text before
 * it does anything else, so that no merges are needed.
 */
#include <libtrain/gguf.h>
#include <libtrain/play/notation.h>

#include <stdio.h>
#include <string.h>

enum { N_SQUARE = 64, MOST_TOKEN = N_SQUARE + 16, USER_DEFINED = 4, CONTROL = 3 };

struct vocabulary {
    char square[N_SQUARE][3];
    struct tr_str token[MOST_TOKEN];
    int32_t type[MOST_TOKEN];
    uint32_t n;
};

static void add(struct vocabulary *v, const char *token, int32_t type)
{
    v->token[v->n] = (struct tr_str){ token, strlen(token) };
    v->type[v->n++] = type;
}

static void fill(struct vocabulary *v, const struct tr_notation *notation)
{
    static const char *const of_moves[] = { "n", "b", "r", "q", " ", NULL };
    const char *const *list[] = { of_moves, tr__notation_tokens(notation) };
    v->n = 0;
    for (int i = 0; i < N_SQUARE; i++) {
        snprintf(v->square[i], sizeof v->square[i], "%c%c", 'a' + i % 8, '1' + i / 8);
        add(v, v->square[i], USER_DEFINED);
    }
    for (int i = 0; i < 2; i++)
        for (const char *const *t = list[i]; *t; t++)
            add(v, *t, USER_DEFINED);
    add(v, "<|endoftext|>", CONTROL);
}

int tr_play_vocabulary(const char *path, const struct tr_notation *notation,
                       struct tr_err *err)
{
    struct vocabulary v;
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return -1;
    fill(&v, notation);
    tr_gguf_set_string(w, "general.architecture", "gpt2");
    tr_gguf_set_string(w, "general.name", "moves of chess");
    tr_gguf_set_string(w, "tokenizer.ggml.model", "gpt2");
    tr_gguf_set_string(w, "tokenizer.ggml.pre", "gpt-2");
    tr_gguf_set_strings(w, "tokenizer.ggml.tokens", v.token, v.n);
    tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, v.type, v.n);
    tr_gguf_set_strings(w, "tokenizer.ggml.merges", NULL, 0);
    tr_gguf_set_u32(w, "tokenizer.ggml.bos_token_id", v.n - 1);
    tr_gguf_set_u32(w, "tokenizer.ggml.eos_token_id", v.n - 1);
    tr_gguf_set_bool(w, "tokenizer.ggml.add_bos_token", 1);
    return tr_gguf_finish(w, 0, err);
}
