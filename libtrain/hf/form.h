/* SPDX-License-Identifier: MIT
 *
 * A form in which tensors are stored, as safetensors: a const struct at the foot of its
 * file, listed in hf/forms.def.  It knows one file; folders and indices are the same for
 * all (folder.c, index.c).
 */
#ifndef LIBTRAIN_HF_FORM_H
#define LIBTRAIN_HF_FORM_H

#include <libtrain/base/base.h>
#include <libtrain/hf/folder.h>

struct tr__hf_file {
    const struct tr__hf_form *form;
    char *path;
    const unsigned char *map; /* the whole file, read-only */
    uint64_t size;            /* more than 0 */
    struct tr__map *note;
    void *own; /* the form's */
};

struct tr__hf_folder {
    char *path;
    struct tr__hf_file *file;
    size_t n_file, cap_file;
    struct tr__hf_tensor *tensor;
    size_t n_tensor, cap_tensor;
    struct tr__names names; /* of the tensors */
};

struct tr__hf_form {
    const char *suffix; /* of a file of its own: ".safetensors" */
    const char *single; /* the model's file: "model.safetensors" */
    const char *index;  /* and what names several */

    /* Tell every tensor of file `i`, the last one, to tr__hf_add; its map is there.  All is
     * checked that tr__hf_add does not: that what is read later is there. */
    int (*open)(struct tr__hf_folder *f, size_t i, struct tr_err *err);
    /* As tr__hf_read, which has seen to it that these numbers are there. */
    int (*read)(const struct tr__hf_file *file, const struct tr__hf_tensor *t,
                int64_t first, int64_t n, void *dst, struct tr_err *err);
    void (*close)(struct tr__hf_file *file); /* free `own`; NULL: nothing to do */
    int straight; /* the numbers of a tensor lie in the map from `begin` on */
};

#define TR_HF_FORM(form) extern const struct tr__hf_form form;
#include <libtrain/hf/forms.def>
#undef TR_HF_FORM

/* A type of numbers by the name that safetensors has for it, or NULL. */
struct tr__hf_type {
    const char *name;
    int bits;
    const struct tr_dtype *dtype; /* or NULL */
};
const struct tr__hf_type *tr__hf_type(const char *name);

/* One more tensor: name, type, n_dim, dim, file, begin and own are set, the rest follows
 * from these.  The name becomes the folder's.  A name that is there already, or a shape of
 * too many numbers, is TR_EFORMAT, and told with the file's name. */
int tr__hf_add(struct tr__hf_folder *f, struct tr__hf_tensor t,
               struct tr_err *err) TR_MUST_CHECK;

/* One more file, mapped, and its tensors. */
int tr__hf_open_file(struct tr__hf_folder *f, const struct tr__hf_form *form,
                     const char *path, struct tr_err *err) TR_MUST_CHECK;

/* The files that an index names, all of them, and that what it says of them is so. */
int tr__hf_open_index(struct tr__hf_folder *f, const struct tr__hf_form *form,
                      const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Free what the struct points at. */
void tr__hf_release(struct tr__hf_folder *f);

/* Bytes from `begin` of a file's map to dst, and the pages let go. */
void tr__hf_copy(const struct tr__hf_file *file, int64_t begin, int64_t bytes, void *dst);

#endif
