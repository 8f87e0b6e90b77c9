/* SPDX-License-Identifier: MIT
 *
 * A model in a folder of Hugging Face (config.json, safetensors or PyTorch's .bin, the files
 * of its tokenizer) as a GGUF: the keys, values, order, names, types and bytes that
 * llama.cpp's converter of such folders gives.
 */
#ifndef LIBTRAIN_IMPORT_H
#define LIBTRAIN_IMPORT_H

#include <libtrain/error.h>
#include <libtrain/progress.h>
#include <libtrain/recipe.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_import_args {
    /* The type of the matrices: this one, or those of this mixture (recipe.h), or with both
     * NULL that of the folder's first matrix, F16 where it is neither F16 nor BF16. */
    const struct tr_dtype *type;
    const struct tr_mix *mix;
    const char *pre;  /* tokenizer.ggml.pre; NULL: found */
    const char *name; /* general.name; NULL: that of the folder or its README.md */
    int no_mtp; /* leave out the blocks that predict further tokens, which are not trained here */
    struct tr_progress progress; /* in bytes of the new file */
};

/* Write the model in this folder to `path`, a slab of numbers at a time.  TR_EUNSUPPORTED for
 * an architecture or a feature that is not known, by name; TR_EFORMAT for a file that is not
 * as it should be, a key or a tensor that is missing, left over or of another shape.  After
 * a failure what was at `path` is still there. */
int tr_import(const char *folder, const struct tr_import_args *args, const char *path,
              struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
