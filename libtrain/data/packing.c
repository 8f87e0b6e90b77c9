/* SPDX-License-Identifier: MIT
 *
 * From token streams to packs.  A single stream passes through once, while its documents are
 * dealt to training and validation; several sets are another matter (packing_mix.c).  How
 * many documents come is known only at the end, so one is held back: it decides what happens
 * if there was no other, or if one side would stay empty.
 */
#include <libtrain/data/document.h>
#include <libtrain/data/packing.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct divide {
    struct tr__sink *train, *val;
    struct tr__split split;
    struct tr__packing_stream *from;
    uint64_t n_doc;
    struct tr__kept held;
    uint64_t held_number;
    int held_side;
};

static int add_held(struct divide *v, int side, struct tr_err *err)
{
    struct tr__packing_stream from = { .name = v->from->name, .number = v->held_number };

    return tr__sink_add_from(side ? v->val : v->train, &from, &v->held.d, err);
}

static int divide_next(struct divide *v, const struct tr_document *d, struct tr_err *err)
{
    int rc = v->n_doc++ ? add_held(v, v->held_side, err) : 0;

    if (rc)
        return rc;
    v->held_number = v->from->number;
    v->held_side = tr__split_next(&v->split, d->group, err);
    return v->held_side < 0 ? v->held_side : tr__keep_document(&v->held, d, err);
}

/* The tail of a single document: p of its positions, at least one on each side.  The two
 * parts share no token. */
static int divide_single(struct divide *v, struct tr_err *err)
{
    struct tr_document head = v->held.d, tail = head;
    size_t n = head.n;

    if (head.row)
        return tr_err_set(err, TR_EFORMAT, "one row is too little for a split: it is not "
                          "divided");
    if (n < 4)
        return tr_err_set(err, TR_EFORMAT, "one document of %zu tokens is too little for "
                          "--val-split", n);
    size_t n_val = 1 + (size_t)floor((double)(n - 1) * v->split.p + 0.5);
    n_val = n_val < 2 ? 2 : n_val > n - 2 ? n - 2 : n_val;
    head.n = n - n_val;
    tail.n = n_val;
    tail.token += head.n;
    tail.weight = tail.weight ? tail.weight + head.n : NULL;
    int rc = tr__sink_add(v->train, &head, err);
    return rc ? rc : tr__sink_add(v->val, &tail, err);
}

static int divide_last(struct divide *v, struct tr_err *err)
{
    if (v->n_doc == 1)
        return divide_single(v, err);
    int side = v->held_side;
    if (v->val->side->n_doc == 0 || v->train->side->n_doc == 0)
        side = v->val->side->n_doc == 0;
    return add_held(v, side, err);
}

static int divide(const struct tr_packing *job, struct tr__packing_stream *from,
                  struct tr__sink *train, struct tr__sink *val, uint64_t *n_short,
                  struct tr_err *err)
{
    struct divide v = { .train = train, .val = val, .from = from };
    struct tr_document d;
    int more, rc = 0;

    tr__split_init(&v.split, job->val_split, job->seed, 0);
    while (!rc && (more = tr__packing_next(from, &d, n_short, err)) != 0) {
        if (more < 0)
            rc = more;
        else if (job->val_split > 0)
            rc = divide_next(&v, &d, err);
        else if (++v.n_doc)
            rc = tr__sink_add_from(train, from, &d, err);
    }
    if (!rc && v.n_doc == 0)
        rc = tr_err_set(err, TR_EFORMAT, "nothing to train on: no document of two tokens "
                        "or more");
    if (!rc && job->val_split > 0)
        rc = divide_last(&v, err);
    tr__split_release(&v.split);
    tr__release_kept(&v.held);
    return rc;
}

/* ==== the whole ==== */

/* The stream for validation, as it is. */
static int add_val(const char *path, struct tr__sink *val, struct tr_err *err)
{
    struct tr__packing_stream s;
    struct tr_document d;
    int more = 1, rc = tr__packing_open(&s, path, err);

    while (!rc && (more = tr__packing_next(&s, &d, NULL, err)) > 0)
        rc = tr__sink_add_from(val, &s, &d, err);
    tr__packing_close(&s);
    return rc ? rc : more;
}

