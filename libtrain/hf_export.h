/* SPDX-License-Identifier: MIT
 *
 * A model as the folder that transformers loads: config.json, generation_config.json,
 * model.safetensors and the files of its tokenizer.
 */
#ifndef LIBTRAIN_HF_EXPORT_H
#define LIBTRAIN_HF_EXPORT_H

#include <libtrain/gguf.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_hf_export_args {
    /* Of all numbers: F32, F16 or BF16; NULL: that of most matrices, F16 if they are packed,
     * BF16 if in MXFP4 */
    const struct tr_dtype *type;
    int64_t shard_bytes; /* numbers in a file at most; 0: all in one */
    const char *like;    /* a folder whose tokenizer files are copied; NULL: they are made
                            of the vocabulary */
    struct tr_progress progress; /* in bytes of the numbers written */
};

/* Write the folder, which appears whole or not at all: `path` is new, or an empty folder.
 * TR_EUNSUPPORTED, by name, for an architecture, a tensor or a key that has no form there;
 * TR_EFORMAT for numbers that are not finite or too large for the type. */
int tr_hf_export(const struct tr_gguf *g, const struct tr_hf_export_args *args,
                 const char *path, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
