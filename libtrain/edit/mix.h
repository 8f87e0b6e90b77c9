/* SPDX-License-Identifier: MIT
 *
 * A walk over the tensors of a model that gives each its type in a mixture (recipe.h).
 * What one gets may depend on how many of its kind came before it, so the walk goes in
 * llama.cpp's order, tr__by_block, and leaves out those that are settled otherwise.
 */
#ifndef LIBTRAIN_EDIT_MIX_H
#define LIBTRAIN_EDIT_MIX_H

#include <libtrain/gguf.h>
#include <libtrain/recipe.h>

/* Kinds of matrices, told by their names; the last for all that is none of the others. */
enum tr__kind {
    TR__KIND_OUTPUT, TR__KIND_TOKENS, TR__KIND_V, TR__KIND_K, TR__KIND_Q, TR__KIND_ATTN_OUT,
    TR__KIND_UP, TR__KIND_GATE, TR__KIND_DOWN, TR__KIND_OTHER, TR__N_KIND
};

enum tr__kind tr__kind_of(const char *tensor);

/* general.architecture, as much of it as there is room for; "" if there is none. */
void tr__arch_name(char *text, size_t size, const struct tr_gguf *g);

struct tr__mix_walk {
    const struct tr_mix *mix;
    unsigned facts;     /* what is so for all tensors */
    int tied;           /* there is no output but the table of tokens */
    int by_name;        /* layers are told by names, since experts are in no order */
    int64_t n_layer;    /* of the MLPs */
    int64_t n_value;    /* tensors of kind V */
    int64_t n[TR__N_KIND]; /* of each kind, so far */
    char arch[64];
};

/* `weighted`: there is an importance matrix. */
void tr__mix_begin(struct tr__mix_walk *w, const struct tr_mix *mix,
                   const struct tr_gguf *g, int weighted);

/* The type of the next tensor, before anything is done about rows that do not fit it. */
const struct tr_dtype *tr__mix_next(struct tr__mix_walk *w, const struct tr_gguf_tensor *t);

#endif
