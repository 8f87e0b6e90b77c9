/* SPDX-License-Identifier: MIT
 *
 * Files of torch.save as a form of tensor files.  Next: torch.c.
 */
#include <libtrain/hf/form.h>
#include <libtrain/hf/torch.h>

#include <string.h>

static int open_pytorch(struct tr__hf_folder *f, size_t i, struct tr_err *err)
{
    struct tr__hf_file *file = &f->file[i];
    struct tr__torch *t = file->own = tr__torch_open(file->map, file->size, file->path, err);
    int rc = 0;
    if (!t)
        return TR_EFORMAT;
    for (size_t k = 0; !rc && k < tr__torch_n(t); k++) {
        const struct tr__torch_tensor *x = tr__torch_at(t, k);
        struct tr__hf_tensor to = { .name = x->name, .type = x->type->type,
                                    .n_dim = x->n_dim, .file = i, .own = x };
        memcpy(to.dim, x->dim, (size_t)x->n_dim * sizeof *to.dim);
        rc = tr__hf_add(f, to, err);
    }
    return rc;
}

static int read_pytorch(const struct tr__hf_file *file, const struct tr__hf_tensor *t,
                        int64_t first, int64_t n, void *dst, struct tr_err *err)
{
    return tr__torch_read(file->own, t->own, first, n, dst, err);
}

static void close_pytorch(struct tr__hf_file *file)
{
    tr__torch_close(file->own);
}

_Static_assert((int)TR__TORCH_MAX_DIM == (int)TR__HF_MAX_DIM, "shapes are copied");

extern const struct tr__hf_form tr__hf_pytorch;
const struct tr__hf_form tr__hf_pytorch = {
    .suffix = ".bin",
    .single = "pytorch_model.bin",
    .index = "pytorch_model.bin.index.json",
    .open = open_pytorch,
    .read = read_pytorch,
    .close = close_pytorch,
};
