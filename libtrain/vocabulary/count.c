/* SPDX-License-Identifier: MIT
 *
 * Counting words.  A few megabytes of a text are cut at places where a word ends whatever
 * stands around, and the threads count the pieces, each in a table of its own; what is
 * behind the last such place waits for more.  A sum does not depend on who counts what, so
 * neither do the counts.  Read next: strings.c.
 */
#include <libtrain/vocabulary/count.h>

#include <libtrain/base/base.h>

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 8 << 20,   /* bytes that are counted at a time */
    PIECE = 128 << 10, /* bytes for a thread */
    WINDOW = 1024,     /* bytes in which a place to cut is looked for */
    MOST = 64 << 20    /* bytes without one that are held: beyond, any character's end is */
};

struct tr__count_worker {
    struct tr__splitter splitter;
    struct tr__strings word;
    char *line; /* with its space */
    size_t cap;
    int rc;
    struct tr_err err;
};

/* ---- places to cut ------------------------------------------------------------------ */

/* In one window from `at` on: what stands before the place, 0 if there is none. */
static size_t cut_window(struct tr__counter *c, size_t at, size_t n)
{
    struct tr__splitter *s = &c->worker[0].splitter;
    if (c->by_line) {
        const char *end = memchr(c->text + at, '\n', n);
        return end ? (size_t)(end + 1 - c->text) - at : 0;
    }
    if (tr__splitter_begin(s, c->pretok, c->text + at, n, NULL))
        return 0;
    size_t cut = tr__splitter_cut(s);
    return cut + 4 <= n ? cut : 0; /* a character may be cut in two at the window's end */
}

/* The first place at `from` or behind, or 0. */
static size_t find_cut(struct tr__counter *c, size_t from)
{
    for (size_t n; from < c->n; from += n) {
        n = c->n - from < WINDOW ? c->n - from : WINDOW;
        size_t cut = cut_window(c, from, n);
        if (cut)
            return from + cut;
    }
    return 0;
}

/* Ends of the pieces that can be counted by themselves. */
static size_t cut_text(struct tr__counter *c, size_t *end)
{
    size_t n = 0, from = 0, cut;
    while (c->n - from > PIECE && (cut = find_cut(c, from + PIECE)) > 0)
        end[n++] = from = cut;
    return n;
}

/* The end of the last whole character. */
static size_t last_character(const char *text, size_t n)
{
    size_t at = n;
    while (at > 1 && n - at < 3 && (text[at - 1] & 0xc0) == 0x80)
        at--;
    return at > 1 && (text[at - 1] & 0x80) ? at - 1 : n;
}

/* ---- one thread --------------------------------------------------------------------- */

static int add_word(struct tr__count_worker *w, const char *word, size_t len)
{
    int64_t i = tr__strings_put(&w->word, word, len);
    if (i < 0)
        return tr_err_set(&w->err, TR_ENOMEM, "out of memory for %zu words", w->word.n + 1);
    w->word.s[i].count++;
    return 0;
}

static int count_words(struct tr__count_worker *w, const struct tr__pretok_code *pretok,
                       const char *text, size_t len)
{
    int rc = tr__splitter_begin(&w->splitter, pretok, text, len, &w->err);
    for (size_t at = 0; at < len && !rc;) {
        int64_t n = tr__splitter_next(&w->splitter, at);
        if (n < 0)
            return tr_err_set(&w->err, TR_ENOMEM, "cannot split a text into words (pcre2 "
                              "%d)", (int)n);
        rc = add_word(w, text + at, (size_t)n);
        at += (size_t)n;
    }
    return rc;
}

static int count_spaced(struct tr__count_worker *w, const struct tr__pretok_code *pretok,
                        const char *line, size_t len)
{
    if (line[0] == '\n')
        return count_words(w, pretok, line, len);
    if (tr__grow(&w->line, &w->cap, len + 1, 1))
        return tr_err_sys(&w->err, "cannot hold a line of %zu bytes", len);
    w->line[0] = ' ';
    memcpy(w->line + 1, line, len);
    return count_words(w, pretok, w->line, len + 1);
}

static int count_piece(const struct tr__counter *c, struct tr__count_worker *w,
                       const char *text, size_t len)
{
    if (!c->by_line)
        return count_words(w, c->pretok, text, len);
    int rc = 0;
    for (size_t at = 0, n; at < len && !rc; at += n) {
        const char *end = memchr(text + at, '\n', len - at);
        n = end ? (size_t)(end + 1 - text) - at : len - at;
        rc = (c->spaced ? count_spaced : count_words)(w, c->pretok, text + at, n);
    }
    return rc;
}

