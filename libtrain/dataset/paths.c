/* SPDX-License-Identifier: MIT
 *
 * Names of files and what is in them: the small things that reading a tree of files takes.
 * Next: structure.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/dataset/tree.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *tr__text_of(struct tr_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = n < 0 ? NULL : malloc((size_t)n + 1);
    if (!text) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a name");
        return NULL;
    }
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

char *tr__beside(const char *file, const char *name, struct tr_err *err)
{
    const char *slash = strrchr(file, '/');
    int folder = slash && *name != '/' ? (int)(slash + 1 - file) : 0;
    return tr__text_of(err, "%.*s%s", folder, file, name);
}

size_t tr__bom(const char *bytes, size_t n)
{
    return n >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3) ? 3 : 0;
}

struct tr_json *tr__json_of_file(const char *path, struct tr_err *err)
{
    char *bytes;
    size_t n;
    if (tr_read_all(path, &bytes, &n, err))
        return NULL;
    size_t bom = tr__bom(bytes, n);
    struct tr_json *root = tr_json_parse(bytes + bom, n - bom, path, 1, bom, err);
    free(bytes);
    return root;
}
