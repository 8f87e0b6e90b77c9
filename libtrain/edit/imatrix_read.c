/* SPDX-License-Identifier: MIT
 *
 * Opening an importance matrix, of whichever form it is: only one of them says so, in its
 * first bytes.  Next: imatrix.c, what is kept of it.
 */
#include <libtrain/edit/imatrix.h>

#include <stdlib.h>
#include <unistd.h>

static int is_gguf(const struct tr_imatrix *im)
{
    return im->map_bytes >= 4 && !memcmp(im->map, "GGUF", 4);
}

static int map_file(struct tr_imatrix *im, struct tr_err *err)
{
    int fd = tr__open_regular(im->path, &im->map_bytes, err);
    int rc = fd < 0 ? TR_EIO : 0;
    if (!rc && !im->map_bytes)
        rc = tr_err_set(err, TR_EFORMAT, "'%s' is empty, not an importance matrix", im->path);
    if (!rc && !(im->map = tr__map_file(fd, im->map_bytes, im->path, &im->note)))
        rc = tr_err_sys(err, "cannot map '%s'", im->path);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int read_file(struct tr_imatrix *im, struct tr_err *err)
{
    int rc = map_file(im, err);
    if (rc)
        return rc;
    if (!is_gguf(im))
        return tr__imatrix_read_old(im, err);
    tr__imatrix_unmap(im); /* the reader has a map of its own */
    return tr__imatrix_read_gguf(im, err);
}

struct tr_imatrix *tr_imatrix_open(const char *path, struct tr_err *err)
{
    struct tr_imatrix *im = calloc(1, sizeof *im);
    if (!im || !(im->path = strdup(path))) {
        tr_err_sys(err, "cannot open '%s'", path);
    } else {
        im->info.path = im->path;
        if (!read_file(im, err))
            return im;
    }
    tr_imatrix_close(im);
    return NULL;
}
