/* SPDX-License-Identifier: MIT
 *
 * A file of torch.save (PyTorch 1.6 and newer: .bin, .pt, .pth) that holds a dictionary of
 * tensors: a zip of a pickle and of the numbers.
 */
#ifndef LIBTRAIN_HF_TORCH_H
#define LIBTRAIN_HF_TORCH_H

#include <libtrain/hf/pickle.h>

struct tr__torch;

struct tr__torch_tensor {
    const char *name; /* first member: names are looked up; distinct in a file */
    const struct tr__torch_type *type;
    int n_dim;
    int64_t dim[TR__TORCH_MAX_DIM];    /* row-major */
    int64_t stride[TR__TORCH_MAX_DIM]; /* in numbers of the storage */
    int64_t count, offset;             /* numbers; of the first in the storage */
    size_t entry;                      /* of the zip */
    int dense;                         /* 1: in the order of the shape, without gaps */
};

/* Check all of these bytes of a file but the numbers.  They and `path`, for messages, stay
 * the caller's until the close.  NULL, with a text that names the file and the tensor:
 * TR_EFORMAT, TR_EUNSUPPORTED, TR_ENOMEM. */
struct tr__torch *tr__torch_open(const unsigned char *base, uint64_t size, const char *path,
                                 struct tr_err *err) TR_MUST_CHECK;
void tr__torch_close(struct tr__torch *t);

size_t tr__torch_n(const struct tr__torch *t);
const struct tr__torch_tensor *tr__torch_at(const struct tr__torch *t, size_t i);

/* n numbers from element `first` (in the order of the shape), type->bytes each, to dst.
 * Any thread may call it. */
int tr__torch_read(struct tr__torch *t, const struct tr__torch_tensor *x, int64_t first,
                   int64_t n, void *dst, struct tr_err *err) TR_MUST_CHECK;

#endif
