/* SPDX-License-Identifier: MIT
 *
 * Byte-pair encoding (Sennrich, Haddow and Birch 2016) on distinct words with their counts.
 * Of each pair its count is kept, and for each merge only the words that hold the pair are
 * gone through: what stands left and right of it there changes its counts, and new pairs go
 * into a queue with the words that they are in.
 *
 * The merges are those of Hugging Face's tokenizers (BpeTrainer), to the order of ties.
 * Each pair waits once: its right or left token is new in the merge that brings it up,
 * since no two pairs spell the same token.  (What stands between the ends of a token is
 * merged in the same way wherever it stands: no pair across these ends was ever merged.)
 * Read next: pairs.c.
 */
#include <libtrain/vocabulary/kind.h>
#include <libtrain/vocabulary/merger.h>

#include <libtrain/base/base.h>
#include <libtrain/vocabulary/pairs.h>

#include <stdlib.h>
#include <string.h>

struct merger {
    struct tr__words *words;
    const struct tr__merge_limits *limits;
    struct tr__strings *token;
    struct tr__merges *merges;
    struct tr__pairs pairs;
    struct tr__queue queue;
    char *text; /* of a token that is made */
    size_t cap_text;
    uint32_t *n_char; /* of each token */
    size_t cap_char;
};

/* ---- words -------------------------------------------------------------------------- */

int tr__words_symbol(struct tr__words *w, size_t n, uint32_t id)
{
    if (tr__grow(&w->sym, &w->cap_sym, w->n_sym + n + 1, sizeof *w->sym))
        return -1;
    w->sym[w->n_sym + n] = id;
    return 0;
}

int tr__words_add(struct tr__words *w, size_t n, uint64_t count)
{
    if (n > UINT32_MAX || w->n >= UINT32_MAX ||
        tr__grow(&w->word, &w->cap, w->n + 1, sizeof *w->word))
        return -1;
    w->word[w->n++] = (struct tr__word){ w->n_sym, (uint32_t)n, count };
    w->n_sym += n;
    return 0;
}

void tr__words_release(struct tr__words *w)
{
    free(w->word);
    free(w->sym);
    *w = (struct tr__words){ 0 };
}

/* ---- pairs -------------------------------------------------------------------------- */

/* `by` more of a pair in a word; a pair that is too long for a token is not counted. */
static int change(struct merger *m, uint32_t a, uint32_t b, uint32_t word, int by)
{
    if ((uint64_t)m->n_char[a] + m->n_char[b] > m->limits->most)
        return 0;
    int64_t i = tr__pairs_put(&m->pairs, (uint64_t)a << 32 | b);
    if (i < 0)
        return -1;
    m->pairs.pair[i].count += by * (int64_t)m->words->word[word].count;
    return by > 0 ? tr__pairs_note(&m->pairs, (uint32_t)i, word) : 0;
}

/* Pairs that were noted go into the queue, each with the words it was noted in. */
static int queue_noted(struct merger *m)
{
    struct tr__pairs *p = &m->pairs;
    int rc = tr__pairs_places(p);
    for (size_t i = 0; i < p->n_touched && !rc; i++) {
        struct tr__paired *x = &p->pair[p->touched[i]];
        struct tr__candidate c = { x->count, x->key, p->touched[i], x->n_new, x->place };
        x->n_new = 0;
        if (c.count <= 0)
            free(c.place);
        else
            rc = tr__queue_push(&m->queue, c);
        x->place = rc ? x->place : NULL;
    }
    p->n_touched = rc ? p->n_touched : 0;
    return rc;
}

static int count_pairs(struct merger *m)
{
    int rc = 0;
    for (size_t i = 0; i < m->words->n && !rc; i++) {
        const struct tr__word *w = &m->words->word[i];
        const uint32_t *sym = m->words->sym + w->start;
        for (uint32_t k = 0; k + 1 < w->n && !rc; k++)
            rc = change(m, sym[k], sym[k + 1], (uint32_t)i, 1);
    }
    return rc ? rc : queue_noted(m);
}

/* ---- one merge ---------------------------------------------------------------------- */

static int set_n_char(struct merger *m, uint32_t id)
{
    struct tr_str s = tr__strings_at(m->token, id);
    if (tr__grow(&m->n_char, &m->cap_char, (size_t)id + 1, sizeof *m->n_char))
        return -1;
    m->n_char[id] = 0;
    for (size_t i = 0; i < s.len; i++)
        m->n_char[id] += (s.ptr[i] & 0xc0) != 0x80;
    return 0;
}

/* What two tokens spell together, in m->text; its bytes, -1: no memory. */
static int64_t spell(struct merger *m, uint32_t a, uint32_t b)
{
    struct tr_str x = tr__strings_at(m->token, a), y = tr__strings_at(m->token, b);
    if (tr__grow(&m->text, &m->cap_text, x.len + y.len, 1))
        return -1;
    memcpy(m->text, x.ptr, x.len);
    memcpy(m->text + x.len, y.ptr, y.len);
    return (int64_t)(x.len + y.len);
}

