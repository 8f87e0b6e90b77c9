/* SPDX-License-Identifier: MIT
 *
 * Reading tokens, types and scores.  Keys and token types: gguf.md, "tokenizer".  Read next:
 * idmap.c, the tables from bytes to ids, and special.c, which finds special tokens.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/vocab.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_special(uint8_t type)
{
    return type == TR__TOKEN_UNKNOWN || type == TR__TOKEN_CONTROL ||
           type == TR__TOKEN_USER || type == TR__TOKEN_NAMED;
}

static int is_text(const struct tr__vocab *v, uint32_t id)
{
    uint8_t type = v->type[id];
    return type != TR__TOKEN_UNKNOWN && type != TR__TOKEN_CONTROL &&
           type != TR__TOKEN_BYTE && !(v->role[id] & TR__ROLE_UNSPELT);
}

void tr__vocab_warn(struct tr__vocab *v, const char *fmt, ...)
{
    if (tr__grow(&v->warning, &v->cap_warning, v->n_warning + 1, sizeof *v->warning))
        return; /* what comes next will fail for the same reason */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->warning[v->n_warning++], TR__WARNING, fmt, ap);
    va_end(ap);
}

static void note(struct tr__vocab *v, const char *what, uint32_t n, uint32_t first)
{
    if (n)
        tr__vocab_warn(v, "%u %s tokens, the first is %u", n, what, first);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "<0xHH>" means, or -1: exactly this form, no sign, no third digit. */
static int byte_of_text(struct tr_str s)
{
    if (s.len != 6 || memcmp(s.ptr, "<0x", 3) != 0 || s.ptr[5] != '>')
        return -1;
    int high = hex_digit(s.ptr[3]), low = hex_digit(s.ptr[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* An array that has an entry for each token: 1, 0 if it is not there, or an error. */
static int find_array(const struct tr_gguf *g, const char *key, enum tr_gguf_type elem,
                      uint32_t n, const struct tr_gguf_kv **kv, struct tr_err *err)
{
    int found = tr_gguf_array(g, key, elem, kv, err);
    if (found == 1 && (*kv)->count != n)
        return tr_err_set(err, TR_EFORMAT, "'%s' has %llu entries for %u tokens", key,
                          (unsigned long long)(*kv)->count, n);
    return found;
}

static int read_types(struct tr__vocab *v, const struct tr_gguf *g, struct tr_err *err)
{
    const struct tr_gguf_kv *kv;
    int found = find_array(g, "tokenizer.ggml.token_type", TR_GGUF_I32, v->n, &kv, err);
    if (found < 0)
        return found;
    v->type = malloc(v->n);
    if (!v->type)
        return tr_err_sys(err, "cannot hold %u token types", v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        int64_t type = found ? tr_gguf_elem_int(kv, i) : TR__TOKEN_NORMAL;
        v->type[i] = type > 0 && type < TR__TOKEN_N_TYPE ? (uint8_t)type
                                                         : TR__TOKEN_UNDEFINED;
    }
    return 0;
}

static int read_scores(struct tr__vocab *v, const struct tr_gguf *g, struct tr_err *err)
{
    static const char key[] = "tokenizer.ggml.scores";
    const struct tr_gguf_kv *kv = tr_gguf_find_kv(g, key);
    int whole = kv && kv->elem == TR_GGUF_I32; /* llama.cpp takes these too */
    int found = find_array(g, key, whole ? TR_GGUF_I32 : TR_GGUF_F32, v->n, &kv, err);
    if (found <= 0)
        return found;
    v->score = malloc(v->n * sizeof *v->score);
    if (!v->score)
        return tr_err_sys(err, "cannot hold %u scores", v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        v->score[i] = (float)tr_gguf_elem_float(kv, i);
        if (!isfinite(v->score[i]))
            return tr_err_set(err, TR_EFORMAT, "the score of token %u is not finite", i);
    }
    return 0;
}

/* Role and type of each id: some tokens are known by their text. */
static int read_roles(struct tr__vocab *v, const struct tr_gguf_kv *kv, uint16_t by_key,
                      struct tr_err *err)
{
    uint64_t cursor = 0;
    v->role = calloc(v->n, sizeof *v->role);
    if (!v->role)
        return tr_err_sys(err, "cannot hold the roles of %u tokens", v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        uint16_t role = tr__named_role(tr_gguf_elem_string(kv, &cursor));
        v->role[i] = role & (uint16_t)~by_key;
        v->type[i] = tr__named_type(v->role[i], v->type[i]);
    }
    return 0;
}

/* The bytes of one id, and how many; -1: it should be one byte, and is none.  A special
 * token stands for what it is in the file. */
static int64_t token_bytes(struct tr__vocab *v, uint32_t id, struct tr_str s,
                           tr__unescape *unescape, char *out)
{
    int spelt = 1, byte = v->type[id] == TR__TOKEN_BYTE ? byte_of_text(s) : 0;
    if (v->type[id] == TR__TOKEN_BYTE) {
        *out = (char)byte;
        return byte < 0 ? -1 : 1;
    }
    size_t n = unescape(s.ptr, s.len, out, &spelt);
    if (!spelt)
        v->role[id] |= TR__ROLE_UNSPELT;
    if (!is_special(v->type[id]))
        return (int64_t)n;
    if (s.len)
        memcpy(out, s.ptr, s.len);
    return (int64_t)s.len;
}

/* The bytes of each id.  What a token stands for is never longer than its text. */
static int read_tokens(struct tr__vocab *v, const struct tr_gguf_kv *kv,
                       tr__unescape *unescape, struct tr_err *err)
{
    v->bytes = malloc(kv->data_bytes + 1);
    v->start = malloc(((size_t)v->n + 1) * sizeof *v->start);
    if (!v->bytes || !v->start)
        return tr_err_sys(err, "cannot hold %u tokens", v->n);
    uint64_t used = 0, cursor = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        struct tr_str s = tr_gguf_elem_string(kv, &cursor);
        v->start[i] = used;
        int64_t n = token_bytes(v, i, s, unescape, v->bytes + used);
        if (n < 0)
            return tr_err_set(err, TR_EFORMAT, "byte token %u is '%.*s', not '<0xHH>'", i,
                              s.len > 40 ? 40 : (int)s.len, s.ptr);
        used += (uint64_t)n;
    }
    v->start[v->n] = used;
    return 0;
}

static int longest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

static int index_lengths(struct tr__vocab *v, uint32_t n_special, struct tr_err *err)
{
    v->special_len = malloc((n_special + 1) * sizeof *v->special_len);
    if (!v->special_len)
        return tr_err_sys(err, "cannot index %u special tokens", n_special);
    size_t n = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        struct tr_str s = tr__vocab_bytes(v, i);
        if (!is_special(v->type[i]) || !s.len)
            continue;
        int user = v->type[i] == TR__TOKEN_USER;
        v->special_first[(unsigned char)*s.ptr] |= user ? 3 : 2;
        v->has_user |= user;
        v->special_len[n++] = s.len;
    }
    qsort(v->special_len, n, sizeof *v->special_len, longest_first);
    for (size_t i = 0; i < n; i++)
        if (!v->n_special_len || v->special_len[v->n_special_len - 1] != v->special_len[i])
            v->special_len[v->n_special_len++] = v->special_len[i];
    return 0;
}

/* Both tables.  A text token and a special one may look alike: they are found by
 * different means. */
static int index_tokens(struct tr__vocab *v, struct tr_err *err)
{
    uint32_t n_text = 0, n_special = 0, n_empty = 0, empty = 0, twice = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        n_text += is_text(v, i) != 0;
        n_special += is_special(v->type[i]) != 0;
    }
    int rc = tr__idmap_init(&v->text, n_text, err);
    if (!rc)
        rc = tr__idmap_init(&v->special, n_special, err);
    for (uint32_t i = 0; i < v->n && !rc; i++) {
        if (v->start[i] == v->start[i + 1]) {
            empty = n_empty++ ? empty : i;
            continue;
        }
        int fresh = 1;
        if (is_text(v, i))
            fresh = tr__idmap_add(&v->text, v, i);
        if (is_special(v->type[i]))
            fresh &= tr__idmap_add(&v->special, v, i);
        if (!fresh)
            twice = v->n_twice++ ? twice : i;
    }
    note(v, "empty", n_empty, empty);
    note(v, "duplicate", v->n_twice, twice);
    return rc ? rc : index_lengths(v, n_special, err);
}

int tr__vocab_read(struct tr__vocab *v, const struct tr_gguf *g, tr__unescape *unescape,
                   uint16_t by_key, struct tr_err *err)
{
    const struct tr_gguf_kv *kv;
    int rc = tr_gguf_array(g, "tokenizer.ggml.tokens", TR_GGUF_STRING, &kv, err);
    if (rc < 0)
        return rc;
    if (rc == 0 || kv->count == 0)
        return tr_err_set(err, TR_EFORMAT, "no tokens in 'tokenizer.ggml.tokens'");
    if (kv->count > INT32_MAX)
        return tr_err_set(err, TR_EUNSUPPORTED, "%llu tokens are too many",
                          (unsigned long long)kv->count);
    v->n = (uint32_t)kv->count;
    rc = read_types(v, g, err);
    if (!rc)
        rc = read_scores(v, g, err);
    if (!rc)
        rc = read_roles(v, kv, by_key, err);
    if (!rc)
        rc = read_tokens(v, kv, unescape, err);
    if (rc)
        return rc;
    tr__named_exceptions(v);
    return index_tokens(v, err);
}

void tr__vocab_release(struct tr__vocab *v)
{
    free(v->bytes);
    free(v->start);
    free(v->type);
    free(v->role);
    free(v->score);
    free(v->text.slot);
    free(v->special.slot);
    free(v->special_len);
    free(v->warning);
    memset(v, 0, sizeof *v);
}
