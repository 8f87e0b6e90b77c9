/* SPDX-License-Identifier: MIT: what documents of training data may say beside their tokens */
#ifndef LIBTRAIN_DATA_DOCUMENT_H
#define LIBTRAIN_DATA_DOCUMENT_H

#include <stddef.h>

/* The first of n weights that is none (not finite, or below 0), or n. */
size_t tr__bad_weight(const float *weight, size_t n);

/* 1 if these n bytes name a group: 1 to TR_TOKEN_MAX_GROUP of UTF-8 without control
 * characters. */
int tr__is_group(const char *name, size_t n);

#endif
