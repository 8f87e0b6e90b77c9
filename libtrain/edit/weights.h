/* SPDX-License-Identifier: MIT
 *
 * The importance matrix of a quantisation: those of its entries that are to be used.
 */
#ifndef LIBTRAIN_EDIT_WEIGHTS_H
#define LIBTRAIN_EDIT_WEIGHTS_H

#include <libtrain/edit/regexes.h>
#include <libtrain/gguf.h>
#include <libtrain/quantize.h>

struct tr__weights {
    const struct tr_imatrix *im; /* NULL: none */
    struct tr__regexes only, except;
    int has_only;
    size_t n; /* entries that are used; 0 is as good as no matrix */
};

/* tr__weights_end in either case. */
int tr__weights_begin(struct tr__weights *w, const struct tr_quantize_weights *args,
                      struct tr_err *err) TR_MUST_CHECK;
void tr__weights_end(struct tr__weights *w);

/* Of each matrix of the tensor the weights of its columns: (matrices, row); NULL if there are
 * none, or, with TR_EMISMATCH in err, of another size. */
const float *tr__weights_of(const struct tr__weights *w, const struct tr_gguf_tensor *t,
                            struct tr_err *err);

/* What llama-quantize writes about it. */
void tr__weights_keys(const struct tr__weights *w, struct tr_gguf_writer *to);

#endif
