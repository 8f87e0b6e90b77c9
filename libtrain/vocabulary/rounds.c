/* SPDX-License-Identifier: MIT
 *
 * From many pieces to few (Kudo 2018): how often each is to be expected is counted over all
 * ways to make the words of them, their probabilities follow from that, and those go
 * without which the words would be the least worse off; again and again.
 *
 * Symbols that are pieces by themselves come first and stay, so every word can be made.
 */
#include <libtrain/vocabulary/rounds.h>

#include <libtrain/base/base.h>

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const double kept_in_a_round = 0.75, rarest = 0.5;
enum { SUMS_IN_A_ROUND = 2 };

struct rounds {
    const struct tr__words *words;
    struct tr__pieces *p;
    size_t n_symbol; /* pieces that stay */
    struct tr__trie trie;
    int64_t *sum; /* (n_thread, p->n at first) */
    size_t n_sum;
    struct tr__lattice *lattice; // (n_thread)
    int n_thread;
};

/* ---- sums over words ---------------------------------------------------------------- */

/* Adds to sum what a word that a lattice was made of has. */
typedef void add_word(struct tr__lattice *l, uint64_t count, int64_t *sum);

/* Pieces of the best way to make the word. */
static void add_best(struct tr__lattice *l, uint64_t count, int64_t *sum)
{
    for (uint32_t at = l->n; at; at = l->edge[l->node[at].by].from)
        sum[l->edge[l->node[at].by].piece] += (int64_t)count;
}

/* r->sum[0, n): of all words.  Integers, so the threads' parts may be of any words. */
static int sum_words(struct rounds *r, add_word *add)
{
    const struct tr__words *w = r->words;
    _Atomic int failed = 0;
    memset(r->sum, 0, (size_t)r->n_thread * r->n_sum * sizeof *r->sum);
#pragma omp parallel for schedule(dynamic, 256) num_threads(r->n_thread) \
    if (r->n_thread > 1)
    for (size_t i = 0; i < w->n; i++) {
        int k = omp_get_thread_num();
        struct tr__lattice *l = &r->lattice[k];
        if (tr__lattice_set(l, &r->trie, r->p, w->sym + w->word[i].start, w->word[i].n,
                            SIZE_MAX))
            failed = 1;
        else
            add(l, w->word[i].count, r->sum + (size_t)k * r->n_sum);
    }
    for (int k = 1; k < r->n_thread; k++)
        for (size_t i = 0; i < r->p->n; i++)
            r->sum[i] += r->sum[(size_t)k * r->n_sum + i];
    return failed ? -1 : 0;
}

/* ---- probabilities ------------------------------------------------------------------ */

/* Its exponential is less than x, by more where x is small: pieces that are hardly expected
 * lose what they had (Liang and Klein 2007, variational EM). */
static double digamma(double x)
{
    double sum = 0;
    for (; x < 7; x++)
        sum -= 1 / x;
    x -= 0.5;
    double y = 1 / (x * x);
    return sum + log(x) + y * (1.0 / 24 - y * (7.0 / 960 - y * (31.0 / 8064)));
}

/* Pieces that are expected less often than `rarest` go. */
static void set_scores(struct rounds *r)
{
    double total = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->p->n; i++) {
        double expected = (double)r->sum[i] * 0x1p-20;
        if (i >= r->n_symbol && expected < rarest)
            continue;
        r->p->at[n] = r->p->at[i];
        r->p->at[n].score = expected < rarest ? rarest : expected;
        total += r->p->at[n++].score;
    }
    r->p->n = n;
    for (size_t i = 0; i < n; i++)
        r->p->at[i].score = digamma(r->p->at[i].score) - digamma(total);
}

static int expect(struct rounds *r, struct tr_err *err)
{
    int rc = tr__trie_build(&r->trie, r->p, err);
    if (!rc && sum_words(r, tr__lattice_expect))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for the pieces of words");
    if (!rc)
        set_scores(r);
    return rc;
}

/* ---- what goes ---------------------------------------------------------------------- */

struct loss {
    double loss; /* of the words' mean log p; HUGE_VAL: it must stay */
    size_t piece;
};

static int by_loss(const void *x, const void *y)
{
    const struct loss *a = x, *b = y;
    if (a->loss != b->loss)
        return a->loss < b->loss ? 1 : -1;
    return a->piece < b->piece ? -1 : a->piece > b->piece;
}

/* Without a piece that is used `used` of all `total` times, what it is made of then is used
 * as much more. */
