/* SPDX-License-Identifier: MIT
 *
 * A state dictionary in Python's pickle format, protocols 2 to 5: names of tensors and
 * where their numbers lie.  Format: the comments in the source of Python's pickletools.
 *
 * A pickle is a program that may call anything.  This reader knows the instructions and
 * names that torch.save writes for a dictionary of tensors and refuses every other by its
 * name, so nothing that a stranger wrote can run.
 */
#ifndef LIBTRAIN_HF_PICKLE_H
#define LIBTRAIN_HF_PICKLE_H

#include <libtrain/dtype.h>
#include <libtrain/gguf.h>

/* A type of storage. */
struct tr__torch_type {
    const char *storage; /* "FloatStorage" */
    const char *type;    /* as safetensors has it: "F32" */
    const struct tr_dtype *dtype; /* NULL: not one that we compute with */
    int bytes;           /* of a number */
};

enum { TR__TORCH_MAX_DIM = 8 };

struct tr__pickled { /* a tensor */
    const char *name; /* terminated, UTF-8 as far as Python wrote it */
    const struct tr__torch_type *type;
    struct tr_str storage;   /* its key: bytes of the pickle */
    int64_t n_storage;       /* numbers in it, as it says; >= 0 */
    int64_t offset;          /* of the first number; >= 0 */
    int n_dim;
    int64_t dim[TR__TORCH_MAX_DIM], stride[TR__TORCH_MAX_DIM]; /* >= 0, in numbers */
};

struct tr__pickle {
    struct tr__pickled *tensor; /* in the order of the dictionary */
    size_t n;
    char *names;
};

/* Read a pickle of n bytes; `path` is for messages, which say the byte and the instruction.
 * 0, TR_EFORMAT, TR_EUNSUPPORTED (a name or an instruction that is not known here) or
 * TR_ENOMEM.  The memory is at most a small multiple of the bytes.  Release in any case. */
int tr__pickle_read(const unsigned char *bytes, uint64_t n, const char *path,
                    struct tr__pickle *out, struct tr_err *err) TR_MUST_CHECK;
void tr__pickle_release(struct tr__pickle *p);

#endif
