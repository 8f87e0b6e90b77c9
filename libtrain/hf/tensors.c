/* SPDX-License-Identifier: MIT
 *
 * What is the same for every form of tensors: the map of a file, names, types, shapes, and
 * reading, which lets go of what it has read.  The forms call this; who calls them is
 * folder.c.
 */
#include <libtrain/hf/form.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ==== types and tensors ==== */

const struct tr__hf_type *tr__hf_type(const char *name)
{
    static const struct tr__hf_type types[] = {
        { "F32", 32, &tr_f32 }, { "F16", 16, &tr_f16 }, { "BF16", 16, &tr_bf16 },
        { "F64", 64, NULL },    { "I64", 64, NULL },    { "U64", 64, NULL },
        { "I32", 32, NULL },    { "U32", 32, NULL },    { "I16", 16, NULL },
        { "U16", 16, NULL },    { "I8", 8, NULL },      { "U8", 8, NULL },
        { "BOOL", 8, NULL },    { "C64", 64, NULL },    { "F8_E4M3", 8, NULL },
        { "F8_E5M2", 8, NULL }, { "F8_E8M0", 8, NULL }, { "F8_E4M3FNUZ", 8, NULL },
        { "F8_E5M2FNUZ", 8, NULL }, { "F6_E2M3", 6, NULL }, { "F6_E3M2", 6, NULL },
        { "F4", 4, NULL },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, name))
            return &types[i];
    return NULL;
}

/* Numbers of a shape; -1 if their bits are more than an int64_t counts, whether or not one
 * of the dimensions is 0. */
static int64_t count_of(struct tr__hf_tensor *t)
{
    int64_t all = 1;
    int empty = 0;
    for (int i = 0; i < TR__HF_MAX_DIM; i++) {
        if (i >= t->n_dim)
            t->dim[i] = 1;
        if (t->dim[i] < 0 || (t->dim[i] && all > INT64_MAX / t->bits / t->dim[i]))
            return -1;
        empty |= !t->dim[i];
        all *= t->dim[i] ? t->dim[i] : 1;
    }
    return empty ? 0 : all;
}

int tr__hf_add(struct tr__hf_folder *f, struct tr__hf_tensor t, struct tr_err *err)
{
    const char *path = f->file[t.file].path;
    const struct tr__hf_type *type = tr__hf_type(t.type);
    t.type = type->name;
    t.bits = type->bits;
    t.dtype = type->dtype;
    t.count = count_of(&t);
    if (t.count < 0)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' has more numbers than there "
                          "can be", path, t.name);
    if (!(t.name = strdup(t.name)) ||
        tr__grow(&f->tensor, &f->cap_tensor, f->n_tensor + 1, sizeof t)) {
        free((void *)(uintptr_t)t.name);
        return tr_err_sys(err, "cannot read '%s'", path);
    }
    f->tensor[f->n_tensor++] = t;
    int rc = tr__names_add(&f->names, f->tensor, sizeof t);
    if (rc > 0)
        return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' is there twice", path,
                          t.name);
    return rc ? tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", path) : 0;
}

size_t tr__hf_n_tensor(const struct tr__hf_folder *f)
{
    return f->n_tensor;
}

const struct tr__hf_tensor *tr__hf_tensor(const struct tr__hf_folder *f, size_t i)
{
    return &f->tensor[i];
}

const struct tr__hf_tensor *tr__hf_find(const struct tr__hf_folder *f, const char *name)
{
    size_t i = tr__names_find(&f->names, f->tensor, sizeof *f->tensor, name);
    return i == TR__NO_NAME ? NULL : &f->tensor[i];
}

size_t tr__hf_n_file(const struct tr__hf_folder *f)
{
    return f->n_file;
}

const char *tr__hf_path(const struct tr__hf_folder *f, size_t file)
{
    return f->file[file].path;
}

/* ==== reading ==== */

enum { MANY = 1 << 18 }; /* bytes; to let go of less costs more than it gives */

void tr__hf_copy(const struct tr__hf_file *file, int64_t begin, int64_t bytes, void *dst)
{
    memcpy(dst, file->map + begin, (size_t)bytes);
    if (bytes >= MANY)
        tr__forget_pages(file->map + begin, bytes);
}

const void *tr__hf_mapped(const struct tr__hf_folder *f, const struct tr__hf_tensor *t)
{
    const struct tr__hf_file *file = &f->file[t->file];
    const unsigned char *at = file->form->straight ? file->map + t->begin : NULL;
    return (uintptr_t)at % 8 ? NULL : at;
}

void tr__hf_forget(const struct tr__hf_folder *f, const struct tr__hf_tensor *t,
                   int64_t first, int64_t n)
{
    const struct tr__hf_file *file = &f->file[t->file];
    int64_t item = t->bits / 8;
    if (file->form->straight)
        tr__forget_pages(file->map + t->begin + first * item, n * item);
}

int tr__hf_read(const struct tr__hf_folder *f, const struct tr__hf_tensor *t, int64_t first,
                int64_t n, void *dst, struct tr_err *err)
{
    const struct tr__hf_file *file = &f->file[t->file];
    if (first < 0 || n < 0 || n > t->count || first > t->count - n)
        tr_fatal("tr__hf_read: %lld numbers from %lld of '%s', which has %lld",
                 (long long)n, (long long)first, t->name, (long long)t->count);
    if (t->bits % 8)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is of type %s",
                          file->path, t->name, t->type);
    return n ? file->form->read(file, t, first, n, dst, err) : 0;
}

/* ==== a file ==== */

static int map_file(struct tr__hf_file *file, struct tr_err *err)
{
    int fd = tr__open_regular(file->path, &file->size, err);
    if (fd < 0)
        return TR_EIO;
    if (!file->size)
        tr_err_set(err, TR_EFORMAT, "'%s' is empty", file->path);
    else if (!(file->map = tr__map_file(fd, file->size, file->path, &file->note)))
        tr_err_sys(err, "cannot map '%s'", file->path);
    close(fd);
    return file->map ? 0 : TR_EIO;
}

int tr__hf_open_file(struct tr__hf_folder *f, const struct tr__hf_form *form,
                     const char *path, struct tr_err *err)
{
    if (tr__grow(&f->file, &f->cap_file, f->n_file + 1, sizeof *f->file))
        return tr_err_sys(err, "cannot read '%s'", path);
    struct tr__hf_file *file = &f->file[f->n_file++];
    *file = (struct tr__hf_file){ .form = form, .path = strdup(path) };
    if (!file->path)
        return tr_err_sys(err, "cannot read '%s'", path);
    int rc = map_file(file, err);
    return rc ? rc : form->open(f, f->n_file - 1, err);
}

void tr__hf_release(struct tr__hf_folder *f)
{
    for (size_t i = 0; i < f->n_file; i++) {
        struct tr__hf_file *file = &f->file[i];
        if (file->form->close)
            file->form->close(file);
        if (file->map)
            tr__unmap_file((void *)(uintptr_t)file->map, file->size, file->note);
        free(file->path);
    }
    for (size_t i = 0; i < f->n_tensor; i++)
        free((void *)(uintptr_t)f->tensor[i].name);
    tr__names_release(&f->names);
    free(f->tensor);
    free(f->file);
    free(f->path);
}
