/* SPDX-License-Identifier: MIT
 *
 * The difference of two models as an adapter for the first: of each linear layer the change
 * D = tuned - base, and of it the part of least rank that is nearest to it (Eckart and Young
 * 1936), from its singular values.
 */
#ifndef LIBTRAIN_EXTRACT_H
#define LIBTRAIN_EXTRACT_H

#include <libtrain/lora.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_extract_args {
    const char *targets; /* as of tr_lora_new; NULL: "all-linear" */
    int rank;            /* of each pair, at most the shorter side of its matrix; 0: */
    double energy;       /* in (0, 1]: the least rank that has this share of |D|^2 */
    struct tr_progress progress; /* in numbers of the model */
};

/* What became of the change of one tensor of the base. */
struct tr_extract_loss {
    const struct tr_gguf_tensor *tensor; /* of the base */
    double base, change, lost; /* |W|^2, |D|^2, and of that what is not in the adapter */
    int rank;                  /* of the pair; 0: there is none */
};

/* An adapter for the base, whose scale is 1 where it has no other rank than the largest one
 * (lora.h), and *loss, an array for all tensors of the base in the order of its file, which
 * the caller frees.  Both files are unpacked, whatever their types are, a matrix at a time.
 * TR_EMISMATCH if they are no versions of one model, or if no linear layer differs. */
struct tr_lora *tr_extract(const struct tr_model *base, const struct tr_gguf *tuned,
                           const struct tr_extract_args *args, struct tr_extract_loss **loss,
                           struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
