/* SPDX-License-Identifier: MIT: what the files of importance matrices share */
#ifndef LIBTRAIN_EDIT_IMATRIX_H
#define LIBTRAIN_EDIT_IMATRIX_H

#include <libtrain/base/base.h>
#include <libtrain/gguf.h>
#include <libtrain/imatrix.h>

struct tr__im_entry {
    const char *name; /* malloc'ed; the first member, for tr__names */
    struct tr_imatrix_entry told;
    const unsigned char *sum; /* f32 as they stand in the file, at any address */
    float *mean;
    double *count;
};

struct tr_imatrix {
    char *path;
    struct tr_imatrix_info info;
    struct tr__im_entry *entry;
    size_t cap;
    struct tr__names index;
    char **dataset;
    size_t cap_dataset;
    int old; /* sums are means times chunks */
    /* one of them */
    struct tr_gguf *g;
    void *map;
    uint64_t map_bytes;
    struct tr__map *note;
};

/* What each form is read by (imatrix_gguf.c, imatrix_old.c); the second finds the file in
 * im->map. */
int tr__imatrix_read_gguf(struct tr_imatrix *im, struct tr_err *err) TR_MUST_CHECK;
int tr__imatrix_read_old(struct tr_imatrix *im, struct tr_err *err) TR_MUST_CHECK;

/* Append an entry (its name is copied): n_mat * row sums of squares at `sum`, of which the
 * counts are (n_mat).  Refuses numbers that no sum and no count can be. */
struct tr__im_found {
    struct tr_str name;
    int64_t n_mat, row;
    const void *sum, *count; /* f32 at any address */
};
int tr__imatrix_add(struct tr_imatrix *im, const struct tr__im_found *f,
                    struct tr_err *err) TR_MUST_CHECK;
int tr__imatrix_add_dataset(struct tr_imatrix *im, struct tr_str name,
                            struct tr_err *err) TR_MUST_CHECK;

/* The end of im->map, if there is one. */
void tr__imatrix_unmap(struct tr_imatrix *im);

struct tr__im_sums {
    const char *name; /* malloc'ed; the first member, for tr__names */
    int64_t n_mat, row;
    double *sum;      // (n_mat, row)
    double *count;    // (n_mat)
};

struct tr_imatrix_sums {
    struct tr__im_sums *entry;
    size_t n, cap;
    struct tr__names index;
    char **dataset;
    size_t n_dataset, cap_dataset;
    int output; /* see tr_imatrix_sums_watch */
    struct tr_err err;
};

/* The sums of a tensor, zeros if they are new; NULL and TR_EMISMATCH or TR_ENOMEM if that cannot
 * be.  Counts of one matrix become those of n_mat, and the other way round if all are equal. */
struct tr__im_sums *tr__imatrix_sums_of(struct tr_imatrix_sums *s, const char *name,
                                        int64_t n_mat, int64_t row, struct tr_err *err);
void tr__imatrix_sums_sort(struct tr_imatrix_sums *s);

/* Number i at an address that may be odd. */
static inline float tr__imatrix_number(const void *numbers, int64_t i)
{
    float v;
    memcpy(&v, (const char *)numbers + i * (int64_t)sizeof v, sizeof v);
    return v;
}

#endif
