/* SPDX-License-Identifier: MIT
 *
 * Which pieces make the words most probable.
 */
#ifndef LIBTRAIN_VOCABULARY_ROUNDS_H
#define LIBTRAIN_VOCABULARY_ROUNDS_H

#include <libtrain/progress.h>
#include <libtrain/vocabulary/pieces.h>

/* Take pieces away until there are a tenth more than `wanted`, if there were so many.  The
 * first n_symbol, each symbol of the words once, stay.  Scores are how frequent a piece is
 * at first, log p in the end. */
int tr__rounds(const struct tr__words *words, struct tr__pieces *p, size_t n_symbol,
               size_t wanted, const struct tr_progress *progress,
               struct tr_err *err) TR_MUST_CHECK;

#endif
