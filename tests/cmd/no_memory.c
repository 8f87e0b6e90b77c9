/* SPDX-License-Identifier: MIT
 *
 * For LD_PRELOAD: the call number NO_MEMORY_AT of malloc, calloc, realloc, aligned_alloc,
 * posix_memalign or mmap finds no memory, or with NO_MEMORY_ON set every one from there.
 * Only calls that the program itself makes are counted: what OpenBLAS, OpenMP and oneDNN do
 * when they find none is beyond our reach, and the C library's own calls are few and show in
 * the errors of what was called.  The file NO_MEMORY_LOG is written when it happens.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);

static uintptr_t begin, end; /* of the program's code */
static atomic_long n_call;
static long fail_at;
static int fail_on;
static const char *log_path;

/* The program is the first object. */
static int find_code(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size, (void)ctx;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && p->p_flags & PF_X) {
            begin = info->dlpi_addr + p->p_vaddr;
            end = begin + p->p_memsz;
        }
    }
    return 1;
}

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("NO_MEMORY_AT");
    fail_at = at ? atol(at) : 0;
    fail_on = getenv("NO_MEMORY_ON") != NULL;
    log_path = getenv("NO_MEMORY_LOG");
    dl_iterate_phdr(find_code, NULL);
}

static int is_refused(void *caller)
{
    uintptr_t from = (uintptr_t)caller;
    if (from < begin || from >= end || !fail_at)
        return 0;
    long n = atomic_fetch_add(&n_call, 1) + 1;
    if (n != fail_at && !(fail_on && n > fail_at))
        return 0;
    int fd = log_path ? open(log_path, O_WRONLY | O_CREAT, 0666) : -1;
    if (fd >= 0)
        close(fd);
    errno = ENOMEM;
    return 1;
}

#define REFUSED is_refused(__builtin_return_address(0))

void *malloc(size_t bytes)
{
    return REFUSED ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    return REFUSED ? NULL : __libc_calloc(n, bytes);
}

void *realloc(void *p, size_t bytes)
{
    return REFUSED ? NULL : __libc_realloc(p, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return REFUSED ? NULL : __libc_memalign(align, bytes);
}

int posix_memalign(void **p, size_t align, size_t bytes)
{
    return REFUSED || !(*p = __libc_memalign(align, bytes)) ? ENOMEM : 0;
}

void *mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
    return REFUSED ? (void *)-1
                   : (void *)syscall(SYS_mmap, at, bytes, prot, flags, fd, offset);
}
