/* SPDX-License-Identifier: MIT
 *
 * Output files of the scratch folder, for the tests of what is written.
 */
#ifndef TESTS_OUT_FILES_H
#define TESTS_OUT_FILES_H

#include "scratch.h"

#include <libtrain/file.h>

#include <dirent.h>

static inline void assert_holds(const char *file, const char *text)
{
    char *data;
    size_t n;
    struct tr_err err = { 0 };
    ck_assert_msg(tr_read_all(file, &data, &n, &err) == 0, "%s", err.text);
    ck_assert_str_eq(data, text);
    ck_assert_uint_eq(n, strlen(text));
    free(data);
}

/* Files in the folder. */
static inline int n_entry(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return n;
}

/* An output that holds text so far. */
static inline struct tr_out *start(const char *file, const char *text)
{
    struct tr_err err = { 0 };
    struct tr_out *out = tr_out_open(file, &err);
    ck_assert_msg(out != NULL, "%s", err.text);
    ck_assert_int_eq(tr_out_write(out, text, strlen(text), &err), 0);
    return out;
}

#endif
