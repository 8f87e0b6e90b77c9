/* SPDX-License-Identifier: MIT
 *
 * From text to ids: special tokens are cut out first, what lies between goes to the kind
 * of the tokenizer.  Words come back again and again, so their ids are remembered.  A long
 * text is cut into pieces for the threads; each has its own encoder and its own memory of
 * words, and the pieces' ids are appended in the order of the text.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/special.h>

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    MEMO_MAX = 1 << 15, /* words: 6 MiB for a thread */
    PIECE = 128 << 10,  /* a few milliseconds of work */
    GROUP = 64          /* pieces for each thread until they wait for each other */
};

void tr_tokens_release(struct tr_tokens *t)
{
    tr__spool_free(t->id, t->cap, sizeof *t->id);
    *t = (struct tr_tokens){ 0 };
}

static int reserve_ids(struct tr_tokens *out, size_t n, struct tr_err *err)
{
    if (tr__spool_grow(&out->id, &out->cap, out->n + n, sizeof *out->id))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu tokens", out->n + n);
    return 0;
}

int tr_tokens_push(struct tr_tokens *t, uint32_t id, struct tr_err *err)
{
    int rc = reserve_ids(t, 1, err);
    if (!rc)
        t->id[t->n++] = id;
    return rc;
}

static int push_ids(struct tr_tokens *out, const uint32_t *id, size_t n,
                    struct tr_err *err)
{
    int rc = reserve_ids(out, n, err);
    if (rc || !n)
        return rc;
    memcpy(out->id + out->n, id, n * sizeof *id);
    out->n += n;
    return 0;
}

int tr__push_id(struct tr_encoder *e, uint32_t id)
{
    return tr_tokens_push(e->out, id, e->err);
}

int32_t tr__whole_word(const struct tr_encoder *e, const char *word, size_t len)
{
    const struct tr__vocab *v = &e->t->vocab;
    int32_t id = tr__idmap_find(&v->text, v, word, len);
    return id >= 0 && tr__may_be_text(e, id) ? id : -1;
}

int tr__push_symbols(struct tr_encoder *e, const char *word)
{
    int rc = 0;
    for (uint32_t i = 0; i != TR__NO_SYMBOL && !rc; i = e->work.sym[i].next) {
        const struct tr__symbol *s = &e->work.sym[i];
        if (tr__symbol_is_token(e, s))
            rc = tr__push_id(e, (uint32_t)s->id);
        else
            for (uint32_t k = 0; k < s->len && !rc; k++)
                rc = tr__push_id(e, (uint32_t)e->t->byte_id[
                                        (unsigned char)word[s->start + k]]);
    }
    return rc;
}

int tr__encoder_remember(struct tr_encoder *e, size_t n)
{
    e->memo = calloc(n, sizeof *e->memo);
    e->memo_mask = n - 1;
    return e->memo ? 0 : tr_err_sys(e->err, "cannot hold %zu words", n);
}

/* As many words as may pay in a text of this length. */
static int memo_init(struct tr_encoder *e, size_t len)
{
    size_t n = 64;
    if (len < 8 * n)
        return 0;
    while (n < MEMO_MAX && n < len / 8)
        n *= 2;
    return tr__encoder_remember(e, n);
}

int tr__memo_word(struct tr_encoder *e, const char *word, size_t len,
                  int (*encode)(struct tr_encoder *e, const char *word, size_t len))
{
    size_t used = (len + 3) / 4; /* entries of data */
    if (!e->memo || used > TR__MEMO_DATA)
        return encode(e, word, len);
    struct tr__memo *m = &e->memo[XXH3_64bits(word, len) & e->memo_mask];
    uint16_t key = (uint16_t)(len | (e->n_literal ? TR__MEMO_LITERAL : 0));
    if (m->len == key && !memcmp(m->data, word, len))
        return push_ids(e->out, m->data + used, m->n, e->err);
    size_t at = e->out->n;
    int rc = encode(e, word, len);
    size_t n = e->out->n - at;
    if (!rc && used + n <= TR__MEMO_DATA) {
        m->len = key;
        m->n = (uint16_t)n;
        memcpy(m->data, word, len);
        if (n) /* a word may be nothing */
            memcpy(m->data + used, e->out->id + at, n * sizeof *m->data);
    }
    return rc;
}

static int encode_plain(struct tr_encoder *e, size_t from, size_t to, int first)
{
    size_t n = e->out->n;
    int rc = e->t->kind->encode(e, e->text + from, to - from, first);
    return rc || !e->where || e->t->kind->notes ? rc
         : tr__note_text(e, n, from, to, first && tr__puts_space(e->t));
}

