/* SPDX-License-Identifier: MIT
 *
 * The tensors of a Hugging Face folder, in whatever form they are stored (hf/forms.def):
 * read-only, checked before anything is believed, and let go of as they are read, so that a
 * model of any size takes the memory of its names.  Format: docs/formats/safetensors.md.
 */
#ifndef LIBTRAIN_HF_FOLDER_H
#define LIBTRAIN_HF_FOLDER_H

#include <libtrain/dtype.h>
#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

enum { TR__HF_MAX_DIM = 8 };

struct tr__hf_tensor {
    const char *name;             /* terminated; any text without NUL */
    const struct tr_dtype *dtype; /* F32, F16 or BF16; NULL: another, which `type` names */
    const char *type;             /* as safetensors spells it: "F32", "F8_E4M3", "I64" */
    int bits;                     /* of one number of that type */
    int n_dim;                    /* 0: a single number */
    int64_t dim[TR__HF_MAX_DIM];  /* row-major; unused ones are 1, and any may be 0 */
    int64_t count;                /* numbers in it */
    size_t file;                  /* which it is in: tr__hf_path */
    int64_t begin;                /* where in it: the form's own */
    const void *own;              /* the form's own; nobody frees it but its close */
};

struct tr__hf_folder;

/* Open a folder with a model, in one file or in several that an index names, or one file
 * with tensors by itself, and check all but the numbers: what is there twice, where it
 * lies, its size.  Files that the index names are in the folder itself (they may be links:
 * the Hub's cache has only these).  NULL on failure, with file and place in err. */
struct tr__hf_folder *tr__hf_open(const char *path, struct tr_err *err) TR_MUST_CHECK;
void tr__hf_close(struct tr__hf_folder *f); /* NULL is allowed */

/* Tensors stand in the order of their files' names, and within a file as it tells them.
 * All that is handed out ends with the folder. */
size_t tr__hf_n_tensor(const struct tr__hf_folder *f);
const struct tr__hf_tensor *tr__hf_tensor(const struct tr__hf_folder *f, size_t i);
const struct tr__hf_tensor *tr__hf_find(const struct tr__hf_folder *f, const char *name);

size_t tr__hf_n_file(const struct tr__hf_folder *f);
const char *tr__hf_path(const struct tr__hf_folder *f, size_t file);

/* All numbers where they lie, one behind the other in the tensor's own type, to be read without a
 * copy; NULL if they lie in no map, or not at a multiple of 8 bytes.  tr__hf_forget lets go of
 * the pages of n of them. */
const void *tr__hf_mapped(const struct tr__hf_folder *f, const struct tr__hf_tensor *t);
void tr__hf_forget(const struct tr__hf_folder *f, const struct tr__hf_tensor *t,
                   int64_t first, int64_t n);

/* n numbers from number `first` on (row-major), in the tensor's own type, to dst; if they are
 * many, the pages they are on are let go.  Any thread may read.  Types of less than a byte are refused. */
int tr__hf_read(const struct tr__hf_folder *f, const struct tr__hf_tensor *t, int64_t first,
                int64_t n, void *dst, struct tr_err *err) TR_MUST_CHECK;

#endif
