/* SPDX-License-Identifier: MIT
 *
 * Byte-level BPE by the book, for one text of a few hundred bytes: the text is cut at added
 * tokens, each step makes pieces of pieces, and in each the pair that was merged first is
 * merged first.  tokenizer/ does this quickly, but for patterns it knows; here the pattern
 * is the file's own, which may be anything, so what PCRE2 may spend on it is bounded.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <libtrain/hf/vocab_encode.h>

#include <libtrain/base/base.h>

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

struct cuts { /* pieces of a text, one after the other */
    char *bytes;
    size_t n_bytes, cap_bytes;
    size_t *end; // (n)
    size_t n, cap;
};

static void release(struct cuts *c)
{
    free(c->bytes);
    free(c->end);
    *c = (struct cuts){ 0 };
}

static int put(struct cuts *c, const char *p, size_t n)
{
    if (!n)
        return 0;
    if (tr__grow(&c->bytes, &c->cap_bytes, c->n_bytes + n, 1) ||
        tr__grow(&c->end, &c->cap, c->n + 1, sizeof *c->end))
        return -1;
    memcpy(c->bytes + c->n_bytes, p, n);
    c->n_bytes += n;
    c->end[c->n++] = c->n_bytes;
    return 0;
}

static struct tr_str piece(const struct cuts *c, size_t i)
{
    size_t from = i ? c->end[i - 1] : 0;
    return (struct tr_str){ c->bytes + from, c->end[i] - from };
}

/* ---- steps ------------------------------------------------------------------------ */

struct search {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

static void end_search(struct search *s)
{
    pcre2_code_free(s->code);
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->context);
}

/* 1, 0 for an expression that PCRE2 does not have, -1 when out of memory. */
static int begin_search(struct search *s, const char *regex)
{
    enum { STEPS = 1 << 20, KIB = 1 << 14 };
    int code;
    PCRE2_SIZE at;
    s->code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at,
                            NULL);
    s->match = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->match || !s->context)
        return -1;
    pcre2_set_match_limit(s->context, STEPS);
    pcre2_set_depth_limit(s->context, STEPS);
    pcre2_set_heap_limit(s->context, KIB);
    return s->code != NULL;
}

/* Pieces of one piece: 1, 0 if the search gives up, -1. */
static int split(const struct search *s, struct tr_str from, int keep, struct cuts *to)
{
    size_t at = 0, done = 0;
    while (at < from.len) {
        int rc = pcre2_match(s->code, (PCRE2_SPTR)from.ptr, from.len, at, 0, s->match,
                             s->context);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0)
            return 0;
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
        if (span[0] < at || span[1] < span[0]) /* \K */
            return 0;
        if (span[1] > span[0] || span[0] > done) {
            if ((!keep && put(to, from.ptr + done, span[0] - done)) ||
                put(to, from.ptr + span[0], span[1] - span[0]))
                return -1;
            done = span[1];
        }
        at = span[1] > at ? span[1] : at + tr__utf8_len(from.ptr + at, from.len - at);
    }
    return keep ? 1 : put(to, from.ptr + done, from.len - done) ? -1 : 1;
}

static int split_all(const struct tr__hf_step *step, const struct cuts *from,
                     struct cuts *to)
{
    struct search s = { 0 };
    int rc = begin_search(&s, step->regex);
    for (size_t i = 0; i < from->n && rc == 1; i++)
        rc = split(&s, piece(from, i), step->keep, to);
    end_search(&s);
    return rc;
}

static int spell_all(const struct cuts *from, struct cuts *to)
{
    int rc = 1;
    for (size_t i = 0; i < from->n && rc == 1; i++) {
        struct tr_str s = piece(from, i);
        char *letters = malloc(2 * s.len + 1);
        size_t n = 0;
        for (size_t k = 0; letters && k < s.len; k++)
            n += tr__spell((unsigned char)s.ptr[k], letters + n);
        rc = !letters || put(to, letters, n) ? -1 : 1;
        free(letters);
    }
    return rc;
}

static int run_steps(const struct tr__hf_words *w, struct cuts *c)
{
    int rc = 1;
    for (size_t i = 0; i < w->n && rc == 1; i++) {
        struct cuts next = { 0 };
        rc = w->step[i].regex ? split_all(&w->step[i], c, &next) : spell_all(c, &next);
        release(c);
        *c = next;
    }
    return rc;
}

/* ---- merging ---------------------------------------------------------------------- */

struct ranked {
    uint64_t key; /* left << 32 | right */
    uint32_t rank;
};

