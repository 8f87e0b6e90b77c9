/* SPDX-License-Identifier: MIT
 *
 * mkvocab - train a byte-level BPE vocabulary on a text and write it as a GGUF without
 * tensors.
 *
 *   mkvocab -n 2048 -o vocab.gguf text.txt
 *
 * Byte-pair encoding after Sennrich, Haddow, Birch (2016) on bytes (Radford et al. 2019):
 * the text is split into words, equal words are counted once with their number, and the
 * most frequent pair of neighbours becomes a new token, again and again.  Of pairs that are
 * equally frequent the one with the smaller ids wins, so the result depends on the text
 * alone.  Ids: 256 bytes, the merges in their order, <|endoftext|> last.
 */
#include "../cmds/shared/common.h"

#include <libtrain/base/base.h>
#include <libtrain/file.h>
#include <libtrain/gguf.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_BYTE = 256, MAX_VOCAB = 1 << 14 };

/* Contractions, letters, digits, other signs, white space; a space goes with what follows
 * it, the last of several spaces too.  smollm takes digits one by one. */
static const char *const pre_names[] = { "gpt-2", "smollm", NULL };
static const char *const pre_patterns[] = {
    "'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    "\\p{N}|'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?![^\\s\\p{N}])|\\s+",
};

static const char *pre_name(int i)
{
    return pre_names[i];
}

struct word {
    const char *text; /* in the text */
    size_t len;
    uint64_t count;
    uint32_t *sym; /* ids, `n` of them; room for len */
    size_t n;
};

struct words {
    struct word *w; /* in order of first appearance */
    size_t n, cap;
    size_t *slot; /* hash table of n + 1 numbers into w, 0: empty; n_slot a power of two */
    size_t n_slot;
};

struct token { /* bytes, malloc'ed */
    char *bytes;
    size_t len;
};

struct bpe {
    struct words words;
    struct token *token;
    uint32_t (*merge)[2]; /* of token N_BYTE + i */
    uint32_t n_token, n_wanted;
    uint64_t *pair_count; /* (n_wanted, n_wanted) */
};

struct opts {
    const char *output;
    int pre;
    int64_t n_vocab;
};

/* ==== words ==== */

static uint64_t hash(const char *s, size_t n) /* FNV-1a */
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

/* The slot of a word, or the empty one where it belongs. */
static size_t *find(const struct words *ws, const char *s, size_t n)
{
    for (size_t i = hash(s, n);; i++) {
        size_t *slot = &ws->slot[i & (ws->n_slot - 1)];
        const struct word *w = *slot ? &ws->w[*slot - 1] : NULL;
        if (!w || (w->len == n && !memcmp(w->text, s, n)))
            return slot;
    }
}

static int grow(struct words *ws, struct tr_err *err)
{
    int rc = tr__grow(&ws->w, &ws->cap, ws->n + 1, sizeof *ws->w);
    free(ws->slot);
    ws->n_slot = 2 * ws->cap; /* a power of two: words come one by one, cap doubles */
    ws->slot = calloc(ws->n_slot, sizeof *ws->slot);
    if (rc || !ws->slot)
        return tr_err_sys(err, "cannot hold %zu words", ws->n + 1);
    for (size_t i = 0; i < ws->n; i++)
        *find(ws, ws->w[i].text, ws->w[i].len) = i + 1;
    return 0;
}

static int add_word(struct words *ws, const char *s, size_t n, struct tr_err *err)
{
    if (ws->n == ws->cap && grow(ws, err))
        return -1;
    size_t *slot = find(ws, s, n);
    if (!*slot) {
        ws->w[ws->n] = (struct word){ .text = s, .len = n };
        *slot = ++ws->n;
    }
    ws->w[*slot - 1].count++;
    return 0;
}

static int split_text(struct words *ws, const char *pattern, const char *text, size_t len,
                      struct tr_err *err)
{
    int code, rc = 0;
    PCRE2_SIZE at, start = 0;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    pcre2_match_data *md = re ? pcre2_match_data_create_from_pattern(re, NULL) : NULL;
    if (!md)
        rc = tr_err_set(err, TR_ENOMEM, "cannot prepare the splitting of text");
    else
        pcre2_jit_compile(re, PCRE2_JIT_COMPLETE); /* without it only slower */
    while (!rc && start < len) {
        /* validity is checked once, from the start of the text */
        code = pcre2_match(re, (PCRE2_SPTR)text, len, start, start ? PCRE2_NO_UTF_CHECK : 0,
                           md, NULL);
        if (code < 1) {
            rc = tr_err_set(err, TR_EFORMAT, "text is not valid UTF-8");
            break;
        }
        PCRE2_SIZE *span = pcre2_get_ovector_pointer(md);
        rc = add_word(ws, text + span[0], span[1] - span[0], err);
        start = span[1];
    }
    pcre2_match_data_free(md);
    pcre2_code_free(re);
    return rc;
}

