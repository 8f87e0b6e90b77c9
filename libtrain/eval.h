/* SPDX-License-Identifier: MIT
 *
 * The loss of a model on data, without gradients and in the memory of one block.
 */
#ifndef LIBTRAIN_EVAL_H
#define LIBTRAIN_EVAL_H

#include <libtrain/loss.h>
#include <libtrain/model.h>
#include <libtrain/pack.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_eval;

/* For batches of up to max_rows rows.  The model is the caller's and must outlive it.
 * TR_EINVAL without a model or a kind, or if max_rows is below 1. */
struct tr_eval *tr_eval_new(struct tr_model *m, int64_t max_rows,
                            const struct tr_loss_kind *kind,
                            struct tr_err *err) TR_MUST_CHECK;
void tr_eval_free(struct tr_eval *e);

/* Memory that it takes. */
struct tr_tape_plan tr_eval_plan(const struct tr_eval *e);

/* Tell *p, of which a copy is kept, after each batch of a pack or a text: positions that have
 * a target. */
void tr_eval_watch(struct tr_eval *e, const struct tr_progress *p);

/* Add the losses of the rows with a target, each times its weight, to *sum; row_loss (n,
 * without weights) and logits (n, n_vocab) are filled if not NULL.  What is no finite number is an error: TR_EFORMAT if a weight
 * of the file is none, else TR_EDIVERGED.  TR_EMISMATCH for ids beyond those of the model,
 * TR_EINVAL for more rows than were announced, positions that it does not have, and weights
 * that are none. */
int tr_eval_batch(struct tr_eval *e, const struct tr_batch *batch, double *sum,
                  float *row_loss, float *logits, struct tr_err *err) TR_MUST_CHECK;

/* Mean loss over all rows that count in a pack, as they weigh there, and how many they are.  TR_EMISMATCH if
 * it does not fit the model, TR_EINVAL for sequences longer than was announced.  With
 * several ranks (comm.h) it is collective: sequences are dealt in turn, and the f64 sums
 * of the ranks are added, so the last bits depend on the number of ranks. */
int tr_eval_pack(struct tr_eval *e, struct tr_pack *pack, double *loss, uint64_t *n_counted,
                 struct tr_err *err) TR_MUST_CHECK;

/* What the rows of a sequence weigh, and their mean loss as they weigh; 0 if none counts. */
struct tr_sequence_loss {
    double weight, loss;
};
/* The same, and of each sequence what it takes part with: seq (n_seq of the pack), in its
 * order. */
int tr_eval_sequences(struct tr_eval *e, struct tr_pack *pack, struct tr_sequence_loss *seq,
                      double *loss, uint64_t *n_counted, struct tr_err *err) TR_MUST_CHECK;
/* The same of every stride-th sequence from the first on; others weigh 0 in seq, which may be
 * NULL. */
int tr_eval_part(struct tr_eval *e, struct tr_pack *pack, uint64_t stride,
                 struct tr_sequence_loss *seq, double *loss, uint64_t *n_counted,
                 struct tr_err *err) TR_MUST_CHECK;

/* Two models on the same sequences.  The means are over all rows, as they weigh. */
struct tr_loss_change {
    double before, after;
    double change, margin; /* after - before lies in change - margin … change + margin, 95 %;
                              a margin of INFINITY: sequences are too few to say */
    double weight;
    uint64_t n; /* sequences that weigh something */
};
enum { TR_LOSS_CHANGE_MIN = 8 }; /* sequences for a margin */

/* Compare sequence by sequence, which are taken for independent.  The change is a ratio, of
 * sums of weighted differences and of weights, and its margin that of a ratio estimator
 * (Cochran, Sampling Techniques, 3rd edition, 6.4) with Student's t of n - 1 degrees.
 * TR_EMISMATCH if a weight is not the same in both, TR_EFORMAT for what is not finite or
 * below 0, and if nothing weighs anything. */
