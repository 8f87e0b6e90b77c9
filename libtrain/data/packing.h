/* SPDX-License-Identifier: MIT
 *
 * Inside of a packing: where documents come from (packing_stream.c), on which side they are
 * (packing_split.c), how sets are mixed (packing_mix.c), how samples become documents
 * (packing_samples.c), and the packs that they go to (packing_sink.c).
 */
#ifndef LIBTRAIN_DATA_PACKING_H
#define LIBTRAIN_DATA_PACKING_H

#include <libtrain/base/base.h>
#include <libtrain/packing.h>
#include <libtrain/rng.h>

#include <stdio.h>

/* ---- a stream ---------------------------------------------------------------------- */

struct tr__packing_stream {
    FILE *f;
    struct tr_token_reader *r;
    const char *name; /* for messages */
    uint64_t number;  /* of the document that was read last, from 1 */
};

int tr__packing_open(struct tr__packing_stream *s, const char *path,
                     struct tr_err *err) TR_MUST_CHECK;
/* The next of two tokens or more: 1, 0 at the end, or an error; *n_short, if not NULL, grows
 * by those that were passed over. */
int tr__packing_next(struct tr__packing_stream *s, struct tr_document *d, uint64_t *n_short,
                    struct tr_err *err) TR_MUST_CHECK;
void tr__packing_close(struct tr__packing_stream *s);

/* ---- sides ------------------------------------------------------------------------- */

/* Documents of one set, counted by their group: fraction p of each group is for
 * validation. */
struct tr__split {
    double p;
    uint64_t seed;
    struct tr__stratum { const char *name; uint64_t key, n; } *stratum;
    size_t n, cap;
    struct tr__names by_name;
};

void tr__split_init(struct tr__split *s, double p, uint64_t seed, uint64_t set);
/* The next document of this group (or NULL): 1 for validation, 0 for training, or an
 * error. */
int tr__split_next(struct tr__split *s, const char *group,
                   struct tr_err *err) TR_MUST_CHECK;
void tr__split_release(struct tr__split *s);

/* ---- samples ----------------------------------------------------------------------- */

struct tr__sample { /* where it begins in the text that waits, and what it was */
    size_t at;
    int had_bos, row;
    char group[TR_TOKEN_MAX_GROUP + 1];
};

struct tr__samples {
    struct tr_sample_args args;
    size_t most; /* tokens of a document that is made */
    uint32_t *token;
    float *weight;
    size_t n, token_cap, weight_cap;
    struct tr__sample *start; // (n_start)
    size_t n_start, start_cap;
    size_t used; /* of these, in what was made last: they go when the next is asked for */
    uint32_t *out_token;
    float *out_weight;
    size_t out_token_cap, out_weight_cap;
    uint64_t n_cut, lost_tokens;
    struct tr_rng random;
    uint64_t n_window; /* that were made */
};

void tr__samples_init(struct tr__samples *s, const struct tr_sample_args *args,
                      uint32_t ctx, uint64_t seed);
/* A document without what is before a place that chance chooses; two tokens are left. */
struct tr_document tr__samples_offset(struct tr__samples *s, const struct tr_document *d);
int tr__samples_add(struct tr__samples *s, const struct tr_document *d,
                    struct tr_err *err) TR_MUST_CHECK;
/* The next document that can be made, at the end also of what is short: 1 and *out, good
 * until the next call, 0 if there is none, or an error. */
int tr__samples_next(struct tr__samples *s, int at_end, struct tr_document *out,
                     struct tr_err *err) TR_MUST_CHECK;
void tr__samples_release(struct tr__samples *s);

/* ---- packs ------------------------------------------------------------------------- */

/* A pack that is being made, and what went in. */
struct tr__sink {
    struct tr_pack_writer *w;
    struct tr_packer *packer;
    const char *path;
    struct tr__samples samples; /* if any of these are joined */
    struct tr_packing_side *side;
    struct tr_progress progress; /* in tokens that went in */
};

int tr__sink_open(struct tr__sink *s, const char *path, const struct tr_packing *job,
                  const struct tr__packing_stream *from, struct tr_err *err) TR_MUST_CHECK;
/* The last sequence; then the file's name.  TR_EFORMAT if nothing counts. */
int tr__sink_end(struct tr__sink *s, struct tr_err *err) TR_MUST_CHECK;
int tr__sink_commit(struct tr__sink *s, struct tr_err *err) TR_MUST_CHECK;
void tr__sink_close(struct tr__sink *s);

int tr__sink_add(struct tr__sink *s, const struct tr_document *d, struct tr_err *err)
    TR_MUST_CHECK;
/* The same, and which document of a stream it was if it is refused. */
int tr__sink_add_from(struct tr__sink *s, const struct tr__packing_stream *from,
                      const struct tr_document *d, struct tr_err *err) TR_MUST_CHECK;

/* Mix the sets of a job into both packs; val->w is NULL if there is none. */
int tr__mix(const struct tr_packing *job, struct tr__sink *train, struct tr__sink *val,
            uint64_t *n_short, struct tr_packing_taken *taken,
            struct tr_err *err) TR_MUST_CHECK;

#endif
