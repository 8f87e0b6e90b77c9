/* SPDX-License-Identifier: MIT
 *
 * The fields of struct tr_train_args by name.  A table whose cells are "clip=0.5 batch=4"
 * shows at a glance in what two runs differ, and a reported run is a line of it.
 */
#include "run_args.h"

#include "training_run.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_int(void *field, const char *value)
{
    *(int *)field = atoi(value);
}

static void set_int64(void *field, const char *value)
{
    *(int64_t *)field = strtoll(value, NULL, 10);
}

static void set_float(void *field, const char *value)
{
    *(float *)field = strtof(value, NULL);
}

static void set_double(void *field, const char *value)
{
    *(double *)field = strtod(value, NULL);
}

/* Kept until the process ends: a run may ask for it as long as it lives. */
static void set_text(void *field, const char *value)
{
    static char kept[32][128];
    static int n;
    char *text = kept[n++ % 32];
    snprintf(text, sizeof kept[0], "%s", value);
    *(const char **)field = text;
}

static void set_schedule(void *field, const char *value)
{
    *(const struct tr_schedule **)field = tr_schedule_by_name(value);
}

static void set_optim(void *field, const char *value)
{
    *(const struct tr_optim **)field = tr_optim_by_name(value);
}

static void set_loss(void *field, const char *value)
{
    *(const struct tr_loss_kind **)field = tr_loss_by_name(value);
}

static void set_precision(void *field, const char *value)
{
    const struct tr_precision *p;
    for (int i = 0; (p = tr_precision_at(i)); i++)
        if (!strcmp(p->name, value))
            break;
    *(const struct tr_precision **)field = p;
}

#define FIELD(name, set) { #name, set, offsetof(struct tr_train_args, name) }

static const struct {
    const char *name;
    void (*set)(void *field, const char *value);
    size_t offset;
} fields[] = {
    FIELD(full, set_int), FIELD(lora_rank, set_int), FIELD(lora_alpha, set_float),
    FIELD(lora_targets, set_text), FIELD(adapter_in, set_text), FIELD(batch, set_int64),
    FIELD(grad_acc, set_int64), FIELD(epochs, set_int64), FIELD(steps, set_int64),
    FIELD(lr, set_double), FIELD(warmup, set_double), FIELD(sched, set_schedule),
    FIELD(optim, set_optim), FIELD(beta1, set_double), FIELD(beta2, set_double),
    FIELD(eps, set_double), FIELD(weight_decay, set_double), FIELD(clip, set_double),
    FIELD(loss, set_loss), FIELD(shuffle, set_int), FIELD(seed, set_int64),
    FIELD(precision, set_precision), FIELD(bf16, set_int), FIELD(fused_step, set_int),
    FIELD(recompute, set_int64), FIELD(mem_limit, set_int64),
};

static void change(struct tr_train_args *a, const char *words);

static void change_one(struct tr_train_args *a, char *word)
{
    if (!strcmp(word, "lora")) {
        change(a, "full=0 lora_rank=4 lora_alpha=8 lora_targets=all-linear lr=2e-2 "
                  "weight_decay=0");
        return;
    }
    char *value = strchr(word, '=');
    ck_assert_msg(value != NULL, "'%s' is no field=value", word);
    *value++ = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strcmp(fields[i].name, word)) {
            fields[i].set((char *)a + fields[i].offset, value);
            return;
        }
    ck_abort_msg("a run has no argument '%s'", word);
}

static void change(struct tr_train_args *a, const char *words)
{
    char *copy = strdup(words), *rest = copy;
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        change_one(a, word);
    free(copy);
}

struct tr_train_args run_args(const char *words)
{
    struct tr_train_args a = reference_args(NULL);
    change(&a, words);
    ck_assert_msg(a.optim && a.sched && a.loss, "a kind that is not there: %s", words);
    return a;
}
