/* SPDX-License-Identifier: MIT
 *
 * Arrays for NumPy: a .npy file, or several of them in one archive, .npz.  Formats:
 * numpy.lib.format version 1.0, APPNOTE.TXT 6.3 with zip64, entries stored as they are.  They
 * are written front to back and hold no dates, so that the same arrays give the same bytes.
 */
#ifndef LIBTRAIN_PERSONALIZE_NPZ_H
#define LIBTRAIN_PERSONALIZE_NPZ_H

#include <libtrain/file.h>

struct tr__npy {
    const char *type; /* "<f4", "<i4", "<i8" */
    int n_dim;        /* 1 or 2 */
    int64_t dim[2];   /* row-major */
    const void *data; /* the caller's */
};

/* Write the array to a file, or to `path` as all there is in it. */
int tr__npy_write(struct tr_out *out, const struct tr__npy *a, struct tr_err *err) TR_MUST_CHECK;
int tr__npy_save(const char *path, const struct tr__npy *a, struct tr_err *err) TR_MUST_CHECK;

/* An archive: arrays by name, which are read back as load(path)[name].  The end writes the
 * directory and frees it, if rc, what came of it so far, is 0; else nothing is left. */
struct tr__npz;
struct tr__npz *tr__npz_new(const char *path, struct tr_err *err) TR_MUST_CHECK;
int tr__npz_add(struct tr__npz *z, const char *name, const struct tr__npy *a,
                struct tr_err *err) TR_MUST_CHECK;
int tr__npz_finish(struct tr__npz *z, int rc, struct tr_err *err) TR_MUST_CHECK;

/* ---- reading (npz_read.c) ----------------------------------------------------------- */

struct tr__npy_shape {
    char type[4]; /* "<f4" */
    int n_dim;
    int64_t dim[2]; /* as in struct tr__npy; dim[1] is 1 with one dimension */
};

/* An archive that is there; path stays the caller's until the close.  TR_EIO, TR_EFORMAT. */
struct tr__npz_in *tr__npz_open(const char *path, struct tr_err *err) TR_MUST_CHECK;
void tr__npz_close(struct tr__npz_in *z);
/* The name of its file number i with its ending, "blk.0.ffn_up.in.npy"; NULL behind the last. */
const char *tr__npz_name(const struct tr__npz_in *z, int64_t i);
int tr__npz_has(const struct tr__npz_in *z, const char *name);

/* An array of this type and shape, whose rows are read one after the other; dim[0] < 0: of as
 * many as there are.  NULL: TR_EFORMAT, TR_EMISMATCH for another shape. */
struct tr__npz_array *tr__npz_array_open(const struct tr__npz_in *z, const char *name,
                                         const struct tr__npy_shape *want,
                                         struct tr_err *err) TR_MUST_CHECK;
const struct tr__npy_shape *tr__npz_shape(const struct tr__npz_array *a);
/* The next rows, of which there must be so many; with the last ones the checksum is compared. */
int tr__npz_read(struct tr__npz_array *a, void *to, int64_t rows,
                 struct tr_err *err) TR_MUST_CHECK;
void tr__npz_array_close(struct tr__npz_array *a);

#endif
