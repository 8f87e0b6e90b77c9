/* SPDX-License-Identifier: MIT
 *
 * Blocks that predict further tokens: their names in a folder.
 */
#ifndef LIBTRAIN_HF_AHEAD_H
#define LIBTRAIN_HF_AHEAD_H

#include <libtrain/hf/map.h>

/* 1 if the family's table has them; f: a tensor that the first of them cannot lack. */
int tr__hf_has_ahead(const struct tr__hf_arch *a, struct tr__hf_found *f);
/* 1 if a tensor is of such a block: of the n_ahead behind n_layer, or "mtp." */
int tr__hf_is_ahead(const char *name, int64_t n_layer, int64_t n_ahead);
/* The name that the table has for it: `to`, or `name` itself. */
const char *tr__hf_ahead_in(const struct tr__hf_sizes *s, const char *name,
                            char to[TR__HF_NAME_BYTES]);
/* And back, in place. */
void tr__hf_ahead_out(const struct tr__hf_arch *a, const struct tr__hf_sizes *s,
                      char name[TR__HF_NAME_BYTES]);

#endif
