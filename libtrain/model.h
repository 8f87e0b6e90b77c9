/* SPDX-License-Identifier: MIT
 *
 * A language model over an open GGUF: hyper-parameters, its weights as tensors, and the
 * one decoder that runs them.  Weights are used where the file is mapped, in their own
 * type, until someone makes them trainable (params.h).
 *
 * A struct tr_model owns the map of its file and the descriptions of its weights; adapters
 * that are attached (lora.h) stay the caller's and must outlive it.
 */
#ifndef LIBTRAIN_MODEL_H
#define LIBTRAIN_MODEL_H

#include <libtrain/gguf.h>
#include <libtrain/ops.h>
#include <libtrain/precision.h>
#include <libtrain/tape.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_mixer;

/* What is done to the frequencies base^(-2i / n_rot).  All zeros: nothing.  Parts combine:
 * first the factors, then one factor for all, which yarn keeps away from fast pairs. */
struct tr_rope_scaling {
    const float *factors; // (n_rot / 2) each frequency is divided by its own; NULL: none
    const float *factors_long; /* instead of them, in contexts beyond n_ctx_orig; NULL: none
                                  (longrope, Ding et al. 2024) */
    float factor;         /* and all by this one; 0 is taken as 1 (Chen et al. 2023) */
    float attn_factor;    /* multiplies what has turned; 0: 1, or longrope's own */
    int64_t n_ctx_orig;   /* the context before it was extended; yarn and longrope */
    int64_t n_ctx_train;  /* and after that; longrope */

    /* yarn (Peng et al. 2023) */
    float ext_factor;     /* how far it keeps frequencies, mostly 1; 0: no yarn at all */
    float beta_fast;      /* pairs that turn more often in n_ctx_orig are not divided */
    float beta_slow;      /* those that turn less often are, those between in part */
    int no_truncate;      /* the bounds of "between" are not rounded to whole pairs */
    float log_multiplier; /* what has turned is multiplied by (1 + 0.1 ln factor) /
                             (1 + 0.1 log_multiplier ln factor) too, */
    float yarn_attn_factor; /* or by this, if it is not 0 */
};

/* One block of a model: sizes may differ from block to block. */
struct tr_layer {
    const struct tr_mixer *mixer; /* attention, or what stands in its place */
    int64_t n_head, n_head_kv, head_dim; /* of attention; 0 where there is none */
    int64_t n_ff;                /* inside the MLP; 0: it has none */
    int64_t n_expert;            /* MLPs of which a position sees some; 0: none */
    int64_t n_ff_expert, n_ff_shared; /* inside each, and inside one that all see; 0: none */
    int64_t window;              /* last positions that are seen, itself included; 0: all */
    const struct tr_rope *rope;  /* NULL: positions are not turned */
    int64_t kv_of;               /* the block whose keys and values it reads, often itself */
    int gives_kv;                /* a later block reads those of this one */
    unsigned parts;              /* which tensors it has (model/model.h) */
};

/* Sizes of mixers that carry a state from row to row, by their names in files. */
struct tr_ssm {
    int64_t state_size;     /* numbers of a key; rows of a state */
    int64_t group_count;    /* heads of keys and queries; groups of heads */
    int64_t time_step_rank; /* heads of values; heads */
    int64_t inner_size;     /* numbers of the values of all heads; of all heads */
};

/* How positions are sent to experts: see tr_route. */
struct tr_experts {
    int64_t n, n_used; /* of each block that has any; 0: none has */
    const struct tr_gating *gating;
    int normalise;
    float eps, scale;
};

