/* SPDX-License-Identifier: MIT: what documents may say beside their tokens */
#ifndef LIBTRAIN_DATA_DOCUMENT_H
#define LIBTRAIN_DATA_DOCUMENT_H

#include <libtrain/token.h>

#include <stddef.h>

/* The first of n weights that is none (not finite, or below 0 where signs do not count), or
 * n. */
size_t tr__bad_weight(const float *weight, size_t n, int is_signed);
/* 1 if a rival may begin there: both documents have two tokens at least. */
int tr__is_rival(size_t rival, size_t n);

/* 1 if these n bytes name a group: 1 to TR_TOKEN_MAX_GROUP of UTF-8 without control
 * characters. */
int tr__is_group(const char *name, size_t n);

/* A document with arrays of its own, which grow; {0} at first. */
struct tr__kept {
    struct tr_document d;
    uint32_t *token;
    float *weight;
    size_t token_cap, weight_cap;
    char group[TR_TOKEN_MAX_GROUP + 1];
};

int tr__keep_document(struct tr__kept *k, const struct tr_document *d,
                      struct tr_err *err) TR_MUST_CHECK;
void tr__release_kept(struct tr__kept *k);

#endif
