/* SPDX-License-Identifier: MIT
 *
 * The files of a run in a scratch folder: make_run_files and remove_dir are a checked
 * fixture.
 */
#ifndef TESTS_RUN_FILES_H
#define TESTS_RUN_FILES_H

#include "scratch.h"
#include "tiny_model.h"

/* The first is there, a tiny llama. */
static const char *model, *data, *adapter;

static void make_run_files(void)
{
    make_dir();
    model = in_dir("model.gguf");
    data = in_dir("data.pack");
    adapter = in_dir("adapter.gguf");
    tiny_model_write(&tiny_llama, model);
}

#endif
