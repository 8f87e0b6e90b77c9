/* SPDX-License-Identifier: MIT
 *
 * Making what the structure names and is not there yet.  A file is made under its own name
 * and only if nothing has that name, so that even a file that appears at the same moment is
 * left alone; one that cannot be written whole goes away again.
 */
#include <libtrain/base/base.h>
#include <libtrain/dataset/tree.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_folder(const char *path, const struct tr_dataset_tell *tell,
                       struct tr_err *err)
{
    struct stat st;
    if (!mkdir(path, 0777)) {
        tr__dataset_tell(tell, TR_DATASET_MADE, path);
        return 0;
    }
    if (errno == EEXIST && !stat(path, &st) && S_ISDIR(st.st_mode))
        return 0;
    if (errno == EEXIST)
        errno = ENOTDIR;
    return tr_err_sys(err, "cannot make folder '%s'", path);
}

/* All folders that a file is in. */
static int make_folders(const char *file, const struct tr_dataset_tell *tell,
                        struct tr_err *err)
{
    char *path = tr__text_of(err, "%s", file);
    int rc = path ? 0 : -1;
    for (char *s = path; !rc && *s && (s = strchr(s + 1, '/'));) {
        *s = '\0';
        rc = s[-1] == '/' ? 0 : make_folder(path, tell, err);
        *s = '/';
    }
    free(path);
    return rc;
}

static int write_new(const char *path, const char *text, const struct tr_dataset_tell *tell,
                     struct tr_err *err)
{
    uint64_t done = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno == EEXIST ? 0 : tr_err_sys(err, "cannot write '%s'", path);
    int rc = tr__write_all(fd, text, strlen(text), &done) || fsync(fd)
                 ? tr_err_sys(err, "cannot write '%s'", path) : 0;
    if (close(fd) && !rc)
        rc = tr_err_sys(err, "cannot write '%s'", path);
    if (rc)
        unlink(path);
    else
        tr__dataset_tell(tell, TR_DATASET_MADE, path);
    return rc;
}

static int make(const char *path, const char *text, const struct tr_dataset_tell *tell,
                struct tr_err *err)
{
    int rc = make_folders(path, tell, err);
    return rc ? rc : write_new(path, text, tell, err);
}

static int make_schema(const struct tr_dataset *d, const char *name, const char *text,
                       const struct tr_dataset_tell *tell, struct tr_err *err)
{
    char *path = tr__text_of(err, "%s/%s", d->schemas, name);
    int rc = path ? make(path, text, tell, err) : -1;
    free(path);
    return rc;
}

static int make_all(struct tr_dataset *d, const struct tr_dataset_tell *tell,
                    struct tr_err *err)
{
    int rc = tr__structure_read(d, err);
    rc = rc ? rc : make_schema(d, TR__SCHEMA_NAME ".json", tr__default_schema, tell, err);
    rc = rc ? rc : make_schema(d, TR__LEVELS_FILE, tr__default_levels, tell, err);
    for (size_t i = 0; !rc && i < d->n_topic; i++)
        rc = make(d->topic[i].path, "[]\n", tell, err);
    return rc;
}

int tr_dataset_scaffold(const struct tr_dataset_args *args, int begin,
                        const struct tr_dataset_tell *tell, struct tr_err *err)
{
    struct tr_dataset *d = tr__dataset_new(args, err);
    int rc = d ? 0 : -1;
    if (!rc && begin)
        rc = make(d->structure, tr__default_structure, tell, err);
    else if (!rc && access(d->structure, F_OK))
        rc = tr_err_sys(err, "cannot open '%s'", d->structure);
    rc = rc ? rc : make_all(d, tell, err);
    tr_dataset_free(d);
    return rc;
}
