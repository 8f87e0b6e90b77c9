/* SPDX-License-Identifier: MIT
 *
 * Sets in proportions.  Each is read once or twice to count, so that whole documents can be
 * chosen, and then as often as its weight says, all at the same time, a document of each in
 * memory: whose turn it is, chance decides by what is left of each.  So no part of the result
 * has more of one set than another part.
 */
#include <libtrain/data/packing.h>
#include <libtrain/rng.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* Streams of chance that do not meet; those of passes follow the last. */
enum {
    TURNS = 0x74757273,
    ROWS = 0x726f7773,
    VALIDATION = 0x76616c69,
    PASSES = 0x70617373
};

struct set {
    const struct tr_packing *job;
    size_t number;
    struct tr__packing_stream stream;
    struct tr__split split;
    uint64_t n_doc;    /* of two tokens or more */
    uint64_t i_doc;    /* of the present pass */
    uint64_t n[2];     /* of training and validation */
    uint64_t i[2];     /* of the present pass */
    uint64_t take[2];  /* how many of these, repeated ones as often */
    uint64_t pass, taken; /* for training */
};

static uint64_t seed_of(const struct set *s)
{
    return s->job->seed + 0x9e3779b97f4a7c15u * s->number;
}

/* 1 if i is among the m of n that chance chooses. */
static int chosen(const struct set *s, uint64_t stream, uint64_t m, uint64_t n, uint64_t i)
{
    return m >= n || tr_pack_order(seed_of(s), stream, n, i) < m;
}

static int open_pass(struct set *s, struct tr_err *err)
{
    s->i_doc = s->i[0] = s->i[1] = 0;
    tr__split_init(&s->split, s->job->val_split, s->job->seed, s->number);
    return tr__packing_open(&s->stream, s->job->set[s->number].path, err);
}

static void close_pass(struct set *s)
{
    tr__packing_close(&s->stream);
    tr__split_release(&s->split);
}

/* The next document that max_rows leaves, and its side: 1, 0 at the end, or an error. */
static int next(struct set *s, struct tr_document *d, int *side, struct tr_err *err)
{
    uint64_t most = s->job->max_rows ? s->job->max_rows : s->n_doc;
    int more;

    while ((more = tr__packing_next(&s->stream, d, NULL, err)) > 0)
        if (chosen(s, ROWS, most, s->n_doc, s->i_doc++)) {
            *side = tr__split_next(&s->split, d->group, err);
            return *side < 0 ? *side : 1;
        }
    return more;
}

/* ==== counting ==== */

static int count_documents(struct set *s, uint64_t *n_short, struct tr_err *err)
{
    struct tr_document d;
    int more, rc = open_pass(s, err);

    if (rc)
        return rc;
    while ((more = tr__packing_next(&s->stream, &d, n_short, err)) > 0)
        s->n_doc++;
    close_pass(s);
    return more;
}

static int count_sides(struct set *s, struct tr_err *err)
{
    struct tr_document d;
    int more, side, rc = open_pass(s, err);

    if (rc)
        return rc;
    while ((more = next(s, &d, &side, err)) > 0)
        s->n[side]++;
    close_pass(s);
    return more;
}

static int count(struct set *s, uint64_t *n_short, struct tr_err *err)
{
    double weight = s->job->set[s->number].weight;
    int rc = count_documents(s, n_short, err);

    if (rc || (rc = count_sides(s, err)))
        return rc;
    double take = floor(weight * (double)s->n[0] + 0.5);
    if (take > 0x1p40)
        return tr_err_set(err, TR_EINVAL, "'%s': %g times %" PRIu64 " documents are too "
                          "many", s->stream.name, weight, s->n[0]);
    s->take[0] = (uint64_t)take;
    s->take[1] = (uint64_t)floor((weight < 1 ? weight : 1) * (double)s->n[1] + 0.5);
    return 0;
}

/* ==== validation ==== */

static int add_validation(struct set *s, struct tr__sink *val, struct tr_err *err)
{
    struct tr_document d;
    int more, side, rc = open_pass(s, err);

    while (!rc && (more = next(s, &d, &side, err)) != 0) {
        if (more < 0)
            rc = more;
        else if (side && chosen(s, VALIDATION, s->take[1], s->n[1], s->i[1]++))
            rc = tr__sink_add_from(val, &s->stream, &d, err);
    }
    close_pass(s);
    return rc;
}

/* ==== training ==== */

/* The next document for training, in one pass after another. */
static int next_for_training(struct set *s, struct tr_document *d, struct tr_err *err)
{
    for (;;) {
        int side, more = next(s, d, &side, err);
        if (more < 0)
            return more;
        if (more == 0) {
            close_pass(s);
            s->pass++;
            if ((more = open_pass(s, err)))
                return more;
            continue;
        }
        uint64_t left = s->take[0] - s->pass * s->n[0]; /* for this pass and what follows */
        if (!side && chosen(s, PASSES + s->pass, left, s->n[0], s->i[0]++))
            return 0;
    }
}

/* Whose turn it is: each of the documents that are left is as likely. */
static struct set *turn(struct set *set, size_t n_set, uint64_t left, struct tr_rng *r)
{
    uint64_t at = tr_rng_below(r, left);
    size_t i = 0;

    for (; i + 1 < n_set && at >= set[i].take[0] - set[i].taken; i++)
        at -= set[i].take[0] - set[i].taken;
    return &set[i];
}

static int add_training(struct set *set, size_t n_set, uint64_t seed,
                        struct tr__sink *train, struct tr_err *err)
{
    struct tr_rng r = tr_rng_init(seed, TURNS);
    uint64_t left = 0;
    int rc = 0;

    for (size_t i = 0; i < n_set && !rc; i++) {
        left += set[i].take[0];
        rc = open_pass(&set[i], err);
    }
    for (; left && !rc; left--) {
        struct tr_document d;
        struct set *s = turn(set, n_set, left, &r);
        s->taken++;
        rc = next_for_training(s, &d, err);
        if (!rc)
            rc = tr__sink_add_from(train, &s->stream, &d, err);
    }
    for (size_t i = 0; i < n_set; i++)
        close_pass(&set[i]);
    return rc;
}

int tr__mix(const struct tr_packing *job, struct tr__sink *train, struct tr__sink *val,
            uint64_t *n_short, struct tr_packing_taken *taken, struct tr_err *err)
{
    struct set *set = calloc(job->n_set, sizeof *set);
    int rc = 0;

    if (!set)
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu sets", job->n_set);
    for (size_t i = 0; i < job->n_set && !rc; i++) {
        set[i].job = job;
        set[i].number = i;
        rc = count(&set[i], n_short, err);
        if (!rc && taken)
            taken[i] = (struct tr_packing_taken){ set[i].n_doc, set[i].take[0],
                                                  set[i].take[1] };
    }
    for (size_t i = 0; i < job->n_set && !rc && val->w; i++)
        rc = add_validation(&set[i], val, err);
    if (!rc)
        rc = add_training(set, job->n_set, job->seed, train, err);
    free(set);
    return rc;
}