static double loss_without(const struct rounds *r, const struct tr__lattice *l, double used,
                           double total, double n_word)
{
    double parts = 0, sum = 0;
    for (uint32_t at = l->n; at; at = l->edge[l->node[at].by].from)
        parts++;
    double log_total = log(total + used * (parts - 1));
    for (uint32_t at = l->n; at; at = l->edge[l->node[at].by].from)
        sum += log((double)r->sum[l->edge[l->node[at].by].piece] + used) - log_total;
    return used / n_word * (log(used) - log(total) - sum);
}

static int piece_loss(struct rounds *r, size_t i, double total, double n_word,
                      struct loss *to)
{
    const struct tr__piece *p = &r->p->at[i];
    struct tr__lattice *l = &r->lattice[0];
    double used = (double)r->sum[i];
    *to = (struct loss){ i < r->n_symbol ? HUGE_VAL : 0, i };
    if (i < r->n_symbol || used <= 0)
        return 0;
    if (tr__lattice_set(l, &r->trie, r->p, p->sym, p->n, i))
        return -1;
    to->loss = loss_without(r, l, used, total, n_word);
    return 0;
}

static int all_losses(struct rounds *r, struct loss *loss)
{
    double total = 0, n_word = 0;
    int rc = 0;
    for (size_t i = 0; i < r->p->n; i++)
        total += (double)r->sum[i];
    for (size_t i = 0; i < r->words->n; i++)
        n_word += (double)r->words->word[i].count;
    for (size_t i = 0; i < r->p->n && !rc; i++)
        rc = piece_loss(r, i, total, n_word, &loss[i]);
    return rc;
}

/* The `keep` pieces whose loss is largest, symbols first, else in the order of before. */
static int keep_best(struct rounds *r, struct loss *loss, size_t keep)
{
    size_t n = 0;
    char *stays = calloc(r->p->n, 1);
    if (!stays)
        return -1;
    qsort(loss, r->p->n, sizeof *loss, by_loss);
    for (size_t i = 0; i < keep; i++)
        stays[loss[i].piece] = 1;
    for (size_t i = 0; i < r->p->n; i++)
        if (stays[i])
            r->p->at[n++] = r->p->at[i];
    r->p->n = n;
    free(stays);
    return 0;
}

static int prune(struct rounds *r, size_t wanted, struct tr_err *err)
{
    size_t keep = (size_t)(kept_in_a_round * (double)r->p->n);
    keep = keep < wanted ? wanted : keep;
    struct loss *loss = malloc(r->p->n * sizeof *loss);
    int rc = loss && !tr__trie_build(&r->trie, r->p, err) ? 0 : -1;
    if (!rc)
        rc = sum_words(r, add_best) || all_losses(r, loss) || keep_best(r, loss, keep);
    free(loss);
    return rc ? tr_err_set(err, TR_ENOMEM, "out of memory for %zu pieces of words", r->p->n)
              : 0;
}

/* ---- all ---------------------------------------------------------------------------- */

static int begin(struct rounds *r, struct tr_err *err)
{
    double total = 0;
    for (size_t i = 0; i < r->p->n; i++)
        total += r->p->at[i].score;
    for (size_t i = 0; i < r->p->n; i++)
        r->p->at[i].score = log(r->p->at[i].score / total);
    r->n_thread = omp_get_max_threads();
    r->n_sum = r->p->n;
    r->sum = malloc((size_t)r->n_thread * r->n_sum * sizeof *r->sum);
    r->lattice = calloc((size_t)r->n_thread, sizeof *r->lattice);
    return r->sum && r->lattice
               ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for %zu pieces", r->p->n);
}

static int run(struct rounds *r, size_t wanted, const struct tr_progress *progress,
               struct tr_err *err)
{
    size_t first = r->p->n, most = wanted + wanted / 10;
    int rc = begin(r, err);
    while (!rc) {
        for (int i = 0; i < SUMS_IN_A_ROUND && !rc; i++)
            rc = expect(r, err);
        tr__tell(progress, (int64_t)(first - r->p->n), (int64_t)(first - wanted));
        if (rc || r->p->n <= most)
            break;
        rc = prune(r, most, err);
    }
    return rc;
}

int tr__rounds(const struct tr__words *words, struct tr__pieces *p, size_t n_symbol,
               size_t wanted, const struct tr_progress *progress, struct tr_err *err)
{
    struct rounds r = { .words = words, .p = p, .n_symbol = n_symbol };
    int rc = run(&r, wanted < n_symbol ? n_symbol : wanted, progress, err);
    for (int i = 0; r.lattice && i < r.n_thread; i++)
        tr__lattice_release(&r.lattice[i]);
    free(r.lattice);
    free(r.sum);
    tr__trie_release(&r.trie);
    return rc;
}
