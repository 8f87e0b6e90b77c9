/* SPDX-License-Identifier: MIT
 *
 * Models of two layers whose every number is a formula of its name and index, a multiple of
 * a power of two, so that dev/reference.py makes the same bits for PyTorch.  What is made
 * here is written as files, since the library reads files.
 */
#ifndef TESTS_TINY_MODEL_H
#define TESTS_TINY_MODEL_H

#include <libtrain/pack.h>

#include <stdint.h>

enum { TINY_VOCAB = 61, TINY_WIDTH = 32, TINY_LAYERS = 2, TINY_CTX = 24, TINY_FF = 48,
       TINY_RANK = 4 };

struct tiny_weight {
    const char *name; /* of a layer's, without "blk.N." */
    int in_layer, linear;
    int n_dim;
    int64_t dim[2]; /* row-major */
};

struct tiny {
    const char *name, *arch;
    const struct tiny_weight *weight; /* ends with a NULL name */
};

/* gpt2: tied; llama: untied, grouped heads; llama3: tied, rope factors. */
extern const struct tiny tiny_gpt2, tiny_llama, tiny_llama3;

/* 32 mixed bits for element i of what has this name. */
uint32_t tiny_bits(const char *name, int64_t i);
/* The numbers of a tensor. */
void tiny_numbers(const char *name, float *v, int64_t n);
void tiny_tokens(int32_t *id, int64_t n);

void tiny_model_write(const struct tiny *t, const char *path);
/* A LoRA on every linear layer of the blocks, alpha 8; with b = 0 if so asked. */
void tiny_adapter_write(const struct tiny *t, const char *path, int b_zero);

/* A pack with one sequence for each of `rows` documents of `cols` ids. */
void tiny_pack_write(const char *path, int64_t rows, int64_t cols, const int32_t *id,
                     uint32_t n_vocab);
/* tiny_pack_write of rows documents of TINY_CTX + 1 of the tokens of the formula. */
void tiny_data_write(const char *path, int64_t rows);

#endif
