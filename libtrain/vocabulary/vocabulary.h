/* SPDX-License-Identifier: MIT
 *
 * The inner face of vocabulary/: what those who read vocabularies of others use of it beside
 * the installed header.
 */
#ifndef LIBTRAIN_VOCABULARY_VOCABULARY_H
#define LIBTRAIN_VOCABULARY_VOCABULARY_H

#include <libtrain/vocabulary/strings.h>

#endif
