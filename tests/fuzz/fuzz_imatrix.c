/* SPDX-License-Identifier: MIT
 *
 * Any bytes as an importance matrix, of either form.  The file is an unnamed one in memory.
 */
#define _GNU_SOURCE /* memfd_create */
#include <libtrain/imatrix.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_FILE = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct tr_imatrix *im, const struct tr_imatrix_entry *e)
{
    if (!*e->name || e->n_mat < 1 || e->row < 1)
        abort();
    for (int64_t i = 0; i < e->n_mat; i++)
        if (!(e->count[i] >= 0))
            abort();
    for (int64_t i = 0; i < e->n_mat * e->row; i++)
        if (!(e->mean[i] >= 0))
            abort();
    if (tr_imatrix_find(im, e->name, e->row, e->n_mat, NULL) != e->mean)
        abort();
}

static void read_matrix(const char *path)
{
    struct tr_err err = { 0 };
    struct tr_imatrix *im = tr_imatrix_open(path, &err);
    const struct tr_imatrix_entry *e;
    if (!im != (err.code != 0))
        abort();
    for (size_t i = 0; im && (e = tr_imatrix_at(im, i)); i++)
        check_entry(im, e);
    for (size_t i = 0; im && i < tr_imatrix_info(im)->n_dataset; i++)
        if (strlen(tr_imatrix_info(im)->dataset[i]) > MAX_FILE)
            abort();
    tr_imatrix_close(im);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[32];

    if (size > MAX_FILE)
        return 0;
    if (fd < 0)
        fd = memfd_create("fuzz_imatrix", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_matrix(path);
    return 0;
}