struct tr_config {
    const struct tr_arch *arch;
    int64_t n_vocab;  /* rows of the token table */
    int64_t n_ctx;    /* positions the model was made for */
    int64_t n_embd, n_layer;
    int64_t n_ahead;  /* blocks behind these that only guess further ahead: not run */
    int64_t n_ff;     /* of the widest MLP or expert */
    int64_t n_input;  /* numbers that a token gives to each block by itself; 0: none */
    float norm_eps;
    int64_t conv_taps; /* of short convolutions; 0: none */
    struct tr_ssm ssm;
    struct tr_experts experts;
    int parallel;     /* attention and MLP of a block read the same rows */
    float embd_scale, residual_scale; /* of the token table's rows, of what a block adds */
    float attn_scale; /* of q k^T; 0: 1 / sqrt(head_dim) */
    float attn_soft_cap, logit_soft_cap; /* 0: none */
    float attn_grow; /* of q k^T, every attn_grow_every positions: see tr_attention */
    int64_t attn_grow_every; /* 0: it does not */
    float logit_scale;
    struct tr_rope rope[2]; /* of blocks that see all positions, of those with a window */
    struct tr_rope_scaling scaling[2]; /* of their frequencies, as the file has it */
    struct tr_layer *layer; // (n_layer) the model's own
};

struct tr_model;

/* Open a GGUF and bind its tensors: a model of a known architecture, hyper-parameters in
 * range, every tensor that the architecture asks for there with the right shape and a type
 * that can be unpacked, no tensor and no value of a key that would ask for another
 * computation.  TR_EFORMAT, TR_EUNSUPPORTED or TR_EIO, with path and tensor or key. */
struct tr_model *tr_model_open(const char *path, struct tr_err *err) TR_MUST_CHECK;
void tr_model_close(struct tr_model *m);

