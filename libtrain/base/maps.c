/* SPDX-License-Identifier: MIT
 *
 * Notes of what is mapped.  A file that another process cuts while it is mapped ends in
 * SIGBUS, far from whoever opened it; a handler finds the file by the address, in the list
 * of list.h.  The entry has the path as it may be printed: a handler can do no more than
 * write.
 */
#include <libtrain/base/list.h>
#include <libtrain/base/maps.h>
#include <libtrain/file.h>
#include <libtrain/printable.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PATH_BYTES = 512 }; /* more is cut: it is for a message */

struct tr__map {
    struct tr__entry entry;
    atomic_uintptr_t at, end; /* at 0: nothing is mapped */
    char path[PATH_BYTES];
};

static struct tr__list maps;

void *tr__map_file(int fd, uint64_t bytes, const char *path, struct tr__map **note)
{
    struct tr__map *m = *note = tr__list_take(&maps, sizeof *m);
    if (!m) {
        errno = ENOMEM;
        return NULL;
    }
    void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        tr__list_give(&m->entry);
        return NULL;
    }
    tr_escape(m->path, sizeof m->path, path, strlen(path));
    atomic_store(&m->end, (uintptr_t)at + bytes);
    atomic_store(&m->at, (uintptr_t)at);
    return at;
}

void tr__unmap_file(void *at, uint64_t bytes, struct tr__map *note)
{
    atomic_store(&note->at, 0);
    munmap(at, bytes);
    tr__list_give(&note->entry);
}

const char *tr_mapped_file(const void *address)
{
    uintptr_t a = (uintptr_t)address;
    for (struct tr__map *m = tr__list_first(&maps); m; m = (void *)m->entry.next)
        if (atomic_load(&m->at) && a >= atomic_load(&m->at) && a < atomic_load(&m->end))
            return m->path;
    return NULL;
}

void tr__forget_pages(const void *at, int64_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)at / page * page;
    uintptr_t to = ((uintptr_t)at + (uintptr_t)bytes) / page * page;
    if (from < to)
        madvise((void *)from, to - from, MADV_DONTNEED);
}
