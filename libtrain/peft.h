/* SPDX-License-Identifier: MIT
 *
 * LoRA adapters of other programs, in a folder: PEFT's (adapter_config.json and
 * adapter_model.safetensors or .bin), MLX's (adapter_config.json and adapters.safetensors).
 * They become adapters in GGUF, with the scale that each matrix has there; what such a file
 * has no place for (DoRA, whole tensors, trained biases and norms) goes into a model.
 * Formats: docs/formats/peft.md.
 */
#ifndef LIBTRAIN_PEFT_H
#define LIBTRAIN_PEFT_H

#include <libtrain/lora.h>
#include <libtrain/model.h>
#include <libtrain/progress.h>
#include <libtrain/recipe.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_peft;

/* Read what is in the folder, for this base, which must stay open.  TR_EMISMATCH for what
 * does not fit the base; TR_EUNSUPPORTED, with its name, for a setting that asks for
 * something else; TR_EFORMAT for what is damaged.  NULL on failure. */
struct tr_peft *tr_peft_open(const char *folder, const struct tr_model *base,
                             struct tr_err *err) TR_MUST_CHECK;
void tr_peft_close(struct tr_peft *p); /* NULL is allowed */

/* Matrices that have a pair, and tensors that stand in it whole. */
size_t tr_peft_n_pair(const struct tr_peft *p);
size_t tr_peft_n_whole(const struct tr_peft *p);
/* What of it no adapter in GGUF can hold, by name: "DoRA of '…'"; NULL: nothing. */
const char *tr_peft_beyond(const struct tr_peft *p);

/* Write it as an adapter; TR_EUNSUPPORTED if some of it cannot be.  After a failure what
 * was at `path` is still there. */
int tr_peft_write(const struct tr_peft *p, const char *path,
                  struct tr_err *err) TR_MUST_CHECK;

struct tr_peft_merge_args {
    struct tr_recipe_args recipe; /* the types; all 0: every tensor keeps its own */
    const char *name;             /* behind the base's (tr_gguf_set_fine_tuned); or NULL */
    const char *history;          /* a line for that of the file (tr_gguf_add_history); or NULL */
    struct tr_progress progress;  /* in bytes of the new file */
};
/* Write base and adapter together, as a model. */
int tr_peft_merge(const struct tr_peft *p, const struct tr_peft_merge_args *args,
                  const char *path, struct tr_err *err) TR_MUST_CHECK;

struct tr_peft_export_args {
    const struct tr_dtype *type; /* of all numbers: F32, F16 or BF16; NULL: F32 */
    const char *base_name;       /* base_model_name_or_path; NULL: null */
};
/* Write an adapter, with numbers, as a folder that PEFT loads, which appears whole or not
 * at all: `folder` is new, or an empty folder.  TR_EUNSUPPORTED, by name, for a pair that PEFT
 * has no module for. */
int tr_peft_export(const struct tr_lora *l, const struct tr_model *base,
                   const struct tr_peft_export_args *args, const char *folder,
                   struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