/* ==== merging ==== */

/* GPT-2 writes bytes as letters: those that print stand for themselves, the others for
 * U+0100 and up; printing ones have the lower ids.  `order[i]` is the byte of id i. */
static int prints(int byte)
{
    return (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
}

static void byte_order(unsigned char *order)
{
    int n = 0;
    for (int pass = 1; pass >= 0; pass--)
        for (int byte = 0; byte < N_BYTE; byte++)
            if (prints(byte) == pass)
                order[n++] = (unsigned char)byte;
}

static int add_token(struct bpe *b, const char *left, size_t n, const char *right, size_t m,
                     struct tr_err *err)
{
    struct token *t = &b->token[b->n_token];
    t->bytes = malloc(n + m);
    if (!t->bytes)
        return tr_err_sys(err, "cannot hold %u tokens", b->n_token);
    memcpy(t->bytes, left, n);
    memcpy(t->bytes + n, right, m);
    t->len = n + m;
    b->n_token++;
    return 0;
}

static int start_symbols(struct bpe *b, struct tr_err *err)
{
    unsigned char order[N_BYTE];
    uint32_t id[N_BYTE];
    byte_order(order);
    for (uint32_t i = 0; i < N_BYTE; i++) {
        id[order[i]] = i;
        if (add_token(b, (char *)&order[i], 1, "", 0, err))
            return -1;
    }
    for (size_t i = 0; i < b->words.n; i++) {
        struct word *w = &b->words.w[i];
        w->sym = malloc(w->len * sizeof *w->sym);
        if (!w->sym)
            return tr_err_sys(err, "cannot hold %zu words", b->words.n);
        for (w->n = 0; w->n < w->len; w->n++)
            w->sym[w->n] = id[(unsigned char)w->text[w->n]];
    }
    return 0;
}

/* Count all pairs from nothing, which is short since equal words are counted once.  A
 * count only grows, so the best is known when the last pair has been added. */
static uint64_t best_pair(struct bpe *b, uint32_t best[2])
{
    uint64_t most = 0;
    for (size_t i = 0; i < b->words.n; i++) {
        const struct word *w = &b->words.w[i];
        for (size_t k = 0; k + 1 < w->n; k++) {
            uint32_t x = w->sym[k], y = w->sym[k + 1];
            uint64_t c = b->pair_count[(size_t)x * b->n_wanted + y] += w->count;
            if (c > most || (c == most && (x < best[0] || (x == best[0] && y < best[1])))) {
                most = c;
                best[0] = x;
                best[1] = y;
            }
        }
    }
    for (size_t i = 0; i < b->words.n; i++) {
        const struct word *w = &b->words.w[i];
        for (size_t k = 0; k + 1 < w->n; k++)
            b->pair_count[(size_t)w->sym[k] * b->n_wanted + w->sym[k + 1]] = 0;
    }
    return most;
}

static void replace_pair(struct word *w, const uint32_t pair[2], uint32_t id)
{
    size_t n = 0;
    for (size_t k = 0; k < w->n; n++) {
        int both = k + 1 < w->n && w->sym[k] == pair[0] && w->sym[k + 1] == pair[1];
        w->sym[n] = both ? id : w->sym[k];
        k += both ? 2 : 1;
    }
    w->n = n;
}

/* Until there are tokens enough (one is kept for the end of text) or no pair comes twice */
static int train(struct bpe *b, struct tr_err *err)
{
    uint32_t pair[2] = { 0, 0 };
    if (start_symbols(b, err))
        return -1;
    while (b->n_token + 1 < b->n_wanted && best_pair(b, pair) > 1) {
        const struct token *x = &b->token[pair[0]], *y = &b->token[pair[1]];
        memcpy(b->merge[b->n_token - N_BYTE], pair, sizeof pair);
        for (size_t i = 0; i < b->words.n; i++)
            replace_pair(&b->words.w[i], pair, b->n_token);
        if (add_token(b, x->bytes, x->len, y->bytes, y->len, err))
            return -1;
    }
    return 0;
}

/* ==== output ==== */

/* The letters of a token's bytes in UTF-8; every one takes two bytes at most. */
static size_t spell(const struct token *t, char *out)
{
    static int letter[N_BYTE];
    if (!letter['!'])
        for (int byte = 0, n = 0; byte < N_BYTE; byte++)
            letter[byte] = prints(byte) ? byte : N_BYTE + n++;
    char *p = out;
    for (size_t i = 0; i < t->len; i++) {
        int c = letter[(unsigned char)t->bytes[i]];
        if (c >= 128)
            *p++ = (char)(0xc0 | c >> 6);
        *p++ = (char)(c < 128 ? c : 0x80 | (c & 63));
    }
    return (size_t)(p - out);
}

static int write_lists(const struct bpe *b, struct tr_gguf_writer *w, struct tr_err *err)
{
    static const char end[] = "<|endoftext|>";
    enum { NORMAL = 1, CONTROL = 3 };
    uint32_t n = b->n_token + 1, n_merge = b->n_token - N_BYTE;
    size_t bytes = 0, used = 0;
    for (uint32_t i = 0; i < b->n_token; i++)
        bytes += 4 * b->token[i].len + 1; /* as a token, and in a merge with its space */
    struct tr_str *text = malloc(n * sizeof *text), *merge = malloc(n * sizeof *merge);
    int32_t *type = malloc(n * sizeof *type);
    char *buf = malloc(bytes);
    int rc = 0;
    if (!text || !merge || !type || !buf)
        rc = tr_err_sys(err, "cannot write %u tokens", n);
    for (uint32_t i = 0; !rc && i < b->n_token; i++) {
        text[i] = (struct tr_str){ buf + used, spell(&b->token[i], buf + used) };
        type[i] = NORMAL;
        used += text[i].len;
    }
    for (uint32_t i = 0; !rc && i < n_merge; i++) {
        char *at = buf + used;
        used += spell(&b->token[b->merge[i][0]], buf + used);
        buf[used++] = ' ';
        used += spell(&b->token[b->merge[i][1]], buf + used);
        merge[i] = (struct tr_str){ at, (size_t)(buf + used - at) };
    }
    if (!rc) {
        text[n - 1] = (struct tr_str){ end, sizeof end - 1 };
        type[n - 1] = CONTROL;
        tr_gguf_set_strings(w, "tokenizer.ggml.tokens", text, n);
        tr_gguf_set_array(w, "tokenizer.ggml.token_type", TR_GGUF_I32, type, n);
        tr_gguf_set_strings(w, "tokenizer.ggml.merges", merge, n_merge);
    }
    free(text);
    free(merge);
    free(type);
    free(buf);
    return rc;
}

static int write_vocab(const struct bpe *b, const struct opts *o, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(o->output, err);
    if (!w)
        return -1;
    tr_gguf_set_string(w, "general.architecture", "gpt2");
    tr_gguf_set_string(w, "general.name", "vocabulary");
    tr_gguf_set_string(w, "tokenizer.ggml.model", "gpt2");
    tr_gguf_set_string(w, "tokenizer.ggml.pre", pre_names[o->pre]);
    if (write_lists(b, w, err)) {
        tr_gguf_discard(w);
        return -1;
    }
    tr_gguf_set_u32(w, "tokenizer.ggml.bos_token_id", b->n_token);
    tr_gguf_set_u32(w, "tokenizer.ggml.eos_token_id", b->n_token);
    tr_gguf_set_bool(w, "tokenizer.ggml.add_bos_token", 0);
    return tr_gguf_commit(w, err);
}

static void release(struct bpe *b)
{
    for (size_t i = 0; i < b->words.n; i++)
        free(b->words.w[i].sym);
    for (uint32_t i = 0; b->token && i < b->n_token; i++)
        free(b->token[i].bytes);
    free(b->words.w);
    free(b->words.slot);
    free(b->token);
    free(b->merge);
    free(b->pair_count);
}

static int make_vocab(const char *path, const struct opts *o, struct tr_err *err)
{
    struct bpe b = { .n_wanted = (uint32_t)o->n_vocab };
    size_t n = b.n_wanted, len;
    char *text = NULL;
    int rc = -1;
    b.token = malloc(n * sizeof *b.token);
    b.merge = malloc(n * sizeof *b.merge);
    b.pair_count = calloc(n * n, sizeof *b.pair_count);
    if (!b.token || !b.merge || !b.pair_count)
        tr_err_sys(err, "cannot count pairs of %zu tokens", n);
    else if (!tr_read_all(path, &text, &len, err) &&
             !split_text(&b.words, pre_patterns[o->pre], text, len, err) && !train(&b, err))
        rc = write_vocab(&b, o, err);
    if (rc)
        tr_err_prefix(err, "'%s'", path);
    else
        cmd_say("%u tokens from %zu different words", b.n_token + 1, b.words.n);
    release(&b);
    free(text);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .n_vocab = 2048 };
    const struct cmd_opt table[] = {
        CMD_TEXT('o', "output", &o.output, "FILE", "where to write the vocabulary"),
        CMD_INT('n', "n-vocab", &o.n_vocab, N_BYTE + 1, MAX_VOCAB, "N", "tokens at most"),
        CMD_CHOICE(0, "pre", &o.pre, pre_name, "NAME", "how text is split into words"),
        CMD_END
    };
    const struct cmd cmd = { "mkvocab", "-o OUT.gguf [OPTION…] TEXT",
                             "train a byte-level BPE vocabulary", table, 1, 1,
                             (const char *const[]){ "output", NULL } };
    struct tr_err err = { 0 };
    int n;
    char **file = cmd_parse(&cmd, argc, argv, &n);
    return cmd_end(make_vocab(*file, &o, &err) ? cmd_code(&err) : CMD_OK, &err);
}