/* The checks of tr_model_open on an open file, without keeping anything. */
int tr_model_check(const struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;

/* i = 0, 1, … until NULL: tensors in the file that are part of no model, and keys of its
 * architecture that nothing here (nor llama.cpp, for this architecture) reads. */
const char *tr_model_unused_tensor(const struct tr_model *m, size_t i);
const char *tr_model_unused_key(const struct tr_model *m, size_t i);

const struct tr_config *tr_model_config(const struct tr_model *m);
/* What stands before the MLP of a block: "attention". */
const char *tr_layer_kind(const struct tr_layer *l);
const char *tr_model_arch(const struct tr_model *m);
const struct tr_gguf *tr_model_gguf(const struct tr_model *m);

/* Names this base: architecture, tensors with types and shapes, and samples of the data.
 * Never 0. */
uint64_t tr_model_hash(const struct tr_model *m);

/* Bytes of all weights where they are mapped. */
int64_t tr_model_mapped_bytes(const struct tr_model *m);

/* Let the products of all matrices, and of attention, be computed in `p`, which is open. */
void tr_model_set_precision(struct tr_model *m, const struct tr_precision *p);

/* How long contexts are from now on, which is for whoever runs the model to say: longrope
 * has other frequencies in those beyond the original one.  At first n_ctx of the config. */
void tr_model_set_context(struct tr_model *m, int64_t n_ctx);

/* Let blocks that see all positions turn by other frequencies than the file says: `base` is
 * theirs, `scale` multiplies them; 0: as the file says.  n_ctx of the config grows as the
 * slowest of them becomes slower.  TR_EINVAL for numbers that cannot be, TR_EUNSUPPORTED
 * where no such block turns anything. */
int tr_model_set_rope(struct tr_model *m, double base, double scale,
                      struct tr_err *err) TR_MUST_CHECK;
/* What was set. */
void tr_model_rope(const struct tr_model *m, double *base, double *scale);

/* Let the norms add another number to the mean of squares than the file says; 0: that.
 * TR_EINVAL for one that is not from 0 to 1. */
int tr_model_set_norm_eps(struct tr_model *m, double eps, struct tr_err *err) TR_MUST_CHECK;
double tr_model_norm_eps(const struct tr_model *m); /* what was set */

/* Let the loss that keeps experts equally busy (tr_route), its mean over the blocks that have
 * any, be trained for too: with `weight` beside a tr_model_loss of mean 1 over all rows with
 * a target, of which a batch has its share.  0: not, as at first. */
void tr_model_set_balance(struct tr_model *m, double weight);
/* That mean in the last tr_model_loss with a weight; 0: there was none. */
double tr_model_balance_loss(const struct tr_model *m);

/* What goes into a weight of a block, or into the matrix that gives the logits: output.weight, or
 * the token table where that is it. */
struct tr_inputs {
    const char *weight;        /* its name, for the time of the call */
    const struct tr_tensor *x; // (rows, n_in) f32
    int64_t n_mat;             /* matrices in it: of experts, else 1 */
    /* Which rows each of them takes: its rows are first[e] … first[e + 1] - 1, and row i is row
     * place[i] / per_row of x, or row i where place is NULL.  first NULL: one takes all. */
    const int32_t *first, *place; // (n_mat + 1), (first[n_mat])
    int64_t per_row;
};
/* What comes out of a weight of a block that is no experts': its product with bias and adapters. */
struct tr_outputs {
    const char *weight;        /* its name, for the time of the call */
    const struct tr_tensor *y; // (rows, n_out) f32, and added to it
    const struct tr_tensor *add; // (rows, n_out) the residual stream; NULL: nothing is
};
/* `at` is called in front of each product, `after` behind it, on the thread that runs the model;
 * either may be NULL. */
struct tr_watch {
    void (*at)(void *ctx, const struct tr_inputs *in);
    void *ctx; /* the caller's */
    void (*after)(void *ctx, const struct tr_outputs *out);
};
/* Let somebody see the inputs and outputs of all weights, on tapes that record nothing (TR_TAPE_EVAL);
 * {0}: nobody, as at first.  A row that has a factor of its own, by which its product could be
 * multiplied as well, is seen without it. */
void tr_model_watch(struct tr_model *m, const struct tr_watch *w);

/* One micro-batch: the rows of all its sequences one after the other.  The arrays are the
 * caller's and must stay until tr_tape_reset. */
struct tr_batch {
    int64_t n;
    const int32_t *token;  // (n) below n_vocab
    const int32_t *target; // (n) below n_vocab, or -1
    const int32_t *pos;    // (n) position in its document
    const float *weight;   // (n) factor of each row's loss, at least 0; NULL: 1 everywhere
};

/* Run the model and its loss: (1).  Segment 0 of the tape is the token table, segment
 * 1 + i is block i, the last one is the output with the loss. */
struct tr_tensor *tr_model_loss(struct tr_model *m, struct tr_tape *tp,
                                const struct tr_batch *batch, const struct tr_loss *loss);

/* Keys and values of the rows seen so far, for generating one token after another. */
struct tr_cache;
struct tr_cache *tr_cache_new(const struct tr_model *m, int64_t n_ctx,
                              struct tr_err *err) TR_MUST_CHECK;
void tr_cache_free(struct tr_cache *c);
int64_t tr_cache_used(const struct tr_cache *c);
/* What it takes when it is full. */
int64_t tr_cache_bytes(const struct tr_cache *c);
/* Forget all rows from `used` on, or all of them where what is in front of those is gone
 * already (behind a window, or in a state).  Returns how many are left. */
int64_t tr_cache_cut(struct tr_cache *c, int64_t used);

/* Feed n more tokens of one document (tape in TR_TAPE_EVAL mode) and write the logits that
 * follow the last of them: logits (n_vocab).  If n is below 1 (TR_EINVAL), the cache has no
 * room for them (TR_EMISMATCH) or memory is short (TR_ENOMEM), nothing changes but that
 * tr_cache_cut may have had to forget all.  TR_EFORMAT,
 * if a logit is no finite number, names the first weight that is none, TR_EDIVERGED says
 * that all are. */
int tr_model_extend(struct tr_model *m, struct tr_tape *tp, struct tr_cache *cache,
                    const int32_t *token, int64_t n, float *logits,
                    struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
