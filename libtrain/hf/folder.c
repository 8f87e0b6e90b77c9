/* SPDX-License-Identifier: MIT
 *
 * Which files of a folder have its tensors.  Next: index.c for several, safetensors.c
 * for what is in one, tensors.c for what is the same in all.
 */
#include <libtrain/hf/form.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct tr__hf_form *const forms[] = {
#define TR_HF_FORM(form) &form,
#include <libtrain/hf/forms.def>
#undef TR_HF_FORM
};

enum { N_FORM = sizeof forms / sizeof *forms };

static int has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), k = strlen(suffix);
    return n > k && !strcmp(path + n - k, suffix);
}

/* "model.safetensors, model.safetensors.index.json, …" */
static int nothing_there(const char *path, struct tr_err *err)
{
    char names[200] = "";
    for (size_t i = 0, n = 0; i < N_FORM && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s, %s", i ? ", " : "",
                              forms[i]->single, forms[i]->index);
    return tr_err_set(err, TR_EFORMAT, "'%s' has no tensors: there is none of %s", path,
                      names);
}

/* 1 if there is no such file; a link that leads nowhere is told when it is opened. */
static int absent(const char *path)
{
    struct stat st;
    return lstat(path, &st) && errno == ENOENT;
}

static int open_folder(struct tr__hf_folder *f, struct tr_err *err)
{
    size_t size = strlen(f->path) + 100;
    char *path = malloc(size);
    int rc = 1;
    for (size_t i = 0; path && rc > 0 && i < 2 * N_FORM; i++) {
        const struct tr__hf_form *form = forms[i / 2];
        snprintf(path, size, "%s/%s", f->path, i % 2 ? form->index : form->single);
        if (!absent(path))
            rc = i % 2 ? tr__hf_open_index(f, form, path, err) :
                 tr__hf_open_file(f, form, path, err);
    }
    if (!path)
        rc = tr_err_sys(err, "cannot read '%s'", f->path);
    free(path);
    return rc > 0 ? nothing_there(f->path, err) : rc;
}

static int open_any(struct tr__hf_folder *f, struct tr_err *err)
{
    struct stat st;
    if (stat(f->path, &st))
        return tr_err_sys(err, "cannot open '%s'", f->path);
    if (S_ISDIR(st.st_mode))
        return open_folder(f, err);
    for (size_t i = 0; i < N_FORM; i++) {
        if (has_suffix(f->path, forms[i]->suffix))
            return tr__hf_open_file(f, forms[i], f->path, err);
        if (has_suffix(f->path, forms[i]->index))
            return tr__hf_open_index(f, forms[i], f->path, err);
    }
    return tr_err_set(err, TR_EFORMAT, "'%s' is neither a folder nor named as a file of "
                      "tensors is (%s)", f->path, forms[0]->suffix);
}

struct tr__hf_folder *tr__hf_open(const char *path, struct tr_err *err)
{
    struct tr__hf_folder *f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(path))) {
        tr_err_sys(err, "cannot open '%s'", path);
        free(f);
        return NULL;
    }
    if (!open_any(f, err))
        return f;
    tr__hf_close(f);
    return NULL;
}

void tr__hf_close(struct tr__hf_folder *f)
{
    if (f)
        tr__hf_release(f);
    free(f);
}
