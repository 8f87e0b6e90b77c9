/* SPDX-License-Identifier: MIT
 *
 * The inner face of lora/: adapters of numbers that come from elsewhere than our files.
 */
#ifndef LIBTRAIN_LORA_LORA_H
#define LIBTRAIN_LORA_LORA_H

#include <libtrain/lora.h>

/* An adapter without pairs, with room for so many.  tr_lora_free. */
struct tr_lora *tr__lora_make(size_t max_pairs, float alpha, struct tr_err *err) TR_MUST_CHECK;

/* One more pair, for the base's weight `name`, in the order of its file: a and b as lora.h
 * has them, malloc'ed, become the adapter's, also if it fails.  TR_EUNSUPPORTED for a
 * weight that takes no pair. */
int tr__lora_take(struct tr_lora *l, const struct tr_model *base, const char *name,
                  int rank, float *a, float *b, struct tr_err *err) TR_MUST_CHECK;

#endif
