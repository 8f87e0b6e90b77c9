/* SPDX-License-Identifier: MIT
 *
 * The inner face of edit/: tensors on their way into a file of another type.  Quantising,
 * merging and exporting (train/export.c) convert nothing by themselves.
 */
#ifndef LIBTRAIN_EDIT_EDIT_H
#define LIBTRAIN_EDIT_EDIT_H

#include <libtrain/extract.h>
#include <libtrain/gguf.h>
#include <libtrain/recipe.h>

/* 1 for a key that says which file of a model this is. */
int tr__is_part_key(const char *key);
/* Why nobody may set this key, by which a file is read; NULL: anyone may. */
const char *tr__key_is_fixed(const char *key);
/* What keys may grow by without a new file (amend.h): an array of bytes under this one.  Its
 * 8 letters and what frames them are 32 bytes, the least that there is too much of. */
#define TR__ROOM "edit.pad"
/* Where a checkpoint has its checksum over the whole file. */
#define TR__CHECKSUM "checkpoint.checksum"

/* llama.cpp's order of tensors, by block, then by name: below, equal to or above 0. */
int tr__by_block(const char *a, const char *b);
/* That of the files of a model. */
int tr__by_part(const struct tr_gguf_tensor *a, const struct tr_gguf_tensor *b);

/* 1 for a tensor that stays in its type whatever a model of this architecture becomes. */
int tr__keeps_type(const struct tr_gguf_tensor *t, const char *arch);

/* 0 if both are versions of one model: of the same architecture, with the same tensors, shapes
 * and vocabulary; else TR_EMISMATCH, naming both files and what differs. */
int tr__same_model(const struct tr_gguf *base, const struct tr_gguf *g,
                   struct tr_err *err) TR_MUST_CHECK;

/* The same but for tensors and shapes. */
int tr__same_family(const struct tr_gguf *base, const struct tr_gguf *g,
                    struct tr_err *err) TR_MUST_CHECK;

/* Name a recipe, and number it, by the type that most bytes are in. */
void tr__recipe_name(struct tr_recipe *r);

/* Declare all tensors of a recipe. */
void tr__recipe_declare(const struct tr_recipe *r, struct tr_gguf_writer *w);

/* Sums over the numbers that were looked at: of the squares of errors, and of numbers.  And
 * of all numbers those that are beyond the largest of the new type. */
struct tr__loss {
    double square, power;
    int64_t n, clipped;
};

/* Memory for what is converted between two writes, and what all conversions of a file have
 * in common. */
struct tr__slab {
    const char *path; /* of the source, for messages; the caller's */
    int64_t n;        /* numbers, a multiple of every block */
    enum tr__nonfinite { TR__REFUSE, TR__MAY_ALLOW, TR__ALLOW } nonfinite;
    void *packed;     /* what was written last */
    struct tr__loss *loss; /* to which is added what packing takes; NULL: nobody asks */
};

/* MAY_ALLOW refuses, and names --allow-nonfinite. */
int tr__slab_init(struct tr__slab *s, const char *path, int64_t n,
                  enum tr__nonfinite nonfinite, struct tr_err *err) TR_MUST_CHECK;
void tr__slab_release(struct tr__slab *s);

/* Numbers at … at + n - 1 of a tensor, wherever and in whatever type they are. */
struct tr__numbers {
    const struct tr_gguf_tensor *of; /* whose name and rows a message needs */
    int64_t at, n;                   /* whole blocks of both types */
    const struct tr_dtype *type;
    const void *data;
    const float *weight; // (row) of the columns of whole rows of one matrix; NULL: none
};

/* Add what was lost when these numbers were packed; where nothing is converted, nothing. */
void tr__loss_add(struct tr__loss *loss, const struct tr__numbers *x,
                  const struct tr_dtype *to, const void *packed);

/* Append them to the current tensor of w as `to`; n is at most that of the slab.  What is
 * not finite, before or after, is TR_EFORMAT. */
int tr__slab_write(struct tr__slab *s, struct tr_gguf_writer *w,
                   const struct tr__numbers *x, const struct tr_dtype *to,
                   struct tr_err *err) TR_MUST_CHECK;

/* The whole of a tensor of g, which is then forgotten (tr_gguf_forget), with weights of the
 * columns of each of its matrices, (matrices, row), or NULL. */
int tr__slab_copy(struct tr__slab *s, struct tr_gguf_writer *w, const struct tr_gguf *g,
                  const struct tr_gguf_tensor *t, const struct tr_dtype *to,
                  const float *weight, struct tr_err *err) TR_MUST_CHECK;

/* The whole of a tensor of g as it is, which is then forgotten. */
int tr__raw_copy(struct tr_gguf_writer *w, const struct tr_gguf *g,
                 const struct tr_gguf_tensor *t, struct tr_err *err) TR_MUST_CHECK;
/* Bytes of a file: of a tensor's data with what pads them, of a key, of what describes a
 * tensor.  The first 24 are the header; what stands in front of the data is padded too. */
int64_t tr__raw_padded(int64_t bytes);
int64_t tr__raw_key_bytes(const struct tr_gguf_kv *kv);
int64_t tr__raw_info_bytes(const struct tr_gguf_tensor *t);
/* TR_EIO if the folder of this path has no room for so many bytes. */
int tr__raw_room(const char *path, int64_t bytes, struct tr_err *err) TR_MUST_CHECK;

/* The factors of a tensor of n_matrix matrices (m, n). */
struct tr__factors {
    int64_t n_matrix, m, n, rank;
    float *a, *b;  // (n_matrix, rank, n), (n_matrix, m, rank)
    double lost;   /* squared norm of what is not in the product */
};

/* Of d (n_matrix, m, n), the rank as args say.  The caller frees a and b. */
int tr__factor(const float *d, const struct tr_extract_args *args, struct tr__factors *f,
               struct tr_err *err) TR_MUST_CHECK;

#endif
