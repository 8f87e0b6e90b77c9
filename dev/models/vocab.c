/* SPDX-License-Identifier: MIT
 *
 * The size of a model's vocabulary decides how fast it is, and a tokenizer that is at hand
 * is mostly smaller.
 */
#include "vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tr_gguf_kv *tokens_of(const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = NULL;
    int found = tr_gguf_array(g, "tokenizer.ggml.tokens", TR_GGUF_STRING, &kv, err);
    if (!found)
        tr_err_set(err, TR_EFORMAT, "'%s' holds no vocabulary", tr_gguf_path(g));
    return found > 0 ? kv : NULL;
}

int64_t vocab_size(const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *tokens = tokens_of(g, err);
    return tokens ? (int64_t)tokens->count : -1;
}

static const struct tr_gguf_kv *types_of(const struct tr_gguf *g, uint64_t n,
                                         struct tr_err *err)
{
    const struct tr_gguf_kv *kv = NULL;
    int found = tr_gguf_array(g, "tokenizer.ggml.token_type", TR_GGUF_I32, &kv, err);
    if (found >= 0 && (!found || kv->count != n))
        tr_err_set(err, TR_EFORMAT, "'%s' has no type for every token", tr_gguf_path(g));
    return found > 0 && kv->count == n ? kv : NULL;
}

enum { UNUSED = 5 /* a type of token */, NAME = 24 };

static int pad(struct tr_gguf_writer *w, const struct tr_gguf_kv *tokens,
               const struct tr_gguf_kv *types, uint64_t n, struct tr_err *err)
{
    uint64_t cursor = 0;
    struct tr_str *text = malloc(n * sizeof *text);
    char(*name)[NAME] = malloc(n * sizeof *name);
    int32_t *type = malloc(n * sizeof *type);
    int ok = text && name && type;
    for (uint64_t i = 0; ok && i < n; i++) {
        int len = snprintf(name[i], NAME, "<|unused_%llu|>", (unsigned long long)i);
        int own = i < tokens->count;
        text[i] = own ? tr_gguf_elem_string(tokens, &cursor)
                      : (struct tr_str){ name[i], (size_t)len };
        type[i] = own ? (int32_t)tr_gguf_elem_int(types, i) : UNUSED;
    }
    if (ok) {
        tr_gguf_set_strings(w, "tokenizer.ggml.tokens", text, n);
        tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, type, n);
    } else {
        tr_err_sys(err, "cannot pad the vocabulary to %llu tokens", (unsigned long long)n);
    }
    free(text);
    free(name);
    free(type);
    return ok ? 0 : -1;
}

int vocab_copy(struct tr_gguf_writer *w, const struct tr_gguf *g, int64_t n,
               struct tr_err *err)
{
    const struct tr_gguf_kv *tokens = tokens_of(g, err), *types;
    if (!tokens)
        return -1;
    for (size_t i = 0; i < tr_gguf_n_kv(g); i++)
        if (!strncmp(tr_gguf_kv(g, i)->key, "tokenizer.", 10))
            tr_gguf_set_kv(w, tr_gguf_kv(g, i));
    if (n <= (int64_t)tokens->count)
        return 0;
    types = types_of(g, tokens->count, err);
    return types ? pad(w, tokens, types, (uint64_t)n, err) : -1;
}
