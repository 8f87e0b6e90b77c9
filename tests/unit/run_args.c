/* SPDX-License-Identifier: MIT
 *
 * The fields of struct tr_train_args by name, as the library lists them.  A table whose
 * cells are "clip=0.5 batch=4" shows at a glance in what two runs differ, and a reported
 * run is a line of it.
 */
#include "run_args.h"

#include "training_run.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is kept lasts until the process ends: a run may ask for it as long as it lives. */
enum { MANY = 64 };

static void set_flag(const struct tr_train_arg *x, void *field, const char *value)
{
    (void)x;
    *(int *)field = atoi(value);
}

static void set_int(const struct tr_train_arg *x, void *field, const char *value)
{
    (void)x;
    *(int64_t *)field = strtoll(value, NULL, 10);
}

static void set_float(const struct tr_train_arg *x, void *field, const char *value)
{
    (void)x;
    *(double *)field = strtod(value, NULL);
}

/* "" is NULL. */
static void set_text(const struct tr_train_arg *x, void *field, const char *value)
{
    static char kept[MANY][128];
    static int n;
    char *text = kept[n++ % MANY];
    (void)x;
    snprintf(text, sizeof kept[0], "%s", value);
    *(const char **)field = *text ? text : NULL;
}

/* "" is NULL. */
static void set_choice(const struct tr_train_arg *x, void *field, const char *value)
{
    const void *kind = NULL;
    for (int i = 0; *value && x->choice->at(i); i++)
        if (!strcmp(x->choice->name_at(i), value))
            kind = x->choice->at(i);
    ck_assert_msg(kind || !*value, "there is no %s '%s'", x->field, value);
    memcpy(field, &kind, sizeof kind);
}

static void (*const set[])(const struct tr_train_arg *x, void *field, const char *value) = {
    [TR_ARG_FLAG] = set_flag,   [TR_ARG_INT] = set_int,   [TR_ARG_BYTES] = set_int,
    [TR_ARG_FLOAT] = set_float, [TR_ARG_TEXT] = set_text, [TR_ARG_LIST] = set_text,
    [TR_ARG_FILE] = set_text,   [TR_ARG_CHOICE] = set_choice,
};

/* What is no field is a number of the optimizer's, of the schedule's or of the loss's. */
static void add_setting(struct tr_train_args *a, const char *name, const char *value)
{
    static struct tr_setting kept[MANY][8];
    static char names[MANY][32];
    static int n;
    struct tr_setting *list = kept[n % MANY];
    char *copy = names[n++ % MANY];
    int used = 0;
    for (; a->setting && a->setting[used].name; used++)
        list[used] = a->setting[used];
    ck_assert_int_lt(used, 7);
    snprintf(copy, sizeof names[0], "%s", name);
    list[used] = (struct tr_setting){ copy, strtod(value, NULL) };
    list[used + 1] = (struct tr_setting){ 0 };
    a->setting = list;
}

static void change_one(struct tr_train_args *a, char *word)
{
    const struct tr_train_arg *x;
    if (!strcmp(word, "lora")) {
        run_args_change(a, "full=0 lora_rank=4 lora_alpha=8 lora_targets=all-linear "
                           "lr=2e-2 weight_decay=0");
        return;
    }
    char *value = strchr(word, '=');
    ck_assert_msg(value != NULL, "'%s' is no field=value", word);
    *value++ = 0;
    for (int i = 0; (x = tr_train_arg_at(i)); i++)
        if (!strcmp(x->field, word)) {
            set[x->kind](x, (char *)a + x->offset, value);
            return;
        }
    add_setting(a, word, value);
}

void run_args_change(struct tr_train_args *a, const char *words)
{
    char *copy = strdup(words), *rest = copy;
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        change_one(a, word);
    free(copy);
}

struct tr_train_args run_args(const char *words)
{
    struct tr_train_args a = reference_args(NULL);
    run_args_change(&a, words);
    return a;
}