static int by_key(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static struct ranked *rank_merges(const struct tr__hf_pieces *p)
{
    struct ranked *r = malloc((p->n_merge + 1) * sizeof *r);
    for (size_t i = 0; r && i < p->n_merge; i++)
        r[i] = (struct ranked){ (uint64_t)p->merge[i].left << 32 | p->merge[i].right,
                                (uint32_t)i };
    if (r)
        qsort(r, p->n_merge, sizeof *r, by_key);
    return r;
}

static uint32_t rank_of(const struct tr__hf_pieces *p, const struct ranked *r,
                        struct tr_str left, struct tr_str right)
{
    int64_t a = tr__strings_find(&p->text, left.ptr, left.len);
    int64_t b = tr__strings_find(&p->text, right.ptr, right.len);
    struct ranked key = { .key = (uint64_t)a << 32 | (uint64_t)b };
    const struct ranked *at =
        a < 0 || b < 0 ? NULL : bsearch(&key, r, p->n_merge, sizeof *r, by_key);
    return at ? at->rank : UINT32_MAX;
}

/* Characters of a word, merged until there is no pair left: where each symbol ends. */
static int merge_word(const struct tr__hf_pieces *p, const struct ranked *r, struct tr_str s,
                      struct cuts *c)
{
    for (size_t i = 0, len; i < s.len; i += len) {
        len = tr__utf8_len(s.ptr + i, s.len - i);
        if (put(c, s.ptr + i, len ? len : (len = 1)))
            return -1;
    }
    for (;;) {
        uint32_t best = UINT32_MAX;
        size_t at = 0;
        for (size_t i = 0; i + 1 < c->n; i++) {
            uint32_t rank = rank_of(p, r, piece(c, i), piece(c, i + 1));
            at = rank < best ? i : at;
            best = rank < best ? rank : best;
        }
        if (best == UINT32_MAX)
            return 0;
        memmove(c->end + at, c->end + at + 1, (c->n - at - 1) * sizeof *c->end);
        c->n--;
    }
}

static int push(const struct tr__hf_pieces *p, struct tr_str s, struct tr_tokens *out)
{
    int64_t id = tr__hf_piece_id(p, s.ptr, s.len);
    return id < 0 ? 0 : tr_tokens_push(out, (uint32_t)id, NULL);
}

static int push_word(const struct tr__hf_pieces *p, const struct ranked *r, int whole,
                     struct tr_str s, struct tr_tokens *out)
{
    struct cuts c = { 0 };
    if (whole && tr__hf_piece_id(p, s.ptr, s.len) >= 0)
        return push(p, s, out);
    int rc = merge_word(p, r, s, &c);
    for (size_t i = 0; i < c.n && !rc; i++)
        rc = push(p, piece(&c, i), out);
    release(&c);
    return rc;
}

/* ---- the text --------------------------------------------------------------------- */

/* Ids of a text between added tokens: 1, 0, -1. */
static int encode_plain(const struct tr__hf_pieces *p, const struct tr__hf_words *w,
                        const struct ranked *r, int whole, struct tr_str s,
                        struct tr_tokens *out)
{
    struct cuts c = { 0 };
    int rc = put(&c, s.ptr, s.len) ? -1 : run_steps(w, &c);
    for (size_t i = 0; i < c.n && rc == 1; i++)
        rc = push_word(p, r, whole, piece(&c, i), out) ? -1 : 1;
    release(&c);
    return rc;
}

/* The longest added token at p, or -1. */
static int64_t added_at(const struct tr__hf_pieces *p, const char *at, size_t left)
{
    int64_t best = -1;
    size_t len = 0;
    for (size_t id = 0; id < p->n; id++) {
        struct tr_str s = p->at[id].added ? tr__hf_piece_text(p, id) : (struct tr_str){ 0 };
        if (s.len > len && s.len <= left && !memcmp(s.ptr, at, s.len)) {
            best = (int64_t)id;
            len = s.len;
        }
    }
    return best;
}

static int encode(const struct tr__hf_pieces *p, const struct tr__hf_words *w,
                  const struct ranked *r, int whole, const char *text, size_t n,
                  struct tr_tokens *out)
{
    size_t done = 0, at = 0;
    int rc = 1;
    while (at < n && rc == 1) {
        int64_t id = added_at(p, text + at, n - at);
        if (id < 0) {
            at++;
            continue;
        }
        rc = encode_plain(p, w, r, whole, (struct tr_str){ text + done, at - done }, out);
        if (rc == 1 && tr_tokens_push(out, (uint32_t)id, NULL))
            rc = -1;
        at += tr__hf_piece_text(p, (size_t)id).len;
        done = at;
    }
    return rc != 1 ? rc :
           encode_plain(p, w, r, whole, (struct tr_str){ text + done, n - done }, out);
}

int tr__hf_encode(const struct tr__hf_pieces *p, const struct tr__hf_words *w, int whole,
                  const char *text, size_t n, struct tr_tokens *out, struct tr_err *err)
{
    struct ranked *r = rank_merges(p);
    int rc = r ? encode(p, w, r, whole, text, n, out) : -1;
    free(r);
    return rc < 0 ? tr_err_set(err, TR_ENOMEM, "out of memory for a text") : rc;
}
