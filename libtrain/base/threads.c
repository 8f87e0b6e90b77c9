/* SPDX-License-Identifier: MIT
 *
 * Two pools may exist: OpenMP's, and OpenBLAS's own if it is not the OpenMP build.  The
 * OpenMP build follows omp_set_num_threads and, in newer versions, ignores its own setter
 * (OpenBLAS issue 5806); the pthread build knows only its own setter.  So both are called.
 */
#include <libtrain/threads.h>

#include <cblas.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* Processors that a quota pays for, rounded up; INT_MAX: no quota. */
static int quota_processors(double quota, double period)
{
    if (!(quota > 0) || !(period > 0))
        return INT_MAX;
    double n = quota / period;
    return n >= INT_MAX ? INT_MAX : (int)n + (n > (int)n);
}

static int read_numbers(const char *path, const char *format, double *a, double *b)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int n = fscanf(f, format, a, b);
    fclose(f);
    return n;
}

/* The quota of a cgroup as a container sees its own, at the root of the file system:
 * version 2 ("max 100000" is no number, so no quota), then version 1. */
static int cgroup_processors(void)
{
    double quota = -1, period = -1;
    if (read_numbers("/sys/fs/cgroup/cpu.max", "%lf %lf", &quota, &period) == 2)
        return quota_processors(quota, period);
    if (read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "%lf", &quota, &period) == 1 &&
        read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "%lf", &period, &quota) == 1)
        return quota_processors(quota, period);
    return INT_MAX;
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
    n = least(n, least(n_online(), cgroup_processors()) / n_process);
    return n < 1 ? 1 : n;
}

int tr_n_processor(void)
{
    return tr_n_processor_each(1);
}

int tr_threads(int n)
{
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
