/* SPDX-License-Identifier: MIT
 *
 * Models of any architecture from a line of keys, for dev/mkmodel and the unit tests: what
 * the keys say, as metadata.  tr__each_spec has the tensors that they ask for.
 */
#ifndef DEV_MODELS_KEYED_H
#define DEV_MODELS_KEYED_H

#include <libtrain/model/model.h>

/* Words "rope.scaling.type=yarn rope.scaling.factor=4.0 block_count=4" as metadata, each
 * behind the name of the architecture: whole numbers are u32, those with a point or an
 * exponent f32, "[1,2,0]" an array of i32, "b[1,0]" one of bool, "true" a bool, the rest
 * text.  "eps" stands for what the architecture's norms add.  The later of two counts, in
 * the place of the first.  TR_EINVAL for a word that is no KEY=VALUE. */
int keyed_set(struct tr_gguf_writer *w, const struct tr_arch *arch, const char *words,
              struct tr_err *err) TR_MUST_CHECK;

/* The last value that the words give a key as a whole number, or -1. */
int64_t keyed_int(const char *words, const char *key);

/* The hyper-parameters that a file of these keys has, which is written to `path`; n_vocab
 * is the caller's.  tr__config_free them, after a failure too. */
int keyed_config(const char *path, const struct tr_arch *arch, const char *words,
                 int64_t n_vocab, struct tr_config *c, struct tr_err *err) TR_MUST_CHECK;

/* Sets n numbers of a tensor from `first` on if it is a table of factors of rope: 1, 1.25,
 * 1.5 …, for long contexts twice that. */
void keyed_factors(const struct tr_spec *t, int64_t first, int64_t n, float *v);

#endif
