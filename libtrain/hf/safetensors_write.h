/* SPDX-License-Identifier: MIT
 *
 * Files of safetensors, written: all tensors are declared, then their numbers come in the
 * order that the writer asks for, which is the order that they have in the files: by type,
 * F32, BF16, F16, and by the bytes of their names, as the safetensors library has them.
 * Files and index are all complete, and read back, before any takes its name.  The bytes
 * depend on the declarations and numbers alone.
 */
#ifndef LIBTRAIN_HF_SAFETENSORS_WRITE_H
#define LIBTRAIN_HF_SAFETENSORS_WRITE_H

#include <libtrain/dtype.h>
#include <libtrain/error.h>
#include <libtrain/progress.h>

#include <stddef.h>
#include <stdint.h>

struct tr__hf_writer;

/* Files STEM.safetensors in this folder, which is there; or, if that would have more than
 * shard_bytes bytes of numbers (0: any number), STEM-00001-of-00003.safetensors … and
 * STEM.safetensors.index.json, cut in the order of the declarations.  `format` is the
 * metadata's: "pt" or "mlx".  NULL on failure. */
struct tr__hf_writer *tr__hf_create(const char *folder, const char *stem,
                                    const char *format, int64_t shard_bytes,
                                    struct tr_err *err) TR_MUST_CHECK;

/* Declare tensor 0, 1, …: F32, F16 or BF16, row-major, of up to eight dimensions.  The
 * writer copies the name; one that comes twice fails at the first tr__hf_next. */
void tr__hf_declare(struct tr__hf_writer *w, const char *name, const struct tr_dtype *dtype,
                    int n_dim, const int64_t *dim);
/* Tell *p, of which the writer keeps a copy, after each piece: bytes of all numbers. */
void tr__hf_watch(struct tr__hf_writer *w, const struct tr_progress *p);

/* The tensor whose numbers are to come next, once those of the last one are complete; the
 * number of tensors behind the last; below 0: an error. */
int64_t tr__hf_next(struct tr__hf_writer *w, struct tr_err *err) TR_MUST_CHECK;
/* Its numbers, in one piece or several. */
int tr__hf_write(struct tr__hf_writer *w, const void *data, int64_t bytes,
                 struct tr_err *err) TR_MUST_CHECK;

/* The end: if rc, what came of it so far, is 0, all files take their names, the index last;
 * else nothing is left.  Frees the writer.  TR_EMISMATCH if the folder holds a file that
 * would be taken for the model instead of these (a single one beside shards). */
int tr__hf_finish(struct tr__hf_writer *w, int rc, struct tr_err *err) TR_MUST_CHECK;

#endif
