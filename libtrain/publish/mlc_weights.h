/* SPDX-License-Identifier: MIT
 *
 * The tensors of a GGUF on their way into a bundle.
 */
#ifndef LIBTRAIN_PUBLISH_MLC_WEIGHTS_H
#define LIBTRAIN_PUBLISH_MLC_WEIGHTS_H

#include <libtrain/publish/mlc_bundle.h>
#include <libtrain/publish/mlc_families.h>

struct tr__mlc_weights {
    const struct tr_gguf *g;
    const struct tr__mlc_family *family;
    const struct tr__mlc_quant *quant;
    const struct tr_progress *progress; /* numbers */
    int tie; /* the output matrix is left out: it is the token table */
};

/* Write all of them into the folder, with their index. */
int tr__mlc_weights(const struct tr__mlc_weights *w, struct tr__folder *folder,
                    struct tr_err *err) TR_MUST_CHECK;

/* The token table, or the output matrix if that is stored in a finer type. */
const struct tr_gguf_tensor *tr__mlc_finer(const struct tr_gguf *g);
/* 1 if they are the same numbers but for rounding, in every row. */
int tr__mlc_looks_tied(const struct tr_gguf *g);

#endif