/* The id and its place; *at moves behind it and what it strips. */
static int push_special(struct tr_encoder *e, uint32_t id, size_t *at, size_t to)
{
    const struct tr__vocab *v = &e->t->vocab;
    size_t from = *at, end = from + tr__vocab_bytes(v, id).len;
    *at = end + tr__strip_behind(v, id, e->text + end, to - end);
    int rc = tr__push_id(e, id);
    return rc || !e->where ? rc : tr__note(e, from, end);
}

/* Stretches of plain text and the special tokens between them. */
int tr__encode_parts(struct tr_encoder *e, size_t from, size_t to, int all, int first)
{
    int rc = 0;
    for (size_t at = from; at < to && !rc;) {
        uint32_t id;
        size_t end = tr__find_outside(e, at, to, all, &id), plain = end - at;
        if (end < to)
            plain = tr__strip_before(&e->t->vocab, id, e->text + at, plain);
        if (plain) {
            rc = encode_plain(e, at, at + plain, first);
            first = 0;
        }
        at = end;
        if (end < to && !rc) {
            rc = push_special(e, id, &at, to);
            first = 1;
        }
    }
    return rc;
}

void tr_tokenizer_spelt(const struct tr_tokenizer *t, const char *text, size_t len,
                        uint64_t *count)
{
    struct tr__search s = { .v = &t->vocab, .text = text, .all = 1 };
    uint32_t id = 0;
    for (size_t at = 0; (at = tr__special_next(&s, at, len, &id)) < len;) {
        count[id] += s.v->type[id] != TR__TOKEN_USER;
        at += tr__vocab_bytes(s.v, id).len;
    }
}

void tr__encoder_release(struct tr_encoder *e)
{
    tr__splitter_release(&e->splitter);
    free(e->memo);
    free(e->work.sym);
    free(e->work.heap);
    tr__spool_free(e->spelling.bytes, e->spelling.cap, 1);
    free(e->spelling.from);
    free(e->best);
    tr__spool_free(e->way, e->cap_way, sizeof *e->way);
}

/* Ends of the pieces that can be encoded by themselves: *end, malloc'ed, has *n. */
static int cut_text(struct tr_encoder *e, size_t len, size_t piece, int all, size_t **end,
                    size_t *n)
{
    *end = malloc((len / piece + 1) * sizeof **end);
    if (!*end)
        return tr_err_sys(e->err, "cannot cut a text of %zu bytes", len);
    *n = 0;
    for (size_t at = 0; at < len;)
        (*end)[(*n)++] = at = tr__next_cut(e, e->text, len, at, piece, all);
    return 0;
}

static int encode_piece(struct tr_encoder *e, size_t from, size_t to, size_t len, int all)
{
    int rc = e->memo ? 0 : memo_init(e, len);
    e->out->n = 0;
    return rc ? rc : tr__encode_parts(e, from, to, all, from == 0);
}

/* What a thread has to itself: its memory of words lasts from group to group. */
struct worker {
    struct tr_tokens ids;
    struct tr_err err;
    struct tr_encoder e;
    int rc; /* of encode_all: the first failure that it met, and where */
    size_t failed;
};

/* Pieces are finished in the order of the text, so the failure that is told is the first
 * one there.  Only the thread whose turn it is writes `rc`; the others read it so as to
 * stop early. */
static int encode_group(const struct tr_encoder *whole, struct worker *worker, int n_worker,
                        size_t len, int all, const size_t *end, size_t from, size_t to)
{
    _Atomic int rc = 0;
#pragma omp parallel for ordered schedule(dynamic, 1) num_threads(n_worker) if (n_worker > 1)
    for (size_t i = from; i < to; i++) {
        struct worker *w = &worker[omp_get_thread_num()];
        int failed = rc ? 0 : encode_piece(&w->e, i ? end[i - 1] : 0, end[i], len, all);
#pragma omp ordered
        if (failed && !rc)
            rc = tr_err_set(whole->err, failed, "%s", w->err.text);
        else if (!rc)
            rc = push_ids(whole->out, w->ids.id, w->ids.n, whole->err);
    }
    return rc;
}

static struct worker *workers_new(const struct tr_encoder *whole, int n)
{
    struct worker *worker = calloc((size_t)n, sizeof *worker);
    for (int i = 0; worker && i < n; i++)
        worker[i].e = (struct tr_encoder){ .t = whole->t, .text = whole->text,
                                           .out = &worker[i].ids, .err = &worker[i].err };
    if (!worker)
        tr_err_set(whole->err, TR_ENOMEM, "out of memory for %d encoders", n);
    return worker;
}

static void workers_free(struct worker *worker, int n)
{
    for (int i = 0; worker && i < n; i++) {
        tr_tokens_release(&worker[i].ids);
        tr__encoder_release(&worker[i].e);
    }
    free(worker);
}

