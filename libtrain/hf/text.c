/* SPDX-License-Identifier: MIT
 *
 * Small files, read and written whole.  The size is asked for first: a file from elsewhere
 * is never a reason to fill the memory.
 */
#include <libtrain/base/base.h>
#include <libtrain/file.h>
#include <libtrain/hf/text.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_text(int fd, const char *path, size_t n, char **text, struct tr_err *err)
{
    char *to = malloc(n + 1);
    ssize_t got = to ? tr__pread_all(fd, to, n, 0) : -1;
    if (got < 0)
        tr_err_sys(err, "cannot read '%s'", path);
    else if ((size_t)got < n)
        tr_err_set(err, TR_EIO, "'%s': changed while it was read", path);
    if (got < 0 || (size_t)got < n) {
        free(to);
        return TR_EIO;
    }
    to[n] = '\0';
    *text = to;
    return 0;
}

int tr__hf_text(const char *path, size_t most, char **text, size_t *n, struct tr_err *err)
{
    uint64_t bytes;
    int fd = tr__open_regular(path, &bytes, err);
    if (fd < 0)
        return TR_EIO;
    *n = (size_t)bytes;
    int rc = bytes <= most ? read_text(fd, path, *n, text, err) :
             tr_err_set(err, TR_EFORMAT, "'%s' has %llu bytes; %zu are the most", path,
                        (unsigned long long)bytes, most);
    close(fd);
    return rc;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Python writes numbers of any size, and transformers 10^30 for "no limit": integers that
 * no type of ours holds become reals, in as many bytes. */
static void shorten(char *text, size_t n)
{
    enum { FITS = 19 };
    int in_string = 0;
    for (size_t i = 0; i < n; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        if (in_string || !is_digit(text[i]))
            continue;
        size_t from = i, end;
        while (i < n && is_digit(text[i]))
            i++;
        end = i;
        i += i < n && (text[i] == '.' || text[i] == 'e' || text[i] == 'E');
        while (i < n && (is_digit(text[i]) || (text[i] && strchr(".eE+-", text[i]))))
            i++;
        if (i == end && end - from > FITS)
            memcpy(text + end - 2, "e2", 2);
        i--;
    }
}

struct tr_json *tr__hf_json(const char *path, size_t most, struct tr_err *err)
{
    char *text = NULL;
    size_t n = 0;
    if (tr__hf_text(path, most, &text, &n, err))
        return NULL;
    shorten(text, n);
    struct tr_json *v = tr_json_parse(text, n, path, 1, 0, err);
    free(text);
    if (v && tr_json_kind(v) != TR_JSON_OBJECT) {
        tr_err_set(err, TR_EFORMAT, "'%s': not an object of JSON", path);
        tr_json_free(v);
        v = NULL;
    }
    return v;
}

int tr__hf_json_file(const struct tr_json *v, const struct tr__folder *to, const char *name,
                     struct tr_err *err)
{
    static const struct tr_json_style style = { .flags = TR_JSON_SORT, .indent = 2 };
    char path[PATH_MAX], *text = NULL;
    size_t n = 0, cap = 0;
    struct tr_out *out = NULL;
    int rc = tr__folder_file(to, name, path, err);
    if (!rc && tr_json_write(v, &style, &text, &n, &cap))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", path);
    if (!rc && !(out = tr_out_open(path, err)))
        rc = TR_EIO;
    if (!rc)
        rc = tr_out_write(out, text, n, err);
    if (!rc)
        rc = tr_out_write(out, "\n", 1, err);
    free(text);
    return tr_out_finish(out, rc, err);
}
