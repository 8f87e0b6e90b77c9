/* SPDX-License-Identifier: MIT
 *
 * Files of a run with the model and the pack open: open_run, with rows of data, and close_run
 * are a checked fixture.
 */
#ifndef TESTS_OPEN_RUN_H
#define TESTS_OPEN_RUN_H

#include "run_files.h"

#include <libtrain/model.h>
#include <libtrain/threads.h>

static struct tr_model *m;
static struct tr_pack *pack;

static void open_run(int64_t rows)
{
    make_run_files();
    tiny_data_write(data, rows);
    tr_threads(1);
    m = tr_model_open(model, NULL);
    pack = tr_pack_open(data, NULL);
    ck_assert(m && pack);
}

static void close_run(void)
{
    tr_pack_close(pack);
    tr_model_close(m);
    remove_dir();
}

#endif