/* ---- all threads -------------------------------------------------------------------- */

static int count_pieces(struct tr__counter *c, const size_t *end, size_t n,
                        struct tr_err *err)
{
#pragma omp parallel for schedule(dynamic, 1) num_threads(c->n_worker) \
    if (c->n_worker > 1 && n > 1)
    for (size_t i = 0; i < n; i++) {
        struct tr__count_worker *w = &c->worker[omp_get_thread_num()];
        size_t from = i ? end[i - 1] : 0;
        if (!w->rc)
            w->rc = count_piece(c, w, c->text + from, end[i] - from);
    }
    for (int i = 0; i < c->n_worker; i++)
        if (c->worker[i].rc)
            return tr_err_set(err, c->worker[i].rc, "%s", c->worker[i].err.text);
    return 0;
}

/* A text without a place to be cut at is looked at again when it is twice as long. */
static size_t cut_anyhow(struct tr__counter *c, size_t *end, int all)
{
    size_t n = cut_text(c, end), last = n ? end[n - 1] : 0;
    if (all && c->n > last)
        end[n++] = c->n;
    else if (!n && c->n >= MOST)
        end[n++] = last_character(c->text, c->n);
    c->due = n ? BATCH : 2 * c->n;
    return n;
}

static int count_batch(struct tr__counter *c, int all, struct tr_err *err)
{
    size_t *end = malloc((c->n / PIECE + 2) * sizeof *end);
    if (!end)
        return tr_err_sys(err, "cannot cut a text of %zu bytes", c->n);
    size_t n = cut_anyhow(c, end, all), done = n ? end[n - 1] : 0;
    int rc = count_pieces(c, end, n, err);
    memmove(c->text, c->text + done, c->n - done);
    c->n -= done;
    free(end);
    return rc;
}

static int make_workers(struct tr__counter *c, struct tr_err *err)
{
    c->n_worker = omp_get_max_threads();
    c->worker = calloc((size_t)c->n_worker, sizeof *c->worker);
    c->due = BATCH;
    if (!c->worker || tr__grow(&c->text, &c->cap, BATCH, 1))
        return tr_err_sys(err, "cannot count words");
    return 0;
}

int tr__counter_add(struct tr__counter *c, const char *text, size_t n, struct tr_err *err)
{
    int rc = c->worker ? 0 : make_workers(c, err);
    while (n && !rc) {
        size_t step = c->due - c->n < n ? c->due - c->n : n;
        if (tr__grow(&c->text, &c->cap, c->n + step, 1))
            return tr_err_sys(err, "cannot hold %zu bytes of a text", c->n + step);
        memcpy(c->text + c->n, text, step);
        c->n += step;
        text += step;
        n -= step;
        if (c->n == c->due)
            rc = count_batch(c, 0, err);
    }
    return rc;
}

int tr__counter_end(struct tr__counter *c, struct tr_err *err)
{
    return c->n ? count_batch(c, 1, err) : 0;
}

static int add_all(struct tr__strings *to, const struct tr__strings *from)
{
    for (size_t i = 0; i < from->n; i++) {
        struct tr_str s = tr__strings_at(from, i);
        int64_t at = tr__strings_put(to, s.ptr, s.len);
        if (at < 0)
            return -1;
        to->s[at].count += from->s[i].count;
    }
    return 0;
}

int tr__counter_take(struct tr__counter *c, struct tr__strings *word, struct tr_err *err)
{
    int rc = 0;
    for (int i = 0; i < c->n_worker && !rc; i++) {
        struct tr__strings *from = &c->worker[i].word;
        if (!word->n) {
            *word = *from;
            *from = (struct tr__strings){ 0 };
        } else if (add_all(word, from)) {
            rc = tr_err_set(err, TR_ENOMEM, "out of memory for %zu words", word->n + 1);
        }
        tr__strings_release(from);
    }
    tr__counter_release(c);
    return rc;
}

void tr__counter_release(struct tr__counter *c)
{
    for (int i = 0; c->worker && i < c->n_worker; i++) {
        tr__splitter_release(&c->worker[i].splitter);
        tr__strings_release(&c->worker[i].word);
        free(c->worker[i].line);
    }
    free(c->worker);
    free(c->text);
    c->worker = NULL;
    c->text = NULL;
    c->n = c->cap = 0;
    c->n_worker = 0;
}
