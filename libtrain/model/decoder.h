/* SPDX-License-Identifier: MIT
 *
 * What the parts of a forward pass share: the run they belong to, weights in use, and each
 * other's result.  decoder.c puts them together.
 */
#ifndef LIBTRAIN_MODEL_DECODER_H
#define LIBTRAIN_MODEL_DECODER_H

#include <libtrain/model/model.h>

struct tr__kv {
    struct tr_tensor *k, *v;
};

struct tr__decoder {
    struct tr_model *m;
    struct tr_tape *tp;
    const struct tr_batch *batch;
    struct tr_cache *cache; /* NULL unless generating */
    struct tr_tensor cached[2]; /* keys and values of the present layer */
    struct tr__kv given[2];     /* for later blocks that see all positions, or a window */
    struct tr_tensor *stream;   /* what the norm before the present MLP took */
    struct tr_tensor *inputs;   // (n, n_layer * n_input) of all blocks; NULL: none
    float balance; /* weight of the balance loss of each block with experts */
    int64_t layer;
    int unseen; /* products are not told (watch.c) */
};

/* The present block. */
static inline const struct tr_layer *tr__layer(const struct tr__decoder *d)
{
    return &d->m->config.layer[d->layer];
}

/* The tensor in a slot of the present layer, or NULL where the model has none. */
struct tr_tensor *tr__tensor(const struct tr__decoder *d, enum tr_slot_id id);

/* x w^T + bias, and what the adapters add: scale * (x a^T) b^T each.  With `add` (NULL: not)
 * that is a part of the residual stream: add + residual_scale * all this. */
struct tr_tensor *tr__project(const struct tr__decoder *d, struct tr_tensor *x,
                              enum tr_slot_id id, enum tr_slot_id bias,
                              struct tr_tensor *add);

/* What goes into a pair: x, in training without what is dropped. */
struct tr_tensor *tr__pair_input(const struct tr__decoder *d, struct tr_tensor *x,
                                 const struct tr_delta *a);

/* The same for the matrices of experts: to rows of them, and back from such rows. */
struct tr_tensor *tr__project_in(const struct tr__decoder *d, struct tr_tensor *x,
                                 const struct tr_routing *r, enum tr_slot_id id,
                                 enum tr_slot_id bias);
struct tr_tensor *tr__project_out(const struct tr__decoder *d, struct tr_tensor *x,
                                  const struct tr_routing *r, enum tr_slot_id id,
                                  enum tr_slot_id bias, struct tr_tensor *add);

/* Tell the model's watch, if it has one, that x goes into this weight: all of it, r NULL, or
 * into matrices of experts, by the rows that stand for positions or those that are theirs. */
enum tr__seen { TR__ALL_ROWS, TR__ROWS_OF_POSITIONS, TR__ROWS_OF_EXPERTS };
void tr__see(const struct tr__decoder *d, const struct tr_tensor *x, enum tr_slot_id id,
             const struct tr_routing *r, enum tr__seen rows);

/* Tell it that y came out, with `add` in it unless that is NULL. */
void tr__see_result(const struct tr__decoder *d, const struct tr_tensor *y,
                    const struct tr_tensor *add, enum tr_slot_id id);

/* The norm of the architecture with the weight in a slot; x if the model has none there.
 * `bias` TR_N_SLOT: it has no bias. */
struct tr_tensor *tr__norm(const struct tr__decoder *d, struct tr_tensor *x,
                           enum tr_slot_id w, enum tr_slot_id bias);

/* (n, embd) -> (n, embd): the MLP of the present block, added to `add` as tr_mixer says. */
struct tr_tensor *tr__mlp(struct tr__decoder *d, struct tr_tensor *x, struct tr_tensor *add);
/* The same of a block with experts, or with both. */
struct tr_tensor *tr__experts(struct tr__decoder *d, struct tr_tensor *x,
                              struct tr_tensor *add);
/* The activation of (n, 2 * width): columns of the gate, then those that it works on. */
struct tr_tensor *tr__activate_halves(const struct tr__decoder *d, struct tr_tensor *all);

/* Numbers that tokens give to each block: made in front of all, x the embeddings; and what
 * the present block adds to its result because of them. */
struct tr_tensor *tr__make_inputs(const struct tr__decoder *d, struct tr_tensor *x);
struct tr_tensor *tr__input(struct tr__decoder *d, struct tr_tensor *x,
                            struct tr_tensor *add);

/* What is kept of rows seen before, a block of memory a layer. */
struct tr__layer_cache {
    float *k, *v;     // (capacity, width)
    int64_t width, capacity;
    int64_t kept;     /* rows that a later one may look at, at most */
    int64_t n;        /* rows that are there: the last ones seen */
    float *state;     // (n_state) of a mixer that carries one; zeros at first
    int64_t n_state;
};

struct tr_cache {
    int64_t capacity, used; /* rows of a document: at most, seen so far */
    int64_t n_layer;
    struct tr__layer_cache *layer; // (n_layer)
};

/* Rows that are fed at once when generating. */
enum { TR__EXTEND_ROWS = 512 };

/* The state of the present block while generating, else NULL. */
static inline float *tr__state(const struct tr__decoder *d)
{
    return d->cache ? d->cache->layer[d->layer].state : NULL;
}

/* Store the new rows of the present layer behind the old ones; kv becomes all of them. */
void tr__cache_append(struct tr__decoder *d, struct tr__kv *kv);

/* All rows of an earlier layer, the new ones among them. */
struct tr__kv tr__cache_rows(struct tr__decoder *d, int64_t layer);

/* The n rows that all layers have appended are seen from now on. */
void tr__cache_commit(struct tr_cache *c, int64_t n);

#endif
