/* SPDX-License-Identifier: MIT
 *
 * A model of blocks of several: what it is made of, its keys, its tensors.
 */
#ifndef LIBTRAIN_EDIT_STACK_H
#define LIBTRAIN_EDIT_STACK_H

#include <libtrain/merge.h>

enum { TR__MOST_BLOCKS = 1 << 14, TR__MOST_PATTERNS = 64 };

/* Where a block comes from. */
struct tr__stack_block {
    int model; /* 0: the base */
    int64_t block;
};

/* Tensors outside of blocks. */
struct tr__stack_pattern {
    int model;
    char pattern[64];
};

struct tr__stack {
    const struct tr_gguf *base;
    const struct tr_merge_models_args *args;
    int64_t n_block;
    struct tr__stack_block *block; // (n_block)
    size_t n_pattern;
    struct tr__stack_pattern pattern[TR__MOST_PATTERNS]; /* the last that matches counts */
};

/* The file of a model, and how many blocks it says that it has (TR_EFORMAT if it does not).
 * */
const struct tr_gguf *tr__stack_file(const struct tr__stack *s, int model);
int tr__stack_blocks(const struct tr_gguf *g, int64_t *n, struct tr_err *err) TR_MUST_CHECK;

/* Read args->layers; release in either case. */
int tr__stack_read(struct tr__stack *s, struct tr_err *err) TR_MUST_CHECK;
void tr__stack_release(struct tr__stack *s);

/* 0 if the keys of the models that blocks are from say the same, but for what is said of
 * each block; or TR_EMISMATCH, naming both files and the key. */
int tr__stack_check_keys(const struct tr__stack *s, struct tr_err *err) TR_MUST_CHECK;
/* Set the number of blocks, and arrays with a value for each. */
int tr__stack_set_keys(const struct tr__stack *s, struct tr_gguf_writer *w,
                       struct tr_err *err) TR_MUST_CHECK;

#endif