static int is_plain(const struct tr_packing *job)
{
    return job->n_set == 1 && job->set[0].weight == 1 && job->max_rows == 0;
}

static int check_job(const struct tr_packing *job, struct tr_err *err)
{
    int bad = job->n_set < 1 || !job->out || !(job->val_split >= 0 && job->val_split < 1) ||
              (job->val && job->val_split > 0) ||
              ((job->sample.overlapping || job->sample.windows) && !is_plain(job)) ||
              (job->sample.windows && (job->sample.overlapping || job->sample.fill)) ||
              !job->val_out != !(job->val || job->val_split > 0);

    for (size_t i = 0; !bad && i < job->n_set; i++)
        bad = !(isfinite(job->set[i].weight) && job->set[i].weight > 0);
    return bad ? tr_err_set(err, TR_EINVAL, "a packing needs sets of a weight above 0, a "
                            "name for each pack, one source of validation data at most, and one "
                            "set where samples overlap")
               : 0;
}

/* All streams must have the vocabulary of the first, which stays open. */
static int open_first(const struct tr_packing *job, struct tr__packing_stream *first,
                      struct tr_err *err)
{
    int rc = tr__packing_open(first, job->set[0].path, err);
    uint64_t model = job->sample.vocab_hash;
    uint64_t hash = rc ? 0 : tr_token_reader_vocab_hash(first->r);

    if (!rc && model && hash && model != hash)
        rc = tr_err_set(err, TR_EMISMATCH, "'%s' was made with another vocabulary than the "
                        "model's", first->name);
    for (size_t i = 1; !rc && i < job->n_set + (job->val ? 1 : 0); i++) {
        struct tr__packing_stream s;
        if ((rc = tr__packing_open(&s, i < job->n_set ? job->set[i].path : job->val, err)))
            break;
        if (tr_token_reader_vocab_hash(s.r) != tr_token_reader_vocab_hash(first->r) ||
            tr_token_reader_n_vocab(s.r) != tr_token_reader_n_vocab(first->r))
            rc = tr_err_set(err, TR_EMISMATCH, "'%s' was made with another vocabulary than "
                            "'%s'", s.name, first->name);
        tr__packing_close(&s);
    }
    return rc;
}

static int fill(const struct tr_packing *job, struct tr__packing_stream *first,
                struct tr__sink *train, struct tr__sink *val,
                struct tr_packing_result *result, struct tr_packing_taken *taken,
                struct tr_err *err)
{
    int rc = tr__sink_open(train, job->out, job, first, err);

    if (!rc && job->val_out)
        rc = tr__sink_open(val, job->val_out, job, first, err);
    if (!rc)
        rc = is_plain(job) ? divide(job, first, train, val, &result->n_short, err)
                           : tr__mix(job, train, val, &result->n_short, taken, err);
    if (!rc && job->val)
        rc = add_val(job->val, val, err);
    if (!rc)
        rc = tr__sink_end(train, err);
    if (!rc && job->val_out)
        rc = tr__sink_end(val, err);
    /* The pack for training is the one that others wait for: it appears last. */
    if (!rc && job->val_out)
        rc = tr__sink_commit(val, err);
    return rc ? rc : tr__sink_commit(train, err);
}

int tr_packing_run(const struct tr_packing *job, struct tr_packing_result *result,
                   struct tr_packing_taken *taken, struct tr_err *err)
{
    struct tr__sink train = { .side = &result->train, .progress = job->progress };
    struct tr__sink val = { .side = &result->val };
    struct tr__packing_stream first = { 0 };
    int rc = check_job(job, err);

    memset(result, 0, sizeof *result);
    if (!rc)
        rc = open_first(job, &first, err);
    if (!rc)
        rc = fill(job, &first, &train, &val, result, taken, err);
    tr__packing_close(&first);
    tr__sink_close(&train);
    tr__sink_close(&val);
    return rc;
}
