/* SPDX-License-Identifier: MIT
 *
 * Any vocabulary and any text: what cannot be a tokenizer is refused, and what is one encodes
 * the text, cut into pieces as it is whole, into ids that it has, and says where they stand.
 *
 * An input is a kind (u, w, r, p or s), a letter whose bits are keys, two bytes of the length
 * of a normaliser's map, and the map; then lines of a type, a score and a token; an empty
 * line; and the text.
 *
 * Sources: tokenizer
 */
#include "memory_dir.h"

#include <libtrain/tokenizer/kind.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_TOKENS = 800, MAX_TEXT = 4096 };

static char path[80];

static void remove_file(void)
{
    unlink(path);
}

static void make_path(void)
{
    if (*path)
        return;
    snprintf(path, sizeof path, "%s/fuzz-vocab.%ld", memory_folder(), (long)getpid());
    atexit(remove_file);
}

struct input {
    const uint8_t *at;
    size_t left;
    struct tr_str token[MAX_TOKENS];
    int32_t type[MAX_TOKENS];
    float score[MAX_TOKENS];
    uint64_t n;
    char bytes[256][8];
};

static void add(struct input *in, const char *s, size_t len, int32_t type, float score)
{
    if (in->n == MAX_TOKENS)
        return;
    in->token[in->n] = (struct tr_str){ s, len };
    in->type[in->n] = type;
    in->score[in->n++] = score;
}

/* A digit for the type, a byte around "@" for the score, the token as the rest of the line. */
static void read_tokens(struct input *in)
{
    while (in->left) {
        const uint8_t *end = memchr(in->at, '\n', in->left);
        size_t n = end ? (size_t)(end - in->at) : in->left;
        if (n >= 2)
            add(in, (const char *)in->at + 2, n - 2, in->at[0] - '0',
                ((float)in->at[1] - '@') / 4);
        size_t used = n + (end != NULL);
        in->at += used;
        in->left -= used;
        if (!n)
            return;
    }
}

static void add_bytes(struct input *in)
{
    for (unsigned b = 0; b < 256; b++) {
        snprintf(in->bytes[b], sizeof in->bytes[b], "<0x%02X>", b);
        add(in, in->bytes[b], 6, TR__TOKEN_BYTE, 0);
    }
}

static void write_file(struct input *in, const char *model, uint8_t keys)
{
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    size_t n = in->left < 2 ? 0 : in->at[0] | (size_t)in->at[1] << 8;
    if (!w)
        abort();
    in->at += in->left < 2 ? in->left : 2;
    in->left -= in->left < 2 ? in->left : 2;
    n = n < in->left ? n : in->left;
    tr_gguf_set_string(w, "tokenizer.ggml.model", model);
    if (n)
        tr_gguf_set_array(w, "tokenizer.ggml.precompiled_charsmap", TR_GGUF_U8, in->at, n);
    in->at += n;
    in->left -= n;
    if (keys & 16)
        add_bytes(in);
    read_tokens(in);
    tr_gguf_set_strings(w, "tokenizer.ggml.tokens", in->token, in->n);
    tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, in->type, in->n);
    tr_gguf_set_array(w, "tokenizer.ggml.scores", TR_GGUF_F32, in->score, in->n);
    tr_gguf_set_bool(w, "tokenizer.ggml.remove_extra_whitespaces", keys & 1);
    tr_gguf_set_bool(w, "tokenizer.ggml.add_space_prefix", keys >> 1 & 1);
    tr_gguf_set_bool(w, "tokenizer.ggml.normalizer.lowercase", keys >> 2 & 1);
    tr_gguf_set_u32(w, "tokenizer.ggml.unknown_token_id", keys >> 3 & 1);
    if (tr_gguf_commit(w, &err))
        abort();
}

static void check_places(const struct tr_text_ranges *where, size_t n, size_t len)
{
    if (where->n != n)
        abort();
    for (size_t i = 0; i < n; i++)
        if (where->at[i].start > where->at[i].end || where->at[i].end > len ||
            (i && where->at[i].start < where->at[i - 1].start))
            abort();
}

static void decode(const struct tr_tokenizer *t, const struct tr_tokens *ids)
{
    char *buf = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < ids->n; i++)
        if (tr_tokenizer_decode(t, ids->id[i], i == 0, 1, &buf, &n, &cap, NULL))
            abort();
    if (tr_tokenizer_clean(t, buf, n) > n)
        abort();
    free(buf);
}

static void encode(const struct tr_tokenizer *t, const char *text, size_t len, int flags)
{
    struct tr_tokens whole = { 0 }, parts = { 0 }, placed = { 0 };
    struct tr_text_ranges where = { 0 };
    struct tr_err err = { 0 };
    int rc = tr__encode(t, text, len, flags, len + 1, &whole, &err);
    int again = tr__encode(t, text, len, flags, 3, &parts, &err);
    int at = tr_tokenizer_encode_ranges(t, text, len, flags, NULL, 0, &placed, &where, &err);
    if (rc != again || whole.n != parts.n ||
        (whole.n && memcmp(whole.id, parts.id, whole.n * sizeof *whole.id) != 0))
        abort();
    if (!at) {
        if (placed.n != whole.n)
            abort();
        check_places(&where, placed.n, len);
    }
    decode(t, &whole);
    tr_tokens_release(&whole);
    tr_tokens_release(&parts);
    tr_tokens_release(&placed);
    tr_text_ranges_release(&where);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const models[] = { "t5", "bert", "rwkv", "plamo2", "llama" };
    static const char letters[] = "uwrps";
    static struct input in;
    struct tr_err err = { 0 };
    const char *letter = size < 2 ? NULL : memchr(letters, data[0], 5);
    if (!letter)
        return 0;
    make_path();
    memset(&in, 0, sizeof in);
    in.at = data + 2;
    in.left = size - 2;
    write_file(&in, models[letter - letters], data[1]);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_tokenizer *t = g ? tr_tokenizer_new(g, &err) : NULL;
    tr_gguf_close(g);
    if (!t != !!err.code)
        abort();
    size_t len = in.left < MAX_TEXT ? in.left : MAX_TEXT;
    for (int flags = 0; t && flags <= TR_ENCODE_SPECIAL; flags += TR_ENCODE_SPECIAL)
        encode(t, (const char *)in.at, len, flags);
    tr_tokenizer_free(t);
    return 0;
}
