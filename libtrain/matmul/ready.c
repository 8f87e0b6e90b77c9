/* SPDX-License-Identifier: MIT
 *
 * Room for OpenBLAS.  Its first product maps a buffer for whoever calls it, and where there is
 * no room for that under `ulimit -v`, it asks again for ever.  So the room is looked for, and
 * that buffer taken, before there is anything to compute.  Those of its threads are mapped
 * before main: the commands look for them in cmds/shared/room.c.
 */
#include <libtrain/matmul/matmul.h>

#include <cblas.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { ROOM = 130 << 20 }; /* a buffer of 0.3.21 is 128 MiB */
enum { SIDE = 128 };       /* a product large enough to want it */

static int has_room(void)
{
    void *p = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED)
        munmap(p, ROOM);
    return p != MAP_FAILED;
}

int tr__gemm_ready(struct tr_err *err)
{
    static atomic_int taken;
    if (atomic_load(&taken))
        return 0;
    float *a = has_room() ? calloc(2 * SIDE * SIDE, sizeof *a) : NULL;
    if (!a)
        return tr_err_set(err, TR_ENOMEM, "no room for the buffer of OpenBLAS, %d MiB of "
                          "address space: raise the limit ('ulimit -v')", ROOM >> 20);
    struct tr__gemm p = { .m = SIDE, .n = SIDE, .k = SIDE, .lda = SIDE, .ldb = SIDE,
                          .ldc = SIDE, .alpha = 1 };
    tr__gemm_f32(&p, a, a, a + SIDE * SIDE);
    free(a);
    atomic_store(&taken, 1);
    return 0;
}
