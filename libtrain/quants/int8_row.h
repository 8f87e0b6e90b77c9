/* SPDX-License-Identifier: MIT
 *
 * A row of signed bytes, what dot_int8 of a type (dtype.h) multiplies: 32 numbers under one
 * scale.
 */
#ifndef LIBTRAIN_QUANTS_INT8_ROW_H
#define LIBTRAIN_QUANTS_INT8_ROW_H

#include <stdint.h>

struct tr__int8_row {
    const int8_t *q;    // (n)
    const float *d32, *d16;     // (n / 32), (n / 16) x = d q
    const float *sum32, *sum16; // (n / 32), (n / 16) of d q over so many numbers
};

/* Bytes for a row of n numbers, and to pack it there, with zeros up to a multiple of 256; n is
 * a multiple of 32, `room` aligned to 64. */
int64_t tr__int8_room(int64_t n);
struct tr__int8_row tr__int8_pack(const float *x, int64_t n, void *room);

#endif
