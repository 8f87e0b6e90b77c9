/* SPDX-License-Identifier: MIT
 *
 * Files of a folder that is being made: what is complete goes with the folder if it does not
 * come to its name.
 */
#include <libtrain/publish/put.h>

#include <limits.h>
#include <stdlib.h>

struct tr_out *tr__put_begin(const struct tr__folder *folder, const char *name,
                             struct tr_err *err)
{
    char path[PATH_MAX];
    return tr__folder_file(folder, name, path, err) ? NULL : tr_out_open(path, err);
}

int tr__put_end(struct tr__folder *folder, struct tr_out *out, int rc, struct tr_err *err)
{
    rc = tr_out_finish(out, rc, err);
    return rc ? rc : tr__folder_hold(folder, err);
}

int tr__put_file(struct tr__put *o, struct tr__folder *folder, const char *name,
                 struct tr_err *err)
{
    static const struct tr_json_style style = { .indent = 2 };
    char *text = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;
    if (o->failed || tr_json_write(o->v, &style, &text, &n, &cap))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", name);
    struct tr_out *out = rc ? NULL : tr__put_begin(folder, name, err);
    if (!rc && !out)
        rc = TR_EIO;
    if (!rc)
        rc = tr_out_write(out, text, n, err);
    if (!rc)
        rc = tr_out_write(out, "\n", 1, err);
    if (out)
        rc = tr__put_end(folder, out, rc, err);
    free(text);
    tr_json_free(o->v);
    o->v = NULL;
    return rc;
}
