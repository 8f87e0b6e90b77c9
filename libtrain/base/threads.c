/* SPDX-License-Identifier: MIT
 *
 * Two pools may exist: OpenMP's, and OpenBLAS's own if it is not the OpenMP build.  The
 * OpenMP build follows omp_set_num_threads and, in newer versions, ignores its own setter
 * (OpenBLAS issue 5806); the pthread build knows only its own setter.  So both are called.
 */
#define _GNU_SOURCE /* pthread_setattr_default_np */
#include <libtrain/base/cgroup.h>
#include <libtrain/threads.h>

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* Processors that a quota pays for, rounded up; INT_MAX: no quota. */
static int quota_processors(void)
{
    double n = ceil(tr__cgroup_processors(""));
    return n < INT_MAX ? (int)n : INT_MAX;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int n_online(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

int tr_n_processor_each(int n_process)
{
#ifdef _OPENMP
    int n = omp_get_num_procs(); /* counts the affinity the process started with */
#else
    int n = n_online();
#endif
    n = least(n, least(n_online(), quota_processors()) / n_process);
    return n < 1 ? 1 : n;
}

int tr_n_processor(void)
{
    return tr_n_processor_each(1);
}

/* Threads get stacks as large as `ulimit -s` says, and glibc takes thread-local memory out of
 * them, of which OpenBLAS has 60 KiB. */
static void give_room_to_stacks(void)
{
#ifdef __GLIBC__
    const size_t least_stack = 256 << 10;
    pthread_attr_t attr;
    size_t size;
    if (pthread_getattr_default_np(&attr))
        return;
    if (!pthread_attr_getstacksize(&attr, &size) && size < least_stack &&
        !pthread_attr_setstacksize(&attr, least_stack))
        pthread_setattr_default_np(&attr);
    pthread_attr_destroy(&attr);
#endif
}

int tr_threads(int n)
{
    give_room_to_stacks();
    if (n < 1)
        n = tr_n_processor();
    openblas_set_num_threads(n);
#ifdef _OPENMP
    omp_set_num_threads(n);
    return omp_get_max_threads();
#else
    return openblas_get_num_threads();
#endif
}

const char *tr_blas_core(void)
{
    return openblas_get_corename();
}

const char *tr_blas_config(void)
{
    return openblas_get_config();
}

/* OpenBLAS knows processors by family and model; a newer one than itself falls back to
 * Haswell's kernels although it has AVX-512.  The features are what counts. */
const char *tr_blas_best_core(void)
{
    const char *core = tr_blas_core();
#if defined(__x86_64__)
    static const char *const avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    for (size_t i = 0; i < sizeof avx512 / sizeof *avx512; i++)
        if (!strcmp(core, avx512[i]))
            return core;
    if (!strstr(tr_blas_config(), "DYNAMIC_ARCH"))
        return core; /* this build has no other kernels to choose */
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return __builtin_cpu_supports("avx512bf16") ? "Cooperlake" : "SkylakeX";
#endif
    return core;
}

const char *tr_blas_advice(void)
{
    static const char *const advice[][2] = {
        { "SkylakeX", "OPENBLAS_CORETYPE=SkylakeX" },
        { "Cooperlake", "OPENBLAS_CORETYPE=Cooperlake" },
    };
    const char *best = tr_blas_best_core();
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
        if (strcmp(best, tr_blas_core()) && !strcmp(best, advice[i][0]))
            return advice[i][1];
    return NULL;
}
