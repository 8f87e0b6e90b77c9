/* SPDX-License-Identifier: MIT
 *
 * RWKV's tokenizer (tokenizer.ggml.model "rwkv"): a text becomes the longest token that it
 * begins with, then the longest that the rest begins with.  Tokens are any bytes, which the
 * file writes with \t \n \r \xHH and a \ in front of what would be one of them.
 *
 * Tokens of any type are found, control tokens too, as llama.cpp finds them.
 */
#include <libtrain/tokenizer/kind.h>

#include <stdlib.h>

/* As llama.cpp reads it: small letters are digits of more than nine. */
static unsigned digit(char c)
{
    return c >= 'a' ? (unsigned)(c - 'a' + 10) : (unsigned)c - '0';
}

static size_t rwkv_unescape(const char *text, size_t len, char *out, int *spelt)
{
    (void)spelt; /* all is */
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c != '\\') {
            out[n++] = c;
            continue;
        }
        if (++i == len)
            break;
        c = text[i];
        if (c != 'x') {
            out[n++] = (char)(c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c);
        } else if (len - i > 2) {
            out[n++] = (char)((digit(text[i + 1]) << 4) + digit(text[i + 2]));
            i += 2;
        } else {
            break;
        }
    }
    return n;
}

static int rwkv_init(struct tr_tokenizer *t, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, "tokenizer.ggml.tokens");
    struct tr__key *key = malloc(t->vocab.n * sizeof *key);
    char *bytes = malloc(kv->data_bytes + 1), *to = bytes;
    uint64_t cursor = 0;
    size_t n = 0;
    int rc = key && bytes ? tr__no_pre(t, err)
                          : tr_err_sys(err, "cannot hold %u tokens", t->vocab.n);
    for (uint32_t i = 0; i < t->vocab.n && !rc; i++) {
        struct tr_str s = tr_gguf_elem_string(kv, &cursor);
        s.len = rwkv_unescape(s.ptr, s.len, to, NULL);
        s.ptr = to;
        to += s.len;
        if (s.len)
            key[n++] = (struct tr__key){ s, (int32_t)i };
    }
    if (!rc)
        rc = tr__tree_build(&t->trie, key, n, err);
    free(key);
    free(bytes);
    return rc ? rc : tr__join_trie(t, err);
}

/* A byte with which no token begins is unknown. */
static int rwkv_encode(struct tr_encoder *e, const char *text, size_t len, int first)
{
    (void)first;
    size_t base = (size_t)(text - e->text);
    int rc = 0;
    for (size_t at = 0, n; at < len && !rc; at += n) {
        int32_t id = e->t->unk;
        n = tr__longest_token(e, text + at, len - at, &id);
        n = n ? n : 1;
        rc = tr__push_at(e, id, base + at, base + at + n);
    }
    return rc;
}

/* Between two bytes that stand beside each other in no token. */
static size_t rwkv_cut(struct tr_encoder *e, const char *text, size_t len)
{
    for (size_t at = 1; at < len; at++) {
        unsigned char a = (unsigned char)text[at - 1], b = (unsigned char)text[at];
        if (!(e->t->joint[a][b / 8] >> b % 8 & 1))
            return at;
    }
    return 0;
}

const struct tr__tokenizer_kind tr__tokenizer_rwkv = {
    .model = "rwkv",
    .around = TR__AROUND_NEVER,
    .all_pieces = 1,
    .notes = 1,
    .bos = -1,
    .eos = -1,
    .unk = -1,
    .sep = -1,
    .unescape = rwkv_unescape,
    .init = rwkv_init,
    .encode = rwkv_encode,
    .cut = rwkv_cut,
};
