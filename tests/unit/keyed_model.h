/* SPDX-License-Identifier: MIT
 *
 * Small models of any architecture, from a line of keys: the tensors are those that it must
 * have, in the shapes that the keys ask for, their numbers tiny_model.c's formula.
 */
#ifndef TESTS_KEYED_MODEL_H
#define TESTS_KEYED_MODEL_H

#include <libtrain/error.h>

#include <stdint.h>

enum { KEYED_VOCAB = 61, KEYED_CTX = 64 };

/* keys: "rope.scaling.type=yarn rope.scaling.factor=4.0 block_count=4", behind the name of
 * the architecture: whole numbers are u32, those with a point f32, "[1,2,0]" an array of
 * i32, "b[1,0]" one of bool, "true" a bool, the rest text; the later of two counts.
 * Without them 4 blocks of width 32, MLPs of 48, 4 heads that share 2 of keys, a context of
 * KEYED_CTX.  also: further tensors, with spaces, by suffix or
 * ("blk.1.attn_v.weight") for one block; "": none.  Factors of rope
 * are 1, 1.25, 1.5 …, the long ones twice that. */
/* Blocks that only predict further ahead have a tensor too. */
void keyed_model_write(const char *path, const char *arch, const char *keys,
                       const char *also);

/* A LoRA on every linear layer of the blocks of such a model, of rank TINY_RANK and alpha
 * 8; its numbers the formula too. */
void keyed_adapter_write(const char *path, const char *arch, const char *keys,
                         const char *also);

/* The code of what is wrong with such keys, written to `path`; 0: nothing. */
int keyed_model_check(const char *path, const char *arch, const char *keys,
                      struct tr_err *err);

#endif
