/* SPDX-License-Identifier: MIT
 *
 * Which vocabulary is it?  Models of one family have token tables of different sizes: the
 * converter fills the places behind the last token with "[PAD151665]", by their number, as
 * tokens that are not used.  No text has them, so vocabularies that differ by these alone
 * are the same.
 */
#include <libtrain/tokenizer.h>

#include <stdio.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* the state on the stack */
#include <xxhash.h>

/* Tokens up to the last that is no padding, and their bytes in the file. */
struct used {
    uint64_t n, bytes;
};

static int is_padding(struct tr_str token, uint64_t i)
{
    char pad[32];
    int n = snprintf(pad, sizeof pad, "[PAD%llu]", (unsigned long long)i);
    return token.len == (size_t)n && !memcmp(token.ptr, pad, token.len);
}

static struct used used_of(const struct tr_gguf *g)
{
    static const int64_t UNUSED = 5; /* of llama.cpp's types of tokens */
    const struct tr_gguf_kv *tokens, *types;
    struct used all = { 0 }, used = { 0 };
    if (tr_gguf_array(g, "tokenizer.ggml.tokens", TR_GGUF_STRING, &tokens, NULL) != 1)
        return used;
    int typed = tr_gguf_ints(g, "tokenizer.ggml.token_type", &types, NULL) == 1 &&
                types->count == tokens->count;
    while (all.n < tokens->count) {
        struct tr_str token = tr_gguf_elem_string(tokens, &all.bytes);
        if (!typed || !is_padding(token, all.n) || tr_gguf_elem_int(types, all.n) != UNUSED)
            used = (struct used){ all.n + 1, all.bytes };
        all.n++;
    }
    return used;
}

/* Bytes of the key that count: of a list that has an entry a token those of the used ones. */
static uint64_t counted_bytes(const struct tr_gguf *g, const struct tr_gguf_kv *kv,
                              const struct used *used)
{
    const struct tr_gguf_kv *tokens = tr_gguf_find_kv(g, "tokenizer.ggml.tokens");
    if (kv == tokens)
        return used->n ? used->bytes : kv->data_bytes;
    int each = kv->type == TR_GGUF_ARRAY && kv->elem != TR_GGUF_STRING &&
               kv->count == tokens->count && used->n;
    return each ? kv->data_bytes / kv->count * used->n : kv->data_bytes;
}

uint64_t tr_vocab_hash(const struct tr_gguf *g)
{
    static const char *const key[] = {
        "tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type", "tokenizer.ggml.scores", "tokenizer.ggml.merges",
        "tokenizer.ggml.precompiled_charsmap", /* the last; left out where it is absent */
    };
    XXH64_state_t state;
    struct used used = used_of(g);
    if (!tr_gguf_find_kv(g, "tokenizer.ggml.tokens"))
        return 0;
    XXH64_reset(&state, 0);
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, key[i]);
        /* what each part is and how long, so that none runs into the next */
        if (!kv && i == sizeof key / sizeof *key - 1)
            break;
        uint64_t bytes = kv ? counted_bytes(g, kv, &used) : 0;
        uint64_t head[3] = { i, kv ? kv->elem : 0, bytes };
        XXH64_update(&state, head, sizeof head);
        if (bytes)
            XXH64_update(&state, kv->data, bytes);
    }
    uint64_t hash = XXH64_digest(&state);
    return hash ? hash : 1;
}
