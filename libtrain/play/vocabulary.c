/* SPDX-License-Identifier: MIT
 *
 * Squares are user-defined tokens, which every reader of the file cuts out of a text before
 * it does anything else, so that no merges are needed.
 */
#include <libtrain/gguf.h>
#include <libtrain/play.h>

#include <stdio.h>
#include <string.h>

enum { N_SQUARE = 64, N_TOKEN = N_SQUARE + 6, USER_DEFINED = 4, CONTROL = 3 };

int tr_play_vocabulary(const char *path, struct tr_err *err)
{
    static const char *const rest[] = { "n", "b", "r", "q", " ", "<|endoftext|>" };
    char square[N_SQUARE][3];
    struct tr_str token[N_TOKEN];
    int32_t type[N_TOKEN];
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return -1;
    for (int i = 0; i < N_TOKEN; i++) {
        if (i < N_SQUARE)
            snprintf(square[i], sizeof square[i], "%c%c", 'a' + i % 8, '1' + i / 8);
        token[i].ptr = i < N_SQUARE ? square[i] : rest[i - N_SQUARE];
        token[i].len = strlen(token[i].ptr);
        type[i] = i == N_TOKEN - 1 ? CONTROL : USER_DEFINED;
    }
    tr_gguf_set_string(w, "general.architecture", "gpt2");
    tr_gguf_set_string(w, "general.name", "moves of chess");
    tr_gguf_set_string(w, "tokenizer.ggml.model", "gpt2");
    tr_gguf_set_string(w, "tokenizer.ggml.pre", "gpt-2");
    tr_gguf_set_strings(w, "tokenizer.ggml.tokens", token, N_TOKEN);
    tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, type, N_TOKEN);
    tr_gguf_set_strings(w, "tokenizer.ggml.merges", NULL, 0);
    tr_gguf_set_u32(w, "tokenizer.ggml.bos_token_id", N_TOKEN - 1);
    tr_gguf_set_u32(w, "tokenizer.ggml.eos_token_id", N_TOKEN - 1);
    tr_gguf_set_bool(w, "tokenizer.ggml.add_bos_token", 1);
    return tr_gguf_finish(w, 0, err);
}
