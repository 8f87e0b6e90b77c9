/* SPDX-License-Identifier: MIT
 *
 * All of the library, in reading order: from errors and memory to files, tensors, models and
 * a training run.  A program may as well include the one header it needs.
 */
#ifndef LIBTRAIN_LIBTRAIN_H
#define LIBTRAIN_LIBTRAIN_H

#include <libtrain/version.h>

#include <libtrain/error.h>
#include <libtrain/option.h>
#include <libtrain/printable.h>
#include <libtrain/arena.h>
#include <libtrain/file.h>
#include <libtrain/rng.h>
#include <libtrain/progress.h>
#include <libtrain/threads.h>
#include <libtrain/machine.h>
#include <libtrain/comm.h>

#include <libtrain/dtype.h>
#include <libtrain/gguf.h>
#include <libtrain/json.h>
#include <libtrain/chat.h>
#include <libtrain/tokenizer.h>
#include <libtrain/vocabulary.h>
#include <libtrain/text.h>
#include <libtrain/source.h>
#include <libtrain/token.h>
#include <libtrain/prepare.h>
#include <libtrain/pack.h>
#include <libtrain/packing.h>
#include <libtrain/dataset.h>

#include <libtrain/tensor.h>
#include <libtrain/precision.h>
#include <libtrain/tape.h>
#include <libtrain/ops.h>
#include <libtrain/op.h>
#include <libtrain/gradcheck.h>

#include <libtrain/model.h>
#include <libtrain/lora.h>
#include <libtrain/loss.h>
#include <libtrain/objective.h>
#include <libtrain/optim.h>
#include <libtrain/params.h>

#include <libtrain/init.h>
#include <libtrain/recipe.h>
#include <libtrain/generate.h>
#include <libtrain/imatrix.h>
#include <libtrain/quantize.h>
#include <libtrain/merge.h>
#include <libtrain/extract.h>
#include <libtrain/join.h>
#include <libtrain/amend.h>
#include <libtrain/split.h>
#include <libtrain/import.h>
#include <libtrain/hf_export.h>
#include <libtrain/peft.h>
#include <libtrain/play.h>
#include <libtrain/publish.h>
#include <libtrain/eval.h>
#include <libtrain/teacher.h>
#include <libtrain/train_args.h>
#include <libtrain/trainer.h>
#include <libtrain/checkpoint.h>
#include <libtrain/export.h>
#include <libtrain/embed.h>
#include <libtrain/personalize.h>

#endif