/* A group of pieces after the other: between two of them is when progress can be told. */
static int encode_pieces(const struct tr_encoder *whole, size_t len, int all,
                         const size_t *end, size_t n)
{
    int n_worker = n > 1 ? omp_get_max_threads() : 1, rc = 0;
    struct worker *worker = workers_new(whole, n_worker);
    if (!worker)
        return TR_ENOMEM;
    for (size_t from = 0, to; from < n && !rc; from = to) {
        to = from + (size_t)n_worker * GROUP;
        to = to < n ? to : n;
        rc = encode_group(whole, worker, n_worker, len, all, end, from, to);
        tr__tell(&whole->t->progress, (int64_t)end[to - 1], (int64_t)len);
    }
    workers_free(worker, n_worker);
    return rc;
}

int tr__encode(const struct tr_tokenizer *t, const char *text, size_t len, int flags,
               size_t piece, struct tr_tokens *out, struct tr_err *err)
{
    struct tr_encoder e = { .t = t, .text = text, .out = out, .err = err };
    int all = flags & TR_ENCODE_SPECIAL;
    size_t before = out->n, n = 0, *end = NULL;
    int rc = cut_text(&e, len, piece, all, &end, &n);
    if (!rc)
        rc = encode_pieces(&e, len, all, end, n);
    if (rc)
        out->n = before;
    free(end);
    tr__encoder_release(&e);
    return rc;
}

int tr__push_around(struct tr_tokens *out, int32_t id, const char *name,
                    struct tr_err *err)
{
    if (id < 0)
        return tr_err_set(err, TR_EFORMAT, "the vocabulary has no %s to put around a text",
                          name);
    return tr_tokens_push(out, (uint32_t)id, err);
}

int tr_tokenizer_encode(const struct tr_tokenizer *t, const char *text, size_t len,
                        int flags, struct tr_tokens *out, struct tr_err *err)
{
    size_t before = out->n;
    int rc = flags & TR_ENCODE_BOS ? tr__push_around(out, t->bos, "BOS", err) : 0;
    if (!rc)
        rc = tr__encode(t, text, len, flags, PIECE, out, err);
    if (!rc && flags & TR_ENCODE_EOS)
        rc = tr__push_around(out, t->eos, "EOS", err);
    if (rc)
        out->n = before;
    return rc;
}

/* ---- many texts ----------------------------------------------------------------------- */

static int encode_text(struct worker *w, struct tr_str text, int flags, size_t all_bytes)
{
    const struct tr_tokenizer *t = w->e.t;
    int rc = w->e.memo ? 0 : memo_init(&w->e, all_bytes);
    w->e.text = text.ptr;
    if (!rc && flags & TR_ENCODE_BOS)
        rc = tr__push_around(w->e.out, t->bos, "BOS", w->e.err);
    if (!rc)
        rc = tr__encode_parts(&w->e, 0, text.len, flags & TR_ENCODE_SPECIAL, 1);
    if (!rc && flags & TR_ENCODE_EOS)
        rc = tr__push_around(w->e.out, t->eos, "EOS", w->e.err);
    return rc;
}

int tr_tokenizer_encode_all(const struct tr_tokenizer *t, const struct tr_str *text, size_t n,
                            int flags, struct tr_tokens *out, size_t *at, struct tr_err *err)
{
    struct tr_encoder whole = { .t = t, .err = err };
    int n_worker = n > 1 ? omp_get_max_threads() : 1, rc = 0;
    struct worker *worker = workers_new(&whole, n_worker);
    size_t bytes = 0;
    *at = n;
    if (!worker)
        return TR_ENOMEM;
    for (size_t i = 0; i < n; i++)
        bytes += text[i].len;
#pragma omp parallel for schedule(dynamic, 1) num_threads(n_worker) if (n_worker > 1)
    for (size_t i = 0; i < n; i++) {
        struct worker *w = &worker[omp_get_thread_num()];
        w->ids.n = 0; /* out[i] lies in one line of the cache with another thread's */
        int code = text[i].len && !w->rc ? encode_text(w, text[i], flags, bytes) : 0;
        if (!code)
            code = push_ids(&out[i], w->ids.id, w->ids.n, &w->err);
        if (code && !w->rc) {
            w->rc = code;
            w->failed = i;
        }
    }
    for (int i = 0; i < n_worker; i++)
        if (worker[i].rc && worker[i].failed < *at) {
            *at = worker[i].failed;
            rc = tr_err_set(err, worker[i].rc, "%s", worker[i].err.text);
        }
    workers_free(worker, n_worker);
    return rc;
}
