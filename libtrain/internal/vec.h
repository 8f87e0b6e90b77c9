/* SPDX-License-Identifier: MIT
 *
 * Vectors of floats, as wide as the registers of the machine that is compiled for: vector
 * types of GNU C, from which gcc and clang make the same code that intrinsics would.
 */
#ifndef LIBTRAIN_INTERNAL_VEC_H
#define LIBTRAIN_INTERNAL_VEC_H

#if defined(__AVX512F__)
enum { VEC = 16 };
#elif defined(__AVX__)
enum { VEC = 8 };
#else
enum { VEC = 4 };
#endif

typedef float vec __attribute__((vector_size(VEC * sizeof(float))));
/* The same wherever it lies in memory, as floats or as anything else. */
typedef float vec_in_memory
    __attribute__((vector_size(VEC * sizeof(float)), aligned(sizeof(float)), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* A loop of n turns, n a constant of at most 16, that is written out: arrays of vectors
 * which it indexes then live in registers. */
#if defined(__clang__)
#define EACH(i, n) _Pragma("clang loop unroll(full)") for (int i = 0; i < (n); i++)
#else
#define EACH(i, n) _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++)
#endif

#endif
