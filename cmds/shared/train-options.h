/* SPDX-License-Identifier: MIT
 *
 * The options of `train`.
 */
#ifndef CMDS_SHARED_TRAIN_OPTIONS_H
#define CMDS_SHARED_TRAIN_OPTIONS_H

#include <libtrain/trainer.h>

struct train_opts {
    const char *model, *data, *output, *val, *log, *dump_grads, *lora_out;
    int64_t lora_r, batch, grad_acc, global_batch, epochs, steps, eval_every, save_every, keep;
    int64_t seed, mem_limit;
    double lora_alpha, lr, warmup, beta1, beta2, eps, weight_decay, clip;
    int full, shuffle, resume, restart, sched, optim, loss, precision, weights;
    int recompute, plan, fused_step;
    const char *lora_targets, *adapter_in;
};

/* Reads the command line into *o, over the defaults.  Ends the process if there is something
 * wrong with it, or for --help. */
void train_options(struct train_opts *o, int argc, char **argv);

/* The same for the library; after tr_comm_start, since --grad-acc is each process's. */
struct tr_train_args train_args(const struct train_opts *o);

#endif
