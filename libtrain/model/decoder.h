/* SPDX-License-Identifier: MIT
 *
 * What the parts of a forward pass share: the run they belong to, weights in use, and each
 * other's result.  decoder.c puts them together.
 */
#ifndef LIBTRAIN_MODEL_DECODER_H
#define LIBTRAIN_MODEL_DECODER_H

#include <libtrain/model/model.h>

struct tr__decoder {
    struct tr_model *m;
    struct tr_tape *tp;
    const struct tr_batch *batch;
    struct tr_cache *cache; /* NULL unless generating */
    struct tr_tensor cached[2]; /* keys and values of the present layer */
    int64_t layer;
};

/* The tensor in a slot of the present layer, or NULL where the model has none. */
struct tr_tensor *tr__tensor(const struct tr__decoder *d, enum tr_slot_id id);

/* x w^T + bias + add, and what the adapters add: scale * (x a^T) b^T each.  `add` may be
 * NULL. */
struct tr_tensor *tr__project(const struct tr__decoder *d, struct tr_tensor *x,
                              enum tr_slot_id id, enum tr_slot_id bias,
                              struct tr_tensor *add);

/* (n, embd) -> (n, heads * head_dim): attention without its output projection. */
struct tr_tensor *tr__attend(struct tr__decoder *d, struct tr_tensor *x);

/* (n, embd) -> (n, ff): the MLP without its output projection. */
struct tr_tensor *tr__mlp(const struct tr__decoder *d, struct tr_tensor *x);

/* Keys and values of rows seen before; `used` of `capacity` rows are there. */
struct tr_cache {
    int64_t capacity, used, width;
    float *kv; // (n_layer, 2, capacity, width)
};

/* Store the new rows of the present layer behind the old ones; k and v become all of them. */
void tr__cache_append(struct tr__decoder *d, struct tr_tensor **k, struct tr_tensor **v);

#endif
