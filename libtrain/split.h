/* SPDX-License-Identifier: MIT
 *
 * A model in several files, PREFIX-00001-of-00003.gguf and so on, as llama.cpp writes them:
 * cutting one, joining one, and writing any.  Reading: tr_gguf_open of the first.
 */
#ifndef LIBTRAIN_SPLIT_H
#define LIBTRAIN_SPLIT_H

#include <libtrain/gguf.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_split_args {
    int64_t max_tensors;  /* in one part; 0: max_bytes counts */
    int64_t max_bytes;    /* of one part's tensors, with what they are padded with */
    int no_tensor_first;  /* the first part has the keys alone */
    struct tr_progress progress; /* bytes of tensors */
};

struct tr_split {
    size_t n;       /* parts */
    size_t *first;  /* (n + 1) part i has the tensors first[i] … first[i + 1] - 1 */
    int64_t *bytes; /* (n) of the files */
};

/* Which tensors go where: in their order, by llama-gguf-split's rule, so that a tensor
 * larger than max_bytes is a part by itself, but for the first, which is refused.  NULL on
 * failure; release with tr_split_free, which takes NULL. */
struct tr_split *tr_split_plan(const struct tr_gguf *g, const struct tr_split_args *args,
                               struct tr_err *err) TR_MUST_CHECK;
void tr_split_free(struct tr_split *s);

/* Write the parts, byte for byte llama-gguf-split's (but of a file that is aligned to other
 * than 32 bytes).  All of them are complete before the first takes its name. */
int tr_split_write(const struct tr_gguf *g, const struct tr_split *s,
                   const struct tr_split_args *args, const char *prefix,
                   struct tr_err *err) TR_MUST_CHECK;

/* Write a model that is in parts as one file, byte for byte what llama-gguf-split --merge
 * makes of it.  One that is in one file and does not say part 1 of 1 is refused. */
int tr_split_merge(const struct tr_gguf *g, const struct tr_progress *progress,
                   const char *path, struct tr_err *err) TR_MUST_CHECK;

/* ---- writing parts of any model --------------------------------------------------- */

/* TR_EIO if the file at `path`, should there be one, is one of those that g is in. */
int tr_parts_check(const struct tr_gguf *g, const char *path,
                   struct tr_err *err) TR_MUST_CHECK;

struct tr_parts;

/* Begin n parts with n_tensor tensors in all.  NULL on failure. */
struct tr_parts *tr_parts_new(const char *prefix, int64_t n, int64_t n_tensor,
                              struct tr_err *err) TR_MUST_CHECK;
/* The writer of the next part, which stays the struct's; the one before must have all its
 * data and is completed.  Keys of the model belong in the first part alone. */
struct tr_gguf_writer *tr_parts_next(struct tr_parts *p, struct tr_err *err) TR_MUST_CHECK;
/* Set the keys that say which part it is, behind those that it has: split.no, split.count
 * and split.tensors.count, llama-quantize's order.  count_last: llama-gguf-split's. */
void tr_parts_set_keys(struct tr_parts *p, int count_last);
/* The end: complete the last and give all of them their names if rc, what came of it so
 * far, is 0, else discard them and return rc.  The first gets its name last, since it is
 * the one that is opened.  Frees p. */
int tr_parts_finish(struct tr_parts *p, int rc, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
