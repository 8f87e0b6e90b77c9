/* SPDX-License-Identifier: MIT
 *
 * Token streams to packs for training and validation: sets of documents that are mixed and
 * divided, what the command `pack` does.
 */
#ifndef LIBTRAIN_PACKING_H
#define LIBTRAIN_PACKING_H

#include <libtrain/pack.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One token stream.  weight: how often its documents are taken for training, finite and above
 * 0: 2 is each twice, 0.5 half of them, 1.5 each and half of them again; rounded to whole
 * documents, which the seed chooses.  For validation none is taken twice. */
struct tr_packing_set {
    const char *path; /* "-": standard input, if it need not be read twice */
    double weight;
};

/* Documents as samples of a text that are joined to one document of ctx positions: each goes
 * on into those that follow it (overlapping; what is set beside is not looked at), or those
 * that follow fill what it leaves of the context, and what then has no room is lost (fill).
 * bos and eos, -1 where they are not known, are taken off the ends of documents; a document
 * that is made begins with the BOS that its first one had.
 *
 * With windows, all documents are one text, and what is made of it are so many stretches of ctx
 * positions, each begun at a token that the seed chooses, no more than there are such tokens;
 * with random_offset each document begins at a token of it that the seed chooses. */
struct tr_sample_args {
    int overlapping, fill;
    int32_t bos, eos;
    int separate_bos, separate_eos; /* between documents, EOS first; BOS also in front */
    uint64_t vocab_hash;            /* of the model that these are of; 0: not known */
    uint64_t windows;               /* 0: none */
    int random_offset;
};

struct tr_packing {
    const struct tr_packing_set *set;
    size_t n_set;
    uint32_t ctx;
    struct tr_packer_args packer;
    struct tr_sample_args sample; /* {0} but bos and eos -1: none of it */
    uint64_t seed;       /* of all that is chosen; 0: validation is spread evenly */
    uint64_t max_rows;   /* of a set, chosen by the seed before all else; 0: all */
    double val_split;    /* fraction of each set, and of each group in it, below 1; or 0 */
    const char *val;     /* a stream for validation; NULL: none */
    const char *out;     /* the pack for training */
    const char *val_out; /* that for validation, iff val_split or val; else NULL */
    struct tr_progress progress; /* in tokens for training; nobody knows how many will come */
};

struct tr_packing_side {
    uint64_t n_doc, n_token; /* that went in */
    struct tr_pack_info info;
    struct tr_packer_counts counts;
    int written; /* 1: the file is there */
};

struct tr_packing_result {
    uint64_t n_short; /* documents of less than two tokens, left out */
    struct tr_packing_side train, val;
};
struct tr_packing_taken { uint64_t n_doc, n_train, n_val; }; /* there; taken for a side */

/* Make the packs.  One set of weight 1 without max_rows is read once and keeps its order;
 * else sets are read several times and come in an order that depends on the seed alone, each
 * as fast as its documents last.  A document is never divided but a single one of running
 * text, whose tail is for validation, and each side of a single set gets one.  *result says
 * what was done, also where that failed; taken (n_set): how much of each set, or NULL.
 * TR_EFORMAT where nothing counts or a stream is none, TR_EMISMATCH for streams of different
 * vocabularies, TR_EINVAL for settings that cannot be, as samples that overlap in sets that
 * are mixed. */
int tr_packing_run(const struct tr_packing *job, struct tr_packing_result *result,
                   struct tr_packing_taken *taken, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