/* 1 if that is a special token, which no text may become; -1: no memory. */
static int is_special(struct merger *m, uint64_t key)
{
    int64_t n = spell(m, (uint32_t)(key >> 32), (uint32_t)key);
    if (n < 0)
        return -1;
    if (m->limits->never && tr__strings_find(m->limits->never, m->text, (size_t)n) >= 0)
        return 1;
    int64_t id = tr__strings_find(m->token, m->text, (size_t)n);
    return id >= 0 && m->token->s[id].count > TR__TYPE_NORMAL;
}

/* Id of the token that two spell together, -1: no memory. */
static int64_t join(struct merger *m, uint32_t a, uint32_t b)
{
    size_t before = m->token->n;
    int64_t n = spell(m, a, b);
    if (n < 0)
        return -1;
    int64_t id = tr__strings_put(m->token, m->text, (size_t)n);
    if (id >= 0 && m->token->n > before && set_n_char(m, (uint32_t)id))
        return -1;
    return id;
}

/* Both of a pair stand at sym[from], what is in front of them at sym[to - 1]. */
static int change_around(struct merger *m, const uint32_t *sym, size_t to, size_t from,
                         size_t n, uint32_t id, uint32_t word)
{
    int rc = 0;
    if (to)
        rc = change(m, sym[to - 1], sym[from], word, -1) ||
             change(m, sym[to - 1], id, word, 1);
    if (from + 2 < n && !rc)
        rc = change(m, sym[from + 1], sym[from + 2], word, -1) ||
             change(m, id, sym[from + 2], word, 1);
    return rc ? -1 : 0;
}

static int merge_word(struct merger *m, uint32_t word, uint32_t a, uint32_t b, uint32_t id)
{
    struct tr__word *w = &m->words->word[word];
    uint32_t *sym = m->words->sym + w->start, to = 0;
    for (uint32_t from = 0; from < w->n; to++) {
        int both = from + 1 < w->n && sym[from] == a && sym[from + 1] == b;
        if (both && change_around(m, sym, to, from, w->n, id, word))
            return -1;
        sym[to] = both ? id : sym[from];
        from += both ? 2 : 1;
    }
    w->n = to;
    return 0;
}

static int add_merge(struct tr__merges *list, uint32_t a, uint32_t b)
{
    if (tr__grow(&list->pair, &list->cap, list->n + 1, sizeof *list->pair))
        return -1;
    list->pair[list->n][0] = a;
    list->pair[list->n++][1] = b;
    return 0;
}

static int merge(struct merger *m, const struct tr__candidate *c)
{
    uint32_t a = (uint32_t)(c->key >> 32), b = (uint32_t)c->key;
    int64_t id = join(m, a, b);
    int rc = id < 0 || add_merge(m->merges, a, b) ? -1 : 0;
    for (uint32_t i = 0; i < c->n_place && !rc; i++)
        rc = merge_word(m, c->place[i], a, b, (uint32_t)id);
    return rc ? rc : queue_noted(m);
}

/* ---- all ---------------------------------------------------------------------------- */

/* Take the first of the queue.  If its count is out of date it waits again with the present
 * one, and nothing is merged.  1: nothing is left that may be. */
static int step(struct merger *m)
{
    if (!m->queue.n)
        return 1;
    struct tr__candidate c = tr__queue_pop(&m->queue);
    int64_t count = m->pairs.pair[c.pair].count;
    int rc = 0;
    if (c.count != count && count > 0) {
        c.count = count;
        rc = tr__queue_push(&m->queue, c);
        if (!rc)
            return 0;
    } else if (count > 0) {
        int special = is_special(m, c.key);
        if (special < 0 || (uint64_t)count < m->limits->min_frequency)
            rc = special < 0 ? -1 : 1;
        else if (!special) /* otherwise the pair stays as it is */
            rc = merge(m, &c);
    }
    free(c.place);
    return rc;
}

static int merge_all(struct merger *m, const struct tr_progress *progress)
{
    int rc = 0;
    for (uint32_t i = 0; i < m->token->n && !rc; i++)
        rc = set_n_char(m, i);
    if (!rc)
        rc = count_pairs(m);
    while (!rc && m->token->n < m->limits->size) {
        rc = step(m);
        tr__tell(progress, (int64_t)m->token->n, m->limits->size);
    }
    return rc < 0 ? rc : 0;
}

int tr__merge_words(struct tr__words *words, const struct tr__merge_limits *limits,
                    struct tr__strings *token, struct tr__merges *merges,
                    const struct tr_progress *progress, struct tr_err *err)
{
    struct merger m = { .words = words, .limits = limits, .token = token,
                        .merges = merges };
    int rc = merge_all(&m, progress);
    if (rc)
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for merging %zu words", words->n);
    tr__pairs_release(&m.pairs);
    tr__queue_release(&m.queue);
    free(m.text);
    free(m.n_char);
    return rc;
}
