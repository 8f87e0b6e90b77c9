/* SPDX-License-Identifier: MIT
 *
 * Blocks of the IQ types that take their numbers from a grid; 256 numbers each.  Which point
 * and which signs belong to which numbers: iq1.c, iq2.c and iq3.c.
 */
#ifndef LIBTRAIN_QUANTS_IQ_BLOCKS_H
#define LIBTRAIN_QUANTS_IQ_BLOCKS_H

#include <stdint.h>

struct iq1_s {
    uint8_t d[2];
    uint8_t q[32];   /* the lower eight bits of each point */
    uint8_t h[8][2]; /* of 32 numbers: 4 × the upper three, s, and whether down */
};

struct iq1_m {
    uint8_t q[32];   /* the lower eight bits of each point */
    uint8_t h[16];   /* of two points: the upper three bits and whether down, each */
    uint8_t s[4][2]; /* 4 × three bits s, and four of the scale, the lowest in the first */
};

struct iq2_xxs {
    uint8_t d[2];
    uint8_t q[8][8]; /* of 32 numbers: four points, then 4 × 7 signs and s in 32 bits */
};

struct iq2_xs {
    uint8_t d[2];
    uint8_t q[32][2]; /* nine bits of a point, seven of signs */
    uint8_t s[8];
};

struct iq2_s {
    uint8_t d[2];
    uint8_t q[32];    /* the lower eight bits of each point */
    uint8_t signs[32];
    uint8_t high[8];  /* the upper two */
    uint8_t s[8];
};

struct iq3_xxs {
    uint8_t d[2];
    uint8_t q[64];       /* points */
    uint8_t signs[8][4]; /* of 32 numbers: 4 × 7 signs, and s */
};

struct iq3_s {
    uint8_t d[2];
    uint8_t q[64];   /* the lower eight bits of each point */
    uint8_t high[8]; /* the upper one */
    uint8_t signs[32];
    uint8_t s[4];
};

/* Those that can be written without weights; members of struct tr_dtype all. */
void tr__iq1_m_from_f32(const float *src, void *dst, int64_t n);
void tr__iq2_s_from_f32(const float *src, void *dst, int64_t n);
void tr__iq3_xxs_from_f32(const float *src, void *dst, int64_t n);
void tr__iq3_s_from_f32(const float *src, void *dst, int64_t n);
void tr__iq1_s_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__iq1_m_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__iq2_xxs_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__iq2_xs_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__iq2_s_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__iq3_xxs_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);
void tr__iq3_s_from_f32_by(const float *src, const float *weight, void *dst, int64_t n);

#endif
