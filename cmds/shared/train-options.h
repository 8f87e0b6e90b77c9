/* SPDX-License-Identifier: MIT
 *
 * The options of `train`.
 */
#ifndef CMDS_SHARED_TRAIN_OPTIONS_H
#define CMDS_SHARED_TRAIN_OPTIONS_H

#include "rope.h"
#include "samples.h"

#include <libtrain/checkpoint.h>

struct train_opts {
    const char *model, *data, *val, *log, *metrics, *lora_config,
               *sched_file; /* in place of args.sched; NULL */
    struct tr_train_args args;   /* of the run, but for the packs; grad_acc as train_share
                                    leaves it */
    struct tr_train_hooks hooks; /* files and intervals */
    struct cmd_rope rope;
    double norm_eps; /* 0: as the model says */
    struct cmd_samples samples;  /* their files and numbers */
    int64_t global_batch, extra_epochs;
    struct cmd_list beneath; /* adapters that stay as they are */
    int plan, recompute, recompute_twice;
};

/* Reads the command line into *o, over the defaults.  Ends the process if there is something
 * wrong with it, or for --help.  What o->args points at lives as long as the process. */
void train_options(struct train_opts *o, int argc, char **argv);

/* Once it is known how many processes there are: --grad-acc is each one's. */
void train_share(struct train_opts *o);

#endif
