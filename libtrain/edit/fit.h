/* SPDX-License-Identifier: MIT
 *
 * Between fit.c and fit_error.c: what one tensor would be in each type.
 */
#ifndef LIBTRAIN_EDIT_FIT_H
#define LIBTRAIN_EDIT_FIT_H

#include <libtrain/edit/weights.h>

struct tr__option {
    const struct tr_dtype *type;
    int64_t bytes; /* in the file, with what pads them */
    double error;  /* expected sum of squares over the tensor, weighted */
};

enum { TR__MAX_OPTION = 64 };

/* Rows of a tensor that stand for all, and memory to pack them in. */
struct tr__sample {
    const struct tr_gguf_tensor *of;
    int64_t n, row;        /* rows */
    float *x, *back;       // (n, row) as they are, and as they come back
    void *packed;
    const float **weight;  // (n) of (row): of the matrix of each; NULL: all the same
    double *error;         // (n)
    double usual;          /* weight of a column of which nothing is known */
};

/* TR_ENOMEM if there is no room.  tr__sample_free in either case. */
int tr__sample_take(struct tr__sample *s, const struct tr_gguf_tensor *t,
                    const float *weight, double usual, struct tr_err *err) TR_MUST_CHECK;
void tr__sample_free(struct tr__sample *s);

/* What packing as `type` costs the whole tensor; infinite if it does not come back. */
double tr__sample_error(struct tr__sample *s, const struct tr_dtype *type);

#endif
