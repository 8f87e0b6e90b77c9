/* SPDX-License-Identifier: MIT
 *
 * Files that a person brings and removes: data/NAME and models/NAME.  An upload goes from the
 * connection to the disk in the pieces that come, under a name of its own until it is whole.
 */
#include "http.h"

#include <libtrain/file.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { RESERVE = 16 << 20 /* bytes that stay free */ };

enum { STUDIO_PATH = 2 * STUDIO_NAME + 2 };

struct upload {
    struct tr_out *out;
    char path[STUDIO_PATH];
    int is_model;
    char first[4];
    uint64_t bytes;
    struct tr_err err; /* what went wrong on the way; the rest is read and dropped */
};

/* data/NAME of /api/data/NAME. */
static void path_of(const struct request *r, char to[STUDIO_PATH])
{
    snprintf(to, STUDIO_PATH, "%.100s/%.100s", r->part[1], r->part[2]);
}

/* A folder of its own, made if need be, not a link to one. */
static int has_folder(const char *name)
{
    struct stat st;
    if (mkdir(name, 0777) && errno != EEXIST)
        return 0;
    return !lstat(name, &st) && S_ISDIR(st.st_mode);
}

static int is_plain_or_none(const char *path)
{
    struct stat st;
    return lstat(path, &st) ? errno == ENOENT : S_ISREG(st.st_mode);
}

/* 1: there is room for so many bytes. */
static int has_room(uint64_t bytes)
{
    struct statvfs v;
    if (statvfs(".", &v))
        return 1;
    uint64_t room = (uint64_t)v.f_bavail * v.f_frsize;
    return room > RESERVE && bytes < room - RESERVE;
}

/* Content-Length, or 0 is returned. */
static int length_of(const struct request *r, uint64_t *bytes)
{
    const char *text = request_header(r, "Content-Length");
    char *end;
    if (!text || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    *bytes = strtoull(text, &end, 10);
    return !errno && !*end;
}

int upload_begin(struct request *r)
{
    struct tr_err err = { 0 };
    char user[STUDIO_NAME + 1];
    uint64_t bytes;
    if (!length_of(r, &bytes))
        return answer_error(r, 411, "an upload needs its length");
    if (!has_room(bytes))
        return answer_error(r, 507, "there is no room for %" PRIu64 " bytes", bytes);
    if (!strcmp(r->part[1], "models") && !guard_ends(r->part[2], ".gguf"))
        return answer_error(r, 422, "the name of a model ends in .gguf");
    struct upload *u = calloc(1, sizeof *u);
    if (!u)
        return answer_error(r, 500, "out of memory");
    path_of(r, u->path);
    u->is_model = !strcmp(r->part[1], "models");
    r->upload = u;
    if (!has_folder(r->part[1]) || !is_plain_or_none(u->path))
        return answer_error(r, 403, "'%s' is no plain file of the working folder", u->path);
    if (run_that_uses(u->path, user))
        return answer_error(r, 409, "the run %s is using '%s'", user, u->path);
    u->out = tr_out_open(u->path, &err);
    return u->out ? MHD_YES : answer_err(r, 500, &err);
}

int upload_more(struct request *r, const char *data, size_t n)
{
    struct upload *u = r->upload;
    for (size_t i = 0; i < n && u->bytes + i < sizeof u->first; i++)
        u->first[u->bytes + i] = data[i];
    u->bytes += n;
    if (u->out && tr_out_write(u->out, data, n, &u->err)) {
        tr_out_discard(u->out);
        u->out = NULL;
    }
    return MHD_YES;
}

int upload_end(struct request *r)
{
    struct upload *u = r->upload;
    char *text = NULL;
    size_t n = 0;
    if (!u->out)
        return answer_err(r, 507, &u->err);
    if (u->is_model && (u->bytes < sizeof u->first || memcmp(u->first, "GGUF", sizeof u->first)))
        return answer_error(r, 422, "'%s' is no GGUF file", u->path);
    struct tr_out *out = u->out;
    u->out = NULL;
    if (tr_out_commit(out, &u->err))
        return answer_err(r, 507, &u->err);
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return answer_empty(r);
    put_pair(f, "{name", r->part[2]);
    put_pair(f, ", path", u->path);
    put_pair_number(f, ", bytes", (double)u->bytes);
    putc('}', f);
    return answer_json(r, 201, f, &text, &n);
}

void upload_drop(struct upload *u)
{
    if (u)
        tr_out_discard(u->out);
    free(u);
}

int file_delete(struct request *r)
{
    char path[STUDIO_PATH], user[STUDIO_NAME + 1];
    path_of(r, path);
    if (!guard_inside(r->s, path) || !is_plain_or_none(path))
        return answer_error(r, 404, "there is no '%s'", path);
    if (run_that_uses(path, user))
        return answer_error(r, 409, "the run %s is using '%s'", user, path);
    return unlink(path) ? answer_error(r, 500, "cannot remove '%s'", path) : answer_empty(r);
}
