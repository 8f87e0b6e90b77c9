/* SPDX-License-Identifier: MIT
 *
 * Hidden states of a model as arrays for NumPy: what goes into and comes out of its linear
 * layers, and a row of numbers for each document, as llama-embedding has it.
 */
#ifndef LIBTRAIN_EMBED_H
#define LIBTRAIN_EMBED_H

#include <libtrain/model.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of the rows behind the last norm: i = 0, 1, … until NULL.
 *
 *   mean   their mean, over the tokens of a document
 *   last   that of its last token
 *   cls    that of its first
 *   none   all of them, as array "hidden" */
struct tr_pooling;
const struct tr_pooling *tr_pooling_at(int i);
const char *tr_pooling_name(const struct tr_pooling *p);

struct tr_embed_args {
    const struct tr_pooling *pooling; /* NULL: these rows are not wanted */
    int normalise;       /* pooled rows to a Euclidean length of 1 */
    const char *inputs;  /* of these weights; patterns as of tr_lora_new; NULL: none */
    const char *outputs; /* the same */
    int64_t ctx;         /* tokens of a document at most, 1 … n_ctx of the model */
};

/* Hidden states of a model, which must outlive it and is watched by it (tr_model_watch).
 * TR_EFORMAT for a pattern that matches no weight of the blocks. */
struct tr_embed;
struct tr_embed *tr_embed_new(struct tr_model *m, const struct tr_embed_args *args,
                              struct tr_err *err) TR_MUST_CHECK;
void tr_embed_free(struct tr_embed *e);

/* One more document, of which tokens beyond ctx are left out; bits above an id are not looked
 * at.  Short ones are run together.  TR_EFORMAT for one without tokens, TR_EMISMATCH for an id
 * that the model does not have. */
int tr_embed_add(struct tr_embed *e, const uint32_t *token, size_t n,
                 struct tr_err *err) TR_MUST_CHECK;

/* Write what came: f32 arrays BLOCK.in and BLOCK.out (tokens, width), as "blk.3.ffn_down.in",
 * and "embedding" (documents, n_embd) or "hidden" (tokens, n_embd); with arrays of tokens also
 * "tokens" and "first", where each document begins.  A path that ends with .npy gets the
 * only array; TR_EINVAL if there are several. */
int tr_embed_write(struct tr_embed *e, const char *path, struct tr_err *err) TR_MUST_CHECK;

struct tr_embed_counts {
    int64_t n_document, n_token, n_cut; /* n_cut: documents of which something is left out */
};
struct tr_embed_counts tr_embed_counts(const struct tr_embed *e);

#ifdef __cplusplus
}
#endif
#endif
