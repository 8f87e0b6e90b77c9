/* SPDX-License-Identifier: MIT
 *
 * A folder from which `ollama create` makes a model: a Modelfile, and beside it the files that
 * it names.  These are links to those that are there already, where the file system allows it,
 * since copies of models are large; a program that writes a file anew leaves the other name as
 * it was, and only what is edited in place changes under both.  Next: modelfile.c.
 */
#include <libtrain/publish/put.h>

#include <libtrain/publish.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 1 << 13 };

static int copy_all(int fd, const char *from, struct tr_out *out, struct tr_err *err)
{
    char piece[PIECE];
    int rc = 0;
    for (ssize_t n; !rc && (n = tr__read_some(fd, piece, sizeof piece));)
        rc = n < 0 ? tr_err_sys(err, "cannot read '%s'", from)
                   : tr_out_write(out, piece, (size_t)n, err);
    return rc;
}

static int copy(struct tr__folder *folder, const char *from, const char *name,
                struct tr_err *err)
{
    uint64_t bytes;
    int fd = tr__open_regular(from, &bytes, err);
    if (fd < 0)
        return TR_EIO;
    struct tr_out *out = tr__put_begin(folder, name, err);
    int rc = out ? tr__put_end(folder, out, copy_all(fd, from, out, err), err) : TR_EIO;
    close(fd);
    return rc;
}

/* The file `from`, whatever links lead to it, under this name in the folder. */
static int put_file(struct tr__folder *folder, const char *from, const char *name,
                    struct tr_err *err)
{
    char whole[PATH_MAX], path[PATH_MAX];
    int rc = tr__folder_file(folder, name, path, err);
    if (rc)
        return rc;
    if (!realpath(from, whole))
        return tr_err_sys(err, "'%s'", from);
    return link(whole, path) ? copy(folder, whole, name, err) : tr__folder_hold(folder, err);
}

static int put_modelfile(struct tr__folder *folder, const struct tr_modelfile *m,
                         const struct tr_tokenizer *tok, struct tr_err *err)
{
    struct tr_out *out = tr__put_begin(folder, "Modelfile", err);
    if (!out)
        return TR_EIO;
    return tr__put_end(folder, out, tr_modelfile_write(tr_out_stream(out), m, tok, err), err);
}

int tr_modelfile_folder(const char *path, const struct tr_modelfile *m,
                        const struct tr_tokenizer *tok, struct tr_err *err)
{
    struct tr_modelfile in = *m;
    struct tr__folder *folder = tr__folder_new(path, err);
    int rc = folder ? put_file(folder, m->from, "model.gguf", err) : TR_EIO;
    if (!rc && m->adapter)
        rc = put_file(folder, m->adapter, "adapter.gguf", err);
    in.from = "./model.gguf";
    in.adapter = m->adapter ? "./adapter.gguf" : NULL;
    if (!rc)
        rc = put_modelfile(folder, &in, tok, err);
    return tr__folder_finish(folder, rc, err);
}