int tr_loss_compare(const struct tr_sequence_loss *before,
                    const struct tr_sequence_loss *after, uint64_t n_seq,
                    struct tr_loss_change *c, struct tr_err *err) TR_MUST_CHECK;

/* The same over a pack in its order, with all logits written to `path` as GGUF: tensor
 * `logits` (positions, n_vocab), row after row as they are computed, so they may be larger
 * than memory. */
int tr_eval_logits(struct tr_eval *e, struct tr_pack *pack, const char *path, double *loss,
                   uint64_t *n_counted, struct tr_err *err) TR_MUST_CHECK;

/* One text, and how llama.cpp would put it into windows. */
struct tr_text_ids {
    const uint32_t *id; // (n) below the model's n_vocab, with what the tokenizer put around
    size_t n;
    size_t n_window;    /* of these what llama.cpp has in its windows: all but an EOS */
    int32_t bos;        /* begins each of its windows; -1: none */
};
/* Sums over predictions: all of them, and those that llama.cpp counts. */
struct tr_text_loss {
    double loss, llama_loss;
    uint64_t n, n_llama;
};
/* The loss of a text in windows of ctx positions, up to the max_rows of e.  TR_EFORMAT if
 * there is nothing to predict, TR_EMISMATCH at an id that the model does not have. */
int tr_eval_text(struct tr_eval *e, const struct tr_text_ids *x, int64_t ctx,
                 struct tr_text_loss *s, struct tr_err *err) TR_MUST_CHECK;

/* Chunks of a text, as llama.cpp's programs cut it: ctx ids each, what is left over is
 * dropped, and a BOS stands in place of the first one. */
struct tr_chunks {
    int64_t ctx;
    int64_t first, n; /* which of them, from 0 */
};
/* How many chunks there are. */
int64_t tr_text_chunks(const struct tr_text_ids *x, int64_t ctx);
/* Run the model on chunks, for whoever watches it (tr_model_watch): nothing is measured.
 * Progress is told in ids.  TR_EINVAL for chunks that the text does not have. */
int tr_eval_chunks(struct tr_eval *e, const struct tr_text_ids *x, const struct tr_chunks *c,
                   struct tr_err *err) TR_MUST_CHECK;

/* A mean, and its standard error. */
struct tr_estimate {
    double mean, error;
};
/* How far a model is from another, the base, in what both predict behind the first half of
 * each chunk: for each prediction the Kullback-Leibler divergence of the base's distribution
 * from the model's, and what either gives the token that comes. */
struct tr_divergence {
    uint64_t n;                         /* predictions */
    struct tr_estimate loss, base_loss; /* of the tokens that come */
    struct tr_estimate log_ratio;       /* of the perplexities: loss - base_loss */
    struct tr_estimate kl;              /* in nats, as losses are */
    double kl_median, kl_99, kl_max;    /* 99: below it lie 99 of 100 */
    struct tr_estimate p_change;        /* of the probability of the token that comes */
    double p_change_rms;                /* the root of its mean square */
    struct tr_estimate same_top;        /* share where both find the same token most likely */
};
/* Measure over chunks, as `llama-perplexity --kl-divergence` does; but from all logits of
 * both, not from those of the base in 16 bits.  Memory: logits of a chunk.  Progress
 * of e is told in ids.  TR_EMISMATCH for models of other vocabularies; TR_EINVAL for chunks that
 * the text does not have, or of fewer than 3 ids. */
int tr_eval_divergence(struct tr_eval *e, struct tr_eval *base, const struct tr_text_ids *x,
                       const struct tr_chunks *c, struct tr_divergence *d,
                       struct tr_err *err) TR_MUST_CHECK;

/* A pack fits a model: context, and vocabulary: by hash where both have one, so that either may
 * have more padding than the other, else by size.  TR_EMISMATCH. */
int tr_pack_fits(const struct tr_pack *pack, const struct tr_model *m,
                 struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
