/* SPDX-License-Identifier: MIT
 *
 * What a model says of a pack, written once, for trainings that ask it (train_args.h:
 * reference, teacher), so that it need not be in memory beside the one that is trained.
 * Bytes: docs/formats/teacher.md.
 */
#ifndef LIBTRAIN_TEACHER_H
#define LIBTRAIN_TEACHER_H

#include <libtrain/eval.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What was written. */
struct tr_said {
    uint64_t n_seq; /* sequences of the pack that were asked about, its first ones */
    int64_t n;      /* answers, or positions */
    double mean;    /* logprobs: the mean logarithm of an answer's probability; teacher: the
                       mean share of probability that the k likeliest ids have */
};

/* Write the natural logarithm of the probability of each answer, a document of which something
 * counts, to `path`.  e is for the longest sequence and measures cross-entropy.  Memory: what e
 * has, and 4 bytes an answer.  TR_EMISMATCH if the pack does not fit the model, else as
 * tr_eval_pack; the file is whole or not there. */
int tr_logprobs_write(struct tr_eval *e, struct tr_pack *pack, const char *path,
                      struct tr_said *said, struct tr_err *err) TR_MUST_CHECK;

/* Write of each position that counts, in the first n_seq sequences (0: all), the k likeliest ids,
 * 1 … TR_MAX_TOP and below the vocabulary, and logarithms of probabilities.  Memory: what e
 * has; 4 (k + 1) bytes a position wait in a temporary file, $TMPDIR. */
int tr_teacher_write(struct tr_eval *e, struct tr_pack *pack, int64_t k, uint64_t n_seq,
                     const char *path, struct tr_said *said, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
