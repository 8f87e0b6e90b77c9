/* SPDX-License-Identifier: MIT
 *
 * Small models of any architecture, from a line of keys (dev/models/keyed.h): the tensors
 * are those that it must have, in the shapes that the keys ask for, their numbers
 * tiny_model.c's formula.
 */
#ifndef TESTS_KEYED_MODEL_H
#define TESTS_KEYED_MODEL_H

#include "../../dev/models/shapes.h"

#include <libtrain/error.h>

/* keys: behind SMALL_KEYS; also: further tensors, with spaces; "": none
 * (dev/models/shapes.h). */
void keyed_model_write(const char *path, const char *arch, const char *keys,
                       const char *also);

/* A LoRA on every linear layer of the blocks of such a model but routers, of rank TINY_RANK
 * and alpha 8; its numbers the formula too. */
void keyed_adapter_write(const char *path, const char *arch, const char *keys,
                         const char *also);

/* A form (form_at). */
void form_write(const struct shape *f, const char *path);

/* The code of what is wrong with such keys, written to `path`; 0: nothing. */
int keyed_model_check(const char *path, const char *arch, const char *keys,
                      struct tr_err *err);

#endif
