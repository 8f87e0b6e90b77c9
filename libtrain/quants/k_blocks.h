/* SPDX-License-Identifier: MIT
 *
 * Blocks of the K-quants: super-blocks of 256 numbers.  Layouts:
 * docs/formats/quantisation.md.
 */
#ifndef LIBTRAIN_QUANTS_K_BLOCKS_H
#define LIBTRAIN_QUANTS_K_BLOCKS_H

#include <stdint.h>

struct q2_k {
    uint8_t scale[16]; /* of group g: scale in the low, minimum in the high nibble */
    uint8_t q[64];
    uint8_t d[2], min[2];
};

struct q3_k {
    uint8_t high[32];
    uint8_t q[64];
    uint8_t scale[12];
    uint8_t d[2];
};

struct q4_k {
    uint8_t d[2], min[2];
    uint8_t scale[12];
    uint8_t q[128];
};

struct q5_k {
    uint8_t d[2], min[2];
    uint8_t scale[12];
    uint8_t high[32];
    uint8_t q[128];
};

struct q6_k {
    uint8_t q[128];
    uint8_t high[64];
    int8_t scale[16];
    uint8_t d[2];
};

void tr__q2_k_from_f32(const float *src, void *dst, int64_t n);
void tr__q2_k_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__q3_k_from_f32(const float *src, void *dst, int64_t n);
void tr__q3_k_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__q4_k_from_f32(const float *src, void *dst, int64_t n);
void tr__q4_k_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__q5_k_from_f32(const float *src, void *dst, int64_t n);
void tr__q5_k_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__q6_k_from_f32(const float *src, void *dst, int64_t n);
void tr__q6_k_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);

#endif
