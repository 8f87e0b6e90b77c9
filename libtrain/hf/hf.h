/* SPDX-License-Identifier: MIT
 *
 * The inner face of hf/, for what publishes a model: a GGUF seen as the folder of Hugging Face that
 * it would be.
 */
#ifndef LIBTRAIN_HF_HF_H
#define LIBTRAIN_HF_HF_H

#include <libtrain/hf/export.h>
#include <libtrain/hf/map.h>
#include <libtrain/hf/vocab.h>

#endif
