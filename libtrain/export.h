/* SPDX-License-Identifier: MIT
 *
 * What was trained, out of a checkpoint: the adapter as llama.cpp reads it, or the whole
 * model if all its weights were trained.
 */
#ifndef LIBTRAIN_EXPORT_H
#define LIBTRAIN_EXPORT_H

#include <libtrain/gguf.h>
#include <libtrain/model.h>
#include <libtrain/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_export_args {
    const char *chat_template; /* what the training went through, if that was not the base's
                                  own, or NULL: a whole model gets it, an adapter its hash,
                                  libtrain.chat_template_hash */
    const char *name; /* of what was trained; NULL: none.  A model has the base's in front
                         of it (tr_gguf_set_fine_tuned) */
    int no_history; /* 1: a whole model does not get the arguments of the run as a line of history */
    struct tr_progress progress; /* in bytes of the new file */
};

/* Write what the checkpoint holds to `path`: an adapter, or a whole model, also where rows of
 * tokens were trained beside an adapter.  base is the model that the training started
 * from; a whole model gets its keys, names and types, and what was not trained as it is.
 * TR_EMISMATCH for another base, TR_EFORMAT for a damaged checkpoint and for numbers that
 * are not finite.  After a failure what was at `path` is still there. */
int tr_export(const struct tr_gguf *checkpoint, const struct tr_model *base,
              const struct tr_export_args *args, const char *path,
              struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
