/* SPDX-License-Identifier: MIT
 *
 * Rewards say something beside those of other answers to the same prompt.  Which these
 * are, and what they have in the mean, is found once in the whole pack: answers whose rows
 * name the same group, or else those behind the same tokens.  So it does not depend on
 * what comes together in a micro-batch.  An answer that has no other beside it stands
 * beside all of the pack.
 */
#include <libtrain/base/base.h>
#include <libtrain/train/run.h>

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

struct member {
    uint64_t key;
    int64_t i; /* answer of the pack */
    double reward;
};

struct members {
    struct member *member;
    size_t n, cap;
};

static int compare(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

static int add_answer(struct members *m, const struct tr_pack_seq *seq, int32_t at,
                      int32_t end, struct tr_err *err)
{
    double sum = 0;
    int64_t n = tr__document_counts(seq, at, end);
    int32_t first = at;
    if (!n)
        return 0;
    if (tr__grow(&m->member, &m->cap, m->n + 1, sizeof *m->member))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu rewards", m->n + 1);
    while (seq->target[first] < 0)
        first++;
    for (int32_t i = first; i < end; i++)
        if (seq->target[i] >= 0)
            sum += seq->weight ? (double)seq->weight[i] : 1;
    uint64_t key = XXH3_64bits(seq->token + at, (size_t)(first + 1 - at) * sizeof *seq->token);
    if (seq->group && seq->group[at] >= 0)
        key = (uint64_t)seq->group[at]; /* no hash is as small, but by a chance of 2^-48 */
    m->member[m->n] = (struct member){ key, (int64_t)m->n, sum / (double)n };
    m->n++;
    return 0;
}

static int read_answers(struct tr_trainer *t, struct members *m, int64_t *first,
                        struct tr_err *err)
{
    int rc = 0;
    for (uint64_t i = 0; i < tr_pack_info(t->pack)->n_seq && !rc; i++) {
        struct tr_pack_seq seq;
        rc = tr_pack_read(t->pack, i, &seq, err);
        for (int32_t at = 0, end; !rc && at < seq.n; at = end) {
            end = tr__document_end(&seq, at);
            rc = add_answer(m, &seq, at, end, err);
        }
        first[i + 1] = (int64_t)m->n;
    }
    return rc;
}

static struct tr__group measure(const struct member *m, size_t n)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++)
        mean += m[i].reward / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (m[i].reward - mean) * (m[i].reward - mean) / (double)n;
    return (struct tr__group){ mean, sqrt(square) };
}

/* Fill `of` of all answers; returns 1 if rewards differ in some group. */
static int fill(struct members *m, struct tr__group *of)
{
    struct tr__group all = measure(m->member, m->n);
    int differ = 0;
    qsort(m->member, m->n, sizeof *m->member, compare);
    for (size_t i = 0, end; i < m->n; i = end) {
        for (end = i + 1; end < m->n && m->member[end].key == m->member[i].key;)
            end++;
        struct tr__group g = end - i > 1 ? measure(m->member + i, end - i) : all;
        differ |= g.deviation > 1e-9 * fabs(g.mean); /* more than rounding */
        for (size_t j = i; j < end; j++)
            of[m->member[j].i] = g;
    }
    return differ;
}

int tr__groups_open(struct tr_trainer *t, struct tr_err *err)
{
    struct tr__groups *g = &t->groups;
    struct members m = { 0 };
    g->first = calloc(tr_pack_info(t->pack)->n_seq + 1, sizeof *g->first);
    int rc = g->first ? read_answers(t, &m, g->first, err)
                      : tr_err_set(err, TR_ENOMEM, "out of memory for groups of answers");
    g->of = rc ? NULL : calloc(m.n + 1, sizeof *g->of);
    if (!rc && !g->of)
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for %zu rewards", m.n);
    if (!rc && !fill(&m, g->of))
        rc = tr_err_set(err, TR_EFORMAT, "%s: all answers to a prompt have one reward, and "
                        "objective '%s' compares them (rows with reward, tokenize "
                        "--preference)", tr_pack_path(t->pack), t->args.objective->name);
    free(m.member);
    return rc;
}

void tr__groups_close(struct tr__groups *g)
{
    free(g->first);
    free(g->of);
}
